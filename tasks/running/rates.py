"""How long work takes: measured seconds per frame of each stage, for plans and for the time left."""

from collections import Counter
from collections.abc import Iterable

from reenactory.infra.index import RecordIndex
from reenactory.tasks.stage import Chain

# Before anything was measured here: two-core machine, one thread a worker, 256x256 (benchmarks/stages.py).
TYPICAL_SECONDS_PER_FRAME = {
    "detect": 0.025,
    "track": 0.0,
    "crop": 0.012,
    "matte": 0.12,
    "face3d": 0.02,
    "features": 0.16,
    "render": 0.03,
    "publish": 0.006,
    "adopt": 0.01,
    "score": 0.03,
    "pool": 0.003,
}


def measured_seconds_per_frame(index: RecordIndex, stage: str) -> float | None:
    """Total seconds over total frames of the stage's records in this store; None where there are none."""
    frames, seconds = index.work(stage)
    return seconds / frames if frames else None


def seconds_per_frame(index: RecordIndex, stage: str) -> float:
    measured = measured_seconds_per_frame(index, stage)
    return TYPICAL_SECONDS_PER_FRAME[stage] if measured is None else measured


def seconds_needed(index: RecordIndex, chains: Iterable[Chain]) -> float:
    """Seconds of one worker for what of the chains is not recorded, by the index alone where a look is a round trip."""
    frames = Counter[str]()
    for chain in chains:
        for job in chain:
            found = [index.told(job.stage, key) for key in job.keys]
            frames[job.stage] += job.frames * found.count(None) // len(found)
            if all(entry is not None and entry.outcome == "rejected" for entry in found):
                break  # nothing after it is ever done
    return sum(count * seconds_per_frame(index, stage) for stage, count in frames.items())
