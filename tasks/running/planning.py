"""What is cached and what has to be computed, and how long that takes: for `plan` and for the time left."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from reenactory.infra.entries import Entry
from reenactory.infra.glance import Glance
from reenactory.infra.index import RecordIndex
from reenactory.infra.receipts import Receipts
from reenactory.infra.shards import steady_shards
from reenactory.infra.sources import Source
from reenactory.tasks.preprocess import STAGES, Preprocessing, estimated_frames
from reenactory.tasks.running.rates import TYPICAL_SECONDS_PER_FRAME, measured_seconds_per_frame
from reenactory.tasks.stage import Chain

_CACHED = "cached "  # before a stage, among a receipt's counts


@dataclass
class Plan:
    """Counts of artefacts and frames per stage. What is not known before a video was opened is estimated."""

    videos: int
    workers: int
    empty: int = 0  # of the videos: files without a byte, that are yet to be rejected, without any work
    unfinished: int = 0  # of the videos: those with anything left to do
    cached: Counter[str] = field(default_factory=Counter)
    to_compute: Counter[str] = field(default_factory=Counter)
    frames: Counter[str] = field(default_factory=Counter)  # still to compute
    seconds_per_frame: dict[str, float] = field(default_factory=dict)
    measured: dict[str, bool] = field(default_factory=dict)

    def add(self, other: "Plan") -> None:
        """Take in the counts of more videos."""
        self.videos += other.videos
        self.empty += other.empty
        self.unfinished += other.unfinished
        self.cached += other.cached
        self.to_compute += other.to_compute
        self.frames += other.frames

    def as_counts(self) -> dict[str, int]:
        """What a receipt keeps of a plan by which nothing is left to do."""
        return {"videos": self.videos, "empty": self.empty} | {f"{_CACHED}{name}": n for name, n in self.cached.items()}

    @classmethod
    def of_counts(cls, counts: Mapping[str, int], workers: int) -> "Plan":
        """The inverse of `as_counts`."""
        cached = Counter({name.removeprefix(_CACHED): n for name, n in counts.items() if name.startswith(_CACHED)})
        return cls(counts["videos"], workers, counts["empty"], cached=cached)

    def take_rates(self, index: RecordIndex) -> None:
        """Rates measured in a store, as far as there are any."""
        for stage in STAGES:
            rate = measured_seconds_per_frame(index, stage)
            self.measured[stage] = rate is not None
            self.seconds_per_frame[stage] = TYPICAL_SECONDS_PER_FRAME[stage] if rate is None else rate

    @property
    def compute_seconds(self) -> float:
        """Of one worker, at the measured rates."""
        return sum(frames * self.seconds_per_frame[stage] for stage, frames in self.frames.items() if frames)

    @property
    def hours(self) -> float:
        """Of all workers together."""
        return self.compute_seconds / 3600 / max(1, self.workers)


def plan_videos(
    jobs: Preprocessing, sources: Iterable[Source], index: RecordIndex, workers: int, receipts: Receipts | None = None
) -> Plan:
    """Follow the records as far as they go; beyond them, one clip as long as its video is assumed.

    Args:
        receipts: of the dataset's finished shards, whose records need not be asked for.
    """
    made = Plan(0, workers)
    for shard in shards_of(sources):
        receipt = None if receipts is None else receipts.find(shard[0].uri, jobs.fingerprint(shard))
        known = None if receipt is None else Plan.of_counts(receipt.counts, workers)
        made.add(known or plan_shard(jobs, shard, Glance(index), workers))
    made.take_rates(index)
    return made


def shards_of(sources: Iterable[Source]) -> Iterator[list[Source]]:
    """Videos in the shards that they are worked on in: a new video changes its own and few others."""
    return steady_shards(sources, estimated_frames, lambda source: int(source.sha256[:2], 16) % 32 == 0)


def plan_shard(jobs: Preprocessing, shard: Sequence[Source], index: Glance, workers: int) -> Plan:
    """Counts alone; where `unfinished` is 0, nothing is left of the shard but to write its rows."""
    made, unfinished = Plan(sum(map(jobs.wants, shard)), workers), set[str]()
    chains = [(source, jobs.video_chain(source)) for source in jobs.distinct(shard)]
    while chains:  # those of all videos, then all that follow from them: a question for each takes a tenth longer
        index.foresee((job.stage, key) for _, chain in chains for job in chain for key in job.keys)
        following: list[tuple[Source, Chain]] = []
        for source, chain in chains:
            missing, entries = _count_empty(made, chain, index) if not source.size_bytes else _count(made, chain, index)
            if missing:
                unfinished.add(source.uri)
                _guess_what_follows(made, chain, source)
            elif source.size_bytes:
                following += [(source, more) for more in jobs.follow_up(source, chain, entries)]
        chains = following
    made.unfinished = len(unfinished)
    return made


def _count_empty(made: Plan, chain: Chain, index: Glance) -> tuple[int, dict[str, Entry]]:
    """As `_count`, of a file without a byte: it will be rejected, without any work."""
    known = index.told("detect", chain[0].keys[0])
    made.empty += known is None
    made.cached["detect"] += known is not None
    return int(known is None), {}


def _guess_what_follows(made: Plan, chain: Chain, source: Source) -> None:
    """Of a chain that is not there yet: one clip as long as its video, or the clips that were found."""
    if not source.size_bytes:
        return
    if chain[0].stage == "detect":
        _guess(made, ("crop", "matte", "face3d"), estimated_frames(source))
    elif chain[0].stage == "crop":
        _guess(made, ("matte", "face3d"), chain[0].frames)


def _count(made: Plan, chain: Chain, index: Glance) -> tuple[int, dict[str, Entry]]:
    """Counts a chain's artefacts; returns how many have to be computed (those after a rejection never are), and what
    is known of the others."""
    missing, known = 0, dict[str, Entry]()
    for job in chain:
        looked_up = ((key, index.told(job.stage, key)) for key in job.keys)
        found = {key: entry for key, entry in looked_up if entry is not None}
        absent = len(job.keys) - len(found)
        made.cached[job.stage] += len(found)
        made.to_compute[job.stage] += absent
        made.frames[job.stage] += job.frames * absent // max(1, len(job.keys))
        missing += absent
        known |= found
        if not absent and all(entry.outcome == "rejected" for entry in found.values()):
            break
    return missing, known


def _guess(made: Plan, stages: tuple[str, ...], frames: int) -> None:
    for stage in stages:
        made.to_compute[stage] += 1
        made.frames[stage] += frames
