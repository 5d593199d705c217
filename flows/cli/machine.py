"""`demo`, `doctor`: whether all of it works here."""

from pathlib import Path
from typing import Annotated

import typer

from reenactory.flows.cli.options import WorkersOption
from reenactory.flows.cli.shell import console, finish

app = typer.Typer()


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="Folder for the store, the report and the renders.")] = Path("out/demo"),
    workers: WorkersOption = None,
    frames: Annotated[int, typer.Option(min=8, help="Driving frames per pair.")] = 48,
) -> None:
    """The whole pipeline on the demo clips: what `make demo` runs."""
    from reenactory.flows.demo import demo

    result = demo(out, workers, frames)
    finish(result.summary, result.places)


@app.command()
def doctor() -> None:
    """What this machine has, what is missing, and how to get it."""
    from reenactory.flows.doctor import examine, render_findings

    findings = examine()
    console().print(render_findings(findings))
    raise typer.Exit(0 if all(finding.ok for finding in findings if finding.needed) else 1)
