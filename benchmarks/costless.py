"""A stage that costs nothing but a small artefact: what is left is what the machinery itself costs."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from reenactory.tasks import stage
from reenactory.tasks.outcomes import Made, Outcome
from reenactory.tasks.running import rates
from reenactory.tasks.running.runner import StageWorker

VERSION = 1
SCHEMA = None
BYTES = 256


class Params(stage.StageParams):
    """No knob."""


@dataclass(frozen=True)
class Item:
    scratch: Path


def weights(params: stage.StageParams) -> Sequence[str]:
    return ()


def load(params: stage.StageParams, runtime: stage.Runtime) -> None:
    return None


def run(item: Item, params: stage.StageParams, models: object) -> Sequence[Outcome]:
    file = item.scratch / "small.bin"
    file.write_bytes(bytes(BYTES))
    return (Made({"small.bin": file}, frames=1, facts={"width": 256}),)


def register() -> None:
    """Make it a stage of this process: the list of stages is closed to everybody but this benchmark."""
    name = "costless"
    if name not in stage.STAGES:
        stage.STAGES = (*stage.STAGES, name)
        sys.modules[f"reenactory.tasks.{name}"] = sys.modules[__name__]
        rates.TYPICAL_SECONDS_PER_FRAME[name] = 0.001


def worker(store_uri: str) -> StageWorker:
    """A worker that knows the stage, in whatever process it lives."""
    register()
    return StageWorker(store_uri, stage.Runtime("cpu", 1))
