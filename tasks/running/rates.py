"""How long work takes: measured seconds per frame of each stage, for plans and for the time left."""

from reenactory.infra.index import RecordIndex

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
}


def measured_seconds_per_frame(index: RecordIndex, stage: str) -> float | None:
    """Total seconds over total frames of the stage's records in this store; None where there are none."""
    frames, seconds = index.work(stage)
    return seconds / frames if frames else None


def seconds_per_frame(index: RecordIndex, stage: str) -> float:
    measured = measured_seconds_per_frame(index, stage)
    return TYPICAL_SECONDS_PER_FRAME[stage] if measured is None else measured
