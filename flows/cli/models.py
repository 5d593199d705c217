"""`models ...`: where weights come from, whether they are here."""

import sys
from typing import Annotated

import typer

from reenactory.flows.cli.shell import console

app = typer.Typer(no_args_is_help=True, help="Weights and demo clips: where they come from, whether they are here.")


@app.command("list")
def models_list() -> None:
    """Every file of the catalogue: what for, licence, whether it is here."""
    from reenactory.flows.models import render_catalogue

    console().print(render_catalogue())


@app.command("fetch")
def models_fetch(
    names: Annotated[list[str] | None, typer.Argument(help="Catalogue names. Default: all.")] = None,
) -> None:
    """Download what is missing, verify it, cache it."""
    from reenactory.flows.models import fetch_models

    sys.exit(fetch_models(names))


@app.command("verify")
def models_verify() -> None:
    """Check the sha256 of every cached file; wrong ones are removed."""
    from reenactory.flows.models import verify_models

    sys.exit(verify_models())
