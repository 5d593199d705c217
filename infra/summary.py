"""`summary.json`: what a run did, in numbers that a script can check."""

from collections import Counter
from collections.abc import Iterable, Mapping

from pydantic import BaseModel, ConfigDict, ValidationError

from reenactory.infra.records import library_versions
from reenactory.infra.store import DamagedObject, Store


class PairList(BaseModel):
    """What names a run's pairs. Two runs with both digests alike, and the same versions, have the same table."""

    model_config = ConfigDict(extra="forbid")
    count: int
    drawn: str  # protocol, seed and limits; empty: the list does not say, or was changed since
    sha256: str
    clips_sha256: str  # of the keys of the clips that they name


class Forecast(BaseModel):
    """What was planned before a run, beside what came of it."""

    model_config = ConfigDict(extra="forbid")
    workers: int
    planned_seconds: float  # by the clock, with every worker busy all the time
    planned_worker_seconds: float  # at the rates that were measured in this store until then
    worker_seconds: float  # that the stages took
    price_per_hour: float | None = None  # of a worker: REENACTORY_PRICE_PER_HOUR

    def busy_share(self, seconds: float) -> float:
        """Of the time that the workers were there, the share in which a stage worked: 1 is all of it."""
        return self.worker_seconds / (self.workers * seconds) if seconds > 0 else 0.0

    def cost(self, seconds: float) -> float | None:
        """What all workers cost for so long."""
        return None if self.price_per_hour is None else self.price_per_hour * self.workers * seconds / 3600


class Summary(BaseModel):
    """Counts of one run. On a second run of the same work every `computed` is 0."""

    model_config = ConfigDict(extra="forbid")
    run: str
    flow: str
    items: int
    done: int
    rejected: dict[str, int]
    rejected_examples: dict[str, list[str]] = {}  # the first few of each reason, with their details
    failed: int
    failures: list[str] = []
    computed: dict[str, int]
    cached: dict[str, int]
    frames: int
    seconds: float
    frames_per_second: dict[str, float]
    outputs: dict[str, str]
    versions: dict[str, str]
    pairs: PairList | None = None  # where the flow has one
    notes: list[str] = []  # what a person should know besides
    forecast: Forecast | None = None  # where the flow planned any work

    @property
    def exit_code(self) -> int:
        """0: every item is done or rejected with a reason; 1: something failed that a retry could mend."""
        return 1 if self.failed else 0


def rates(frames: Mapping[str, int], seconds: Mapping[str, float]) -> dict[str, float]:
    """Frames per second of compute of one worker, per stage that computed anything."""
    return {stage: round(frames[stage] / seconds[stage], 2) for stage in frames if seconds.get(stage, 0) > 0}


def merge(run: str, flow: str, parts: Iterable[Summary]) -> Summary:
    """One summary of several flows that ran one after the other."""
    parts = list(parts)
    computed, cached, rejected = Counter[str](), Counter[str](), Counter[str]()
    outputs: dict[str, str] = {}
    speeds: dict[str, float] = {}
    for part in parts:
        computed.update(part.computed)
        cached.update(part.cached)
        rejected.update(part.rejected)
        outputs |= part.outputs
        speeds |= part.frames_per_second
    return Summary(
        run=run,
        flow=flow,
        items=sum(part.items for part in parts),
        done=sum(part.done for part in parts),
        rejected=dict(rejected),
        rejected_examples={reason: items for part in parts for reason, items in part.rejected_examples.items()},
        failed=sum(part.failed for part in parts),
        failures=[failure for part in parts for failure in part.failures],
        computed=dict(computed),
        cached=dict(cached),
        frames=sum(part.frames for part in parts),
        seconds=round(sum(part.seconds for part in parts), 2),
        frames_per_second=speeds,
        outputs=outputs,
        versions=library_versions(),
        pairs=next((part.pairs for part in reversed(parts) if part.pairs), None),
        notes=[note for part in parts for note in part.notes],
    )


def read_summary(store: Store, path: str) -> Summary:
    """MissingObject where there is none, DamagedObject where it cannot be read."""
    try:
        return Summary.model_validate_json(store.get(path))
    except ValidationError:
        raise DamagedObject(path, store.uri, "remove it, or run the command that wrote it again") from None


def write_summary(store: Store, summary: Summary) -> None:
    """`summary.json` is the latest flow of the run; each flow's own stays beside it."""
    payload = summary.model_dump_json(indent=1).encode()
    store.put(f"runs/{summary.run}/summary-{summary.flow}.json", payload)
    store.put(f"runs/{summary.run}/summary.json", payload)
