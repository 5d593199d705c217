"""Numbers that papers have printed, beside the run's own: for orientation, never in one ranking."""

import csv
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

from reenactory.models.metrics.definition import ARROWS, Direction
from reenactory.models.metrics.registry import DEFINITIONS, KNOWN
from reenactory.tasks.report.format import number
from reenactory.tasks.report.run import RunData

RESULTS = Path(__file__).with_name("published_results.csv")
TASKS = {"self": "self-ID", "cross": "cross-ID"}
DIRECTIONS: Mapping[str, Direction] = {"higher": "higher", "lower": "lower"}

# What keeps a paper's numbers from being compared with anybody's, as far as its text and its numbers tell.
DIFFERS = {
    "3DFlowRenderer": {
        "self": "The first frame of each of 477 test clips drives all others.",
        "cross": "A random frame of one clip is driven by another random clip. AKD and FID are against another "
        "person's frames. FOMM and DaGAN probably ran with relative motion there, which no other table does.",
    },
    "Exploiting Multiple Guidance from 3DMM": {
        "self": "20 random pairs of frames per clip, each a source and a driver: no videos.",
        "cross": "Random pairs of frames of two people (on CelebV 1,000 per identity): no videos.",
    },
    "NOFA": {
        "self": "20 clips of HDTF, cropped otherwise than VoxCeleb: its PSNR of 32 with an SSIM of 0.62 does not fit "
        "the scale of the others.",
        "cross": "1,000 portraits of CelebA-HQ, or clips of NeRFACE, driven by other people.",
    },
}


class PublishedColumn(NamedTuple):
    """A metric as a paper prints it, and the run's metric that is nearest to it."""

    name: str
    arrow: str
    ours: str  # empty where this version has none
    note: str  # what differs or is left unsaid in the paper


class PublishedTable(NamedTuple):
    """One table of a paper, rows and columns in its order."""

    paper: str
    table: str
    dataset: str
    differs: str
    columns: list[PublishedColumn]
    rows: list[tuple[str, list[str]]]  # method, values as printed
    ours: list[tuple[str, list[str]]]  # renderer, values
    inferred: bool  # which column a value belongs to had to be guessed
    first: bool  # of its paper: the main one


def published_tables(data: RunData) -> dict[str, list[PublishedTable]]:
    """The tables of each protocol that the run has."""
    present = {str(line["protocol"]) for line in data.aggregates}
    return {protocol: _tables(data, protocol) for protocol in TASKS if protocol in present}


@cache
def published_rows() -> tuple[Mapping[str, str], ...]:
    """The rows of the file: paper, table, dataset, task, method, metric, value, direction."""
    with RESULTS.open(newline="", encoding="utf-8") as file:
        return tuple(csv.DictReader(file))


def _tables(data: RunData, protocol: str) -> list[PublishedTable]:
    values = {
        (str(line["renderer"]), str(line["metric"])): line["value"]
        for line in data.aggregates
        if line["protocol"] == protocol
    }
    tables: dict[tuple[str, str, str], list[Mapping[str, str]]] = {}
    for row in published_rows():
        if row["task"] == TASKS[protocol]:
            tables.setdefault((row["paper"], row["table"], row["dataset"]), []).append(row)
    seen: set[str] = set()
    made: list[PublishedTable] = []
    for (paper, table, dataset), rows in tables.items():
        metrics = {row["metric"]: row["direction"] for row in rows}
        columns = [_column(paper, metric, direction) for metric, direction in metrics.items()]
        methods: dict[str, dict[str, str]] = {}
        for row in rows:
            methods.setdefault(row["method"], {})[row["metric"]] = row["value"]
        printed = [(name, [found.get(metric, "–") for metric in metrics]) for name, found in methods.items()]
        ours = [(name, [_number(values.get((name, column.ours))) for column in columns]) for name in data.renderers]
        differs = DIFFERS[paper][protocol]
        inferred = table.endswith("*")
        made.append(
            PublishedTable(
                paper, table.rstrip("*"), dataset, differs, columns, printed, ours, inferred, paper not in seen
            )
        )
        seen.add(paper)
    return made


def _column(paper: str, metric: str, direction: str) -> PublishedColumn:
    arrow = ARROWS[DIRECTIONS[direction]]
    for entry in DEFINITIONS:
        note = next((use.note for use in entry.used_by if use.paper == paper), None)
        if note is not None and entry.name.split("_")[0] == metric.lower():
            return PublishedColumn(metric, arrow, entry.name, note)
    return PublishedColumn(metric, arrow, metric.lower() if metric.lower() in KNOWN else "", "")


def _number(value: object) -> str:
    return number(value if isinstance(value, float) else None)
