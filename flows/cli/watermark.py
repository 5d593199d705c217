"""`watermark read`: what render a video is."""

import sys
from typing import Annotated

import typer

from reenactory.flows.cli.shell import say

app = typer.Typer(no_args_is_help=True, help="The invisible mark in published renders.")


@app.callback()
def commands() -> None:
    """Keeps `read` a word of its own: one command alone would take its place."""


@app.command("read")
def read(
    videos: Annotated[list[str], typer.Argument(help="Files, folders or globs.")],
    store: Annotated[str | None, typer.Option(help="Say which render of this store it is.")] = None,
) -> None:
    """The id in each video, and the render it belongs to. Exit code 1: some hold none that can be read."""
    from reenactory.flows.watermark import read_marks

    missing = False
    for found in read_marks(videos, store):
        say(found.line)
        for name in found.renders:
            say(f"  render {name}")
        if store is not None and found.reading is not None and not found.renders:
            say(f"  no run of {store} has such a render")
        missing |= found.reading is None
    sys.exit(1 if missing else 0)
