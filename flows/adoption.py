"""Renders that somebody else's method made, taken into a run beside its own."""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

import pyarrow as pa

from reenactory.flows.run_files import run_path
from reenactory.flows.workplace import Workplace
from reenactory.infra.entries import Entry
from reenactory.infra.render_files import RenderFiles, find_renders
from reenactory.infra.sources import Source, with_digests
from reenactory.infra.tables import get_table, put_table
from reenactory.tasks.adopt import FOR_PEOPLE, FirstFrame, Params
from reenactory.tasks.errors import WrongUseError
from reenactory.tasks.outcomes import Reason
from reenactory.tasks.pairs import Pair
from reenactory.tasks.rendering import RENDERS
from reenactory.tasks.scoring import Scoring

SHOWN = 3


class Brought(NamedTuple):
    """What the user brings."""

    folder: str
    name: str  # of the method
    panel: str | None = None  # "I/N"
    first_frame: FirstFrame = "driven"

    @property
    def params(self) -> Params:
        """Raises WrongUseError where there is no such panel."""
        if self.panel is None:
            return Params(first_frame=self.first_frame)
        which, _, of = self.panel.partition("/")
        if int(which) > int(of):
            raise WrongUseError(f"--panel {self.panel}: panels are counted from 1 to {of}, from the left")
        return Params(panel=int(which), panels=int(of), first_frame=self.first_frame)


def adopt_renders(place: Workplace, jobs: Scoring, run: str, brought: Brought, pairs: Sequence[Pair]) -> None:
    """Take in videos and folders of frames named after pairs; a pair without one is a row too, with its reason.

    Raises:
        WrongUseError: the run has renders of its own under that name, nothing is named after a pair, two are named
            after the same, or there is no such panel.
    """
    target, params = run_path(run, f"renders/{brought.name}.parquet"), brought.params
    if place.store.exists(target) and "render" in get_table(place.store, target)["stage"].to_pylist():
        raise WrongUseError(f"run {run!r} has renders of its own called {brought.name!r}; take another --name")
    found = find_renders(brought.folder)
    renders = _by_pair(found, run, brought.folder, pairs)
    digested = {source.uri: source for source in with_digests(place.store, list(renders.values()))}
    chains = {
        pair.pair_id: jobs.adopt(pair, brought.name, digested[renders[pair.pair_id].uri], params)
        for pair in pairs
        if pair.pair_id in renders
    }
    place.notes += _counted(found, renders, pairs)
    place.ledger.add(place.drive(list(chains.values())))
    rows: list[dict[str, object]] = []
    for pair in pairs:
        row: dict[str, object] = {"pair_id": pair.pair_id, "renderer": brought.name, "stage": "adopt"}
        if pair.pair_id not in chains:
            detail = f"neither {pair.pair_id}.mp4 nor {pair.pair_id}/ in {brought.folder}"
            rows.append({**row, "outcome": "rejected", "reason": Reason.NOT_RENDERED.value, "detail": detail})
            continue
        entry = place.index.get("adopt", chains[pair.pair_id][0].keys[0])
        if entry is not None:
            told = _for_people(entry) if entry.outcome == "done" else entry.detail
            verdict = {"outcome": entry.outcome, "reason": entry.reason, "detail": told}
            rows.append({**row, "render_key": entry.key, **verdict})
    place.notes += _warned(rows)
    put_table(place.store, target, pa.Table.from_pylist(rows, schema=RENDERS))


def _for_people(entry: Entry) -> str | None:
    """What the row of a render says that is one of our own videos for people, which were never meant to be scored."""
    marks = entry.facts.get("for_people")
    return f"{FOR_PEOPLE}: {marks}" if marks else None


def _warned(rows: Sequence[Mapping[str, object]]) -> list[str]:
    ours = [str(row["pair_id"]) for row in rows if str(row.get("detail") or "").startswith(FOR_PEOPLE)]
    if not ours:
        return []
    return [
        f"WARNING: {_few(ours)} are videos that reenactory made for people, lossy and as a rule with a label and a "
        "watermark in the picture: their scores are not the method's. `reenactory evaluate` without --renders scores "
        "the lossless frames of the run that rendered them"
    ]


def _by_pair(found: RenderFiles, run: str, folder: str, pairs: Sequence[Pair]) -> Mapping[str, Source]:
    wanted = {pair.pair_id for pair in pairs}
    renders: dict[str, Source] = {}
    for source in found.renders:
        if source.video_id not in wanted:
            continue
        if source.video_id in renders:
            both = f"{renders[source.video_id].uri} and {source.uri}"
            raise WrongUseError(f"two renders of pair {source.video_id}: {both}; leave one")
        renders[source.video_id] = source
    if not renders:
        example = pairs[0].pair_id if pairs else "PAIR_ID"
        there = ", ".join(source.video_id for source in found.renders[:SHOWN])
        raise WrongUseError(
            f"{folder}: nothing is named after a pair of run {run!r}, e.g. {example}.mp4 or a folder {example}; "
            f"there are: {there}"
        )
    return renders


def _counted(found: RenderFiles, renders: Collection[str], pairs: Sequence[Pair]) -> list[str]:
    """How the folder and the pair list fit together, in words."""
    missing = [pair.pair_id for pair in pairs if pair.pair_id not in renders]
    surplus = [source.video_id for source in found.renders if source.video_id not in renders] + found.others
    lines = [f"renders: {len(renders)} of {len(pairs)} pairs"]
    lines += [f"missing: {_few(missing)}"] if missing else []
    lines += [f"surplus, not used: {_few(surplus)}"] if surplus else []
    return lines


def _few(names: Sequence[str]) -> str:
    more = ", ..." if len(names) > SHOWN else ""
    return f"{len(names)} ({', '.join(names[:SHOWN])}{more})"
