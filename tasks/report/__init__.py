"""The report of a run: one static HTML file."""

from reenactory.tasks.report.page import render_report, write_report

__all__ = ["render_report", "write_report"]
