"""`metrics list`: what every number means."""

from typing import Annotated

import typer

from reenactory.flows.cli.shell import console, say

app = typer.Typer(no_args_is_help=True, help="What every number means: formula, range, direction, who uses it.")


@app.command("list")
def metrics_list(
    names: Annotated[
        list[str] | None, typer.Argument(help="Metrics to explain, or parts of their names. Default: all.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, for a program.")] = False,
) -> None:
    """Every metric: its definition string, formula, range, direction, inputs, weights and users."""
    from reenactory.flows.metrics import metrics_json, metrics_text

    say(metrics_json(names) if as_json else metrics_text(names, console().width))
