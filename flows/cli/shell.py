"""What every command does around its flow: weights, Prefect or not, the last lines, the exit code."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, TypeVar

from pydantic import BaseModel
from rich.console import Console

if TYPE_CHECKING:
    from reenactory.infra.summary import Summary

Request = TypeVar("Request", bound=BaseModel)

WIDTH_WITHOUT_TERMINAL = 160


def use_weights(given: list[str] | None) -> None:
    """Put --weights where worker processes find them too: in the environment."""
    from reenactory.models.weights import catalogue, overrides_text
    from reenactory.tasks.errors import WrongUseError

    named = dict(text.partition("=")[::2] for text in given or [])
    wrong = [f"{name}={path}" for name, path in named.items() if name not in catalogue() or not path]
    if wrong:
        raise WrongUseError(f"--weights {wrong[0]}: give NAME=PATH; names are {', '.join(catalogue())}")
    if named:
        os.environ["REENACTORY_WEIGHTS"] = overrides_text({name: Path(path) for name, path in named.items()})


def use_cluster(ray_address: str | None) -> None:
    """Put --ray-address where whoever starts Ray looks."""
    if ray_address:
        os.environ["REENACTORY_RAY_ADDRESS"] = ray_address


def run_flow(
    function: Callable[[Request], "Summary"],
    request: Request,
    flow: str,
    prefect: bool,
    show: Callable[[], None] = lambda: None,
) -> NoReturn:
    """Run a flow, show its results, end with the lines of every command."""
    if prefect or os.environ.get("PREFECT_API_URL"):
        from reenactory.flows import deployments
        from reenactory.flows.serve import require_server

        require_server()
        function = getattr(deployments, flow)
    summary = function(request)
    show()
    finish(summary, summary.outputs)


def finish(summary: "Summary", places: dict[str, str]) -> NoReturn:
    from reenactory.flows.closing import closing_lines

    for line in closing_lines(summary, places):
        say(line)
    sys.exit(summary.exit_code)


def console() -> Console:
    """Tables keep their columns where the output is a file or a log, which has no width of its own."""
    return Console() if sys.stdout.isatty() else Console(width=WIDTH_WITHOUT_TERMINAL)


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
