"""What the run cost: seconds per frame of each stage, by its records, and what the last flows took from the store."""

from collections.abc import Iterator
from typing import NamedTuple

from reenactory.infra.entries import Entry
from reenactory.infra.index import RecordIndex
from reenactory.infra.store import Store
from reenactory.infra.summary import read_summary
from reenactory.tasks.report.run import RunData
from reenactory.tasks.scoring import Rendered

FINDING = ("detect", "track")  # of videos: which clip needed which is known to the records alone
PREPARING = ("crop", "matte", "face3d")


class StageCost(NamedTuple):
    """One stage over what the run needed of it."""

    work: str
    stage: str
    items: int
    frames: int
    seconds: float  # of compute, as the worker that did it has measured

    @property
    def milliseconds_per_frame(self) -> float | None:
        return 1000 * self.seconds / self.frames if self.frames else None


class FlowCost(NamedTuple):
    """The latest call of a flow."""

    flow: str
    seconds: float
    computed: int  # artefacts
    cached: int


class Cost(NamedTuple):
    """All of it."""

    stages: list[StageCost]
    flows: list[FlowCost]
    missing: int  # artefacts whose record is gone


def cost(store: Store, data: RunData) -> Cost:
    """Records are looked up in the index: the store is asked for those alone that it lacks."""
    index = RecordIndex(store)
    stages: dict[tuple[str, str], StageCost] = {}
    missing = 0

    def add(work: str, entry: Entry) -> None:
        place = work, entry.stage
        known = stages.get(place, StageCost(*place, 0, 0, 0.0))
        items, frames, seconds = known.items + 1, known.frames + entry.frames, known.seconds + entry.seconds
        stages[place] = StageCost(*place, items, frames, seconds)

    for stage in FINDING:
        for entry in index.entries(stage):
            add("all videos of the store", entry)
    for work, stage, key in dict.fromkeys([*_clips(data), *_renders(data)]):
        found = index.get(stage, key)
        if found is None:
            missing += 1
        else:
            add(work, found)
    return Cost(list(stages.values()), list(_flows(store, data)), missing)


def _clips(data: RunData) -> Iterator[tuple[str, str, str]]:
    used = sorted({name for pair in data.pairs for name in (pair.source_clip, pair.driving_clip)})
    for stage in PREPARING:
        for name in used:
            key = data.clip[name][f"{stage}_key"]
            if key:
                yield "clips of the pairs", stage, str(key)


def _renders(data: RunData) -> Iterator[tuple[str, str, str]]:
    by_id = {pair.pair_id: pair for pair in data.pairs}
    for name in data.renderers:
        for row in data.renders:
            if row["renderer"] == name and row["outcome"] == "done":
                rendered = Rendered(by_id[str(row["pair_id"])], name, str(row["stage"]), str(row["render_key"]))
                yield name, rendered.stage, rendered.key
                yield from ((name, job.stage, job.keys[0]) for job in data.scoring.chain(rendered))


def _flows(store: Store, data: RunData) -> Iterator[FlowCost]:
    rendering = [(f"render {name}", data.run, f"render-{name}") for name in data.renderers]
    preparing = (f"preprocess {data.dataset}", f"preprocess-{data.dataset}", "preprocess")
    for flow, run, name in (preparing, *rendering, ("evaluate", data.run, "evaluate")):
        path = f"runs/{run}/summary-{name}.json"
        if store.exists(path):
            summary = read_summary(store, path)
            yield FlowCost(flow, summary.seconds, sum(summary.computed.values()), sum(summary.cached.values()))
