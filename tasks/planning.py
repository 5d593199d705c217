"""What is cached and what has to be computed, and how long that takes: for `plan` and for the time left."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from reenactory.infra.index import RecordIndex
from reenactory.infra.sources import Source
from reenactory.tasks.preprocess import Preprocessing, estimated_frames
from reenactory.tasks.rates import TYPICAL_SECONDS_PER_FRAME, measured_seconds_per_frame
from reenactory.tasks.stage import Chain

STAGES = ("detect", "track", "crop", "matte", "face3d")


@dataclass
class Plan:
    """Counts of artefacts and frames per stage. What is not known before a video was opened is estimated."""

    videos: int
    workers: int
    empty: int = 0  # of the videos: files without a byte, that are rejected without any work
    cached: Counter[str] = field(default_factory=Counter)
    to_compute: Counter[str] = field(default_factory=Counter)
    frames: Counter[str] = field(default_factory=Counter)  # still to compute
    seconds_per_frame: dict[str, float] = field(default_factory=dict)
    measured: dict[str, bool] = field(default_factory=dict)

    @property
    def compute_seconds(self) -> float:
        """Of one worker, at the measured rates."""
        return sum(self.frames[stage] * self.seconds_per_frame[stage] for stage in STAGES)

    @property
    def hours(self) -> float:
        """Of all workers together."""
        return self.compute_seconds / 3600 / max(1, self.workers)


def plan_videos(jobs: Preprocessing, sources: Iterable[Source], index: RecordIndex, workers: int) -> Plan:
    """Follow the records as far as they go; beyond them, one clip as long as its video is assumed."""
    sources = [source for source in sources if jobs.wants(source)]
    made = Plan(len(sources), workers)
    for source in sources:
        _count_video(made, jobs, source, index)
    for stage in STAGES:
        rate = measured_seconds_per_frame(index, stage)
        made.measured[stage] = rate is not None
        made.seconds_per_frame[stage] = TYPICAL_SECONDS_PER_FRAME[stage] if rate is None else rate
    return made


def _count_video(made: Plan, jobs: Preprocessing, source: Source, index: RecordIndex) -> None:
    if not source.size_bytes:
        made.empty += 1
        return
    chains = [jobs.video_chain(source)]
    while chains:
        chain = chains.pop()
        if not _count(made, chain, index):
            entries = {key: entry for job in chain for key in job.keys if (entry := index.get(job.stage, key))}
            chains += jobs.follow_up(source, chain, entries)
        elif chain[0].stage == "detect":
            _guess(made, ("crop", "matte", "face3d"), estimated_frames(source))
        elif chain[0].stage == "crop":
            _guess(made, ("matte", "face3d"), chain[0].frames)


def _count(made: Plan, chain: Chain, index: RecordIndex) -> int:
    """Counts a chain's artefacts; returns how many have to be computed (those after a rejection never are)."""
    missing = 0
    for job in chain:
        entries = [index.get(job.stage, key) for key in job.keys]
        absent = sum(entry is None for entry in entries)
        made.cached[job.stage] += len(entries) - absent
        made.to_compute[job.stage] += absent
        made.frames[job.stage] += job.frames * absent // max(1, len(entries))
        missing += absent
        if not absent and all(entry is not None and entry.outcome == "rejected" for entry in entries):
            break
    return missing


def _guess(made: Plan, stages: tuple[str, ...], frames: int) -> None:
    for stage in stages:
        made.to_compute[stage] += 1
        made.frames[stage] += frames
