"""`reenactory store ...`: looking after a store."""

import sys
from typing import Annotated

import typer

from reenactory.flows.cli.options import StoreOption
from reenactory.flows.cli.shell import say

app = typer.Typer(no_args_is_help=True, help="Look after a store: leftovers, damage, a person to be forgotten.")

SHOWN = 20  # of a long list; the rest is counted


@app.command("gc")
def gc(
    store: StoreOption,
    delete: Annotated[bool, typer.Option("--delete", help="Remove what is found. Default: only say it.")] = False,
    older_than_hours: Annotated[
        float, typer.Option(min=0.0, help="Younger files may belong to a run that is under way; they are left alone.")
    ] = 24.0,
) -> None:
    """What killed runs left: files without a record, unfinished files, index entries without a record."""
    from reenactory.infra.store import open_store
    from reenactory.infra.upkeep import collect_garbage
    from reenactory.tasks.stage import STAGES

    found = collect_garbage(open_store(store, create=False), STAGES, older_than_hours * 3600, delete)
    _list([left.path for left in [*found.orphans, *found.unfinished]])
    size = sum(left.bytes for left in [*found.orphans, *found.unfinished])
    stale = sum(len(keys) for keys in found.stale.values())
    say(
        f"{'removed' if delete else 'found'}: {len(found.orphans)} files without a record, {len(found.unfinished)} "
        f"unfinished, {size / 1e6:.1f} MB in all; {stale} index entries without a record; "
        f"{found.spared} files are younger than {older_than_hours:g} h and were left alone"
    )
    if not delete and (found.orphans or found.unfinished or stale):
        say("nothing was removed: give --delete")


@app.command("verify")
def verify(
    store: StoreOption,
    sizes_only: Annotated[bool, typer.Option("--sizes-only", help="Do not read the files, only the records.")] = False,
    repair: Annotated[
        bool, typer.Option("--repair", help="Remove records that do not hold, so that the next run makes them again.")
    ] = False,
) -> None:
    """Whether each record's files are there, in their sizes and with their sha256. Exit code 1: some are not."""
    from reenactory.infra.store import open_store
    from reenactory.infra.upkeep import faults, remove_records
    from reenactory.tasks.stage import STAGES

    opened = open_store(store, create=False)
    looked_at, wrong, records = 0, list[str](), list[str]()
    for fault in faults(opened, STAGES, sizes_only):
        looked_at += 1
        if fault is not None:
            wrong.append(f"{fault.record_path}: {fault.problem}")
            records.append(fault.record_path)
    if repair:
        remove_records(opened, records)
    _list(wrong)
    done = "removed: the next run makes these artefacts again" if repair else "give --repair to have them made again"
    say(f"{looked_at} records, {len(wrong)} do not hold" + (f"; {done}" if wrong else ""))
    sys.exit(1 if wrong and not repair else 0)


@app.command("forget")
def forget(
    store: StoreOption,
    identity: Annotated[str, typer.Option(help="As in the column identity of the clips table.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be removed.")] = False,
) -> None:
    """Remove every artefact, row and record that derives from a person, in all datasets and runs."""
    from reenactory.infra.store import open_store
    from reenactory.tasks.forget import forget

    removed = forget(open_store(store, create=False), identity, dry_run)
    word = "would be removed" if dry_run else "removed"
    counts = ", ".join(f"{count} {stage}" for stage, count in sorted(removed.artefacts.items()))
    say(f"{word}: artefacts: {counts or 'none'}; {removed.bytes / 1e6:.1f} MB")
    for folder, count in sorted(removed.rows.items()):
        say(f"{word}: {count} rows of {folder}")
    for path in removed.files:
        say(f"{word}: {path}")
    for path in removed.edited:
        say(f"{'would be edited' if dry_run else 'edited'}: {path}")
    say("Not touched: pair files outside the store, backups, older versions of objects in a bucket, and these videos,")
    say("which the next run would take up again: remove them from its inputs.")
    for uri in removed.videos:
        say(f"  {uri}")


@app.command("rebuild-index")
def rebuild(store: StoreOption) -> None:
    """Write the index of records anew from the records themselves."""
    from reenactory.infra.index import rebuild_index
    from reenactory.infra.store import open_store

    say(f"{rebuild_index(open_store(store, create=False))} records indexed")


def _list(lines: list[str]) -> None:
    for line in lines[:SHOWN]:
        say(line)
    if len(lines) > SHOWN:
        say(f"and {len(lines) - SHOWN} more")
