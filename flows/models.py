"""`reenactory models`: the weight catalogue as a person sees it."""

import sys
from collections.abc import Sequence

from rich.progress import Progress
from rich.table import Table

from reenactory.models.weights import catalogue, fetch, fetchable, verify


def render_catalogue() -> Table:
    """Every entry: what it is for, its licence, its size, its state on this machine."""
    table = Table("name", "what for", "licence", "MB", "state")
    states = {result.name: result.status for result in verify()}
    for name, entry in catalogue().items():
        licence = entry.licence if entry.commercial else f"{entry.licence} [bold](not for commercial use)[/]"
        size = f"{entry.bytes / 1e6:.1f}" if entry.bytes else ""
        table.add_row(name, entry.what, licence, size, states.get(name, f"bring your own: --weights {name}=PATH"))
    return table


def fetch_models(names: Sequence[str] | None) -> int:
    """Fetch what is missing, show licences that restrict use before it. Returns the exit code."""
    entries = catalogue()
    chosen = list(names) if names else fetchable()
    for name in chosen:
        if name in entries and not entries[name].commercial:
            sys.stderr.write(f"{name}: not for commercial use: {entries[name].licence}\n")
    with Progress(transient=True) as bar:
        tasks = {name: bar.add_task(name, total=None) for name in chosen}

        def advance(name: str, done: int, total: int) -> None:
            bar.update(tasks[name], completed=done, total=total)

        results = fetch(chosen, advance)
    for result in results:
        origin = f" from {result.source}, {result.seconds:.1f} s" if result.source else ""
        sys.stdout.write(f"{result.status:8} {result.name}{origin}\n")
    return 0


def verify_models() -> int:
    """Verify the cache. Returns 0 when everything is here and right."""
    results = verify()
    for result in results:
        sys.stdout.write(f"{result.status:9} {result.name}  {result.path}\n")
    return 0 if all(result.status in ("ok", "override") for result in results) else 1
