"""A stage is a module with five names; this is its type, its registry and its jobs.

Stage modules are imported by name when they are needed, and import their networks inside `load`: a plan of a million
clips needs neither torch nor mediapipe.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from importlib import import_module
from typing import NamedTuple, Protocol, cast

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, JsonValue

from reenactory.infra.keys import stage_key
from reenactory.models.weights import sha256_of
from reenactory.tasks.outcomes import Outcome

STAGES = ("detect", "track", "crop", "matte", "face3d", "features", "render", "publish", "adopt", "score", "pool")


class StageParams(BaseModel):
    """Base of every stage's `Params`: frozen, and a knob that does not exist is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Runtime(NamedTuple):
    """What a worker gives to `load`: device ('cpu' or 'cuda') and threads per library."""

    device: str
    threads: int


class Stage(Protocol):
    """The module's face. `run` reads its item, writes files into `item.scratch`, and touches nothing else."""

    __name__: str
    VERSION: int  # raised when output bytes change
    Params: type[StageParams]
    Item: type  # a dataclass: the fields of the job, its decoded inputs, and `scratch: Path`
    SCHEMA: pa.Schema | None  # of the Parquet file it writes, where it writes one

    def weights(self, params: StageParams) -> Sequence[str]: ...

    def load(self, params: StageParams, runtime: Runtime) -> object: ...

    def run(self, item: object, params: StageParams, models: object) -> Sequence[Outcome]: ...


def get_stage(name: str) -> Stage:
    if name not in STAGES:
        raise ValueError(f"unknown stage {name!r}; stages are {', '.join(STAGES)}")
    full = f"reenactory.tasks.{name}"
    return cast(Stage, sys.modules.get(full) or import_module(full))  # import_module costs 5 us, and a key asks twice


@dataclass(frozen=True)
class ArtefactRef:
    """A file of an artefact as an input, optionally only a span of its frames or rows.

    It is given to the stage as what it decodes to: .mp4 as (T, H, W, 3) uint8 RGB, .mkv as (T, H, W) uint8 grey,
    .parquet as a table, .npy as an array.
    """

    stage: str
    key: str
    name: str
    start: int = 0
    count: int | None = None


@dataclass(frozen=True)
class ArtefactsRef:
    """Files of many artefacts as one input: a sequence that decodes one whenever it is asked for it, and keeps none."""

    refs: tuple[ArtefactRef, ...]


@dataclass(frozen=True)
class SourceRef:
    """The user's own file as an input: a path, or an s3:// address that is downloaded first."""

    uri: str


Ref = ArtefactRef | ArtefactsRef | SourceRef


@dataclass(frozen=True)
class Job:
    """One call of a stage: its parameters, its inputs, and the key of each artefact it will make (usually one)."""

    stage: str
    params: StageParams
    upstream: tuple[tuple[str, ...], ...]  # per key
    label: str  # what a person would call the item
    frames: int = 0  # expected, for progress and shards
    inputs: Mapping[str, Ref] = field(default_factory=dict)
    fields: Mapping[str, object] = field(default_factory=dict)
    per_key: tuple[dict[str, JsonValue], ...] = ()  # only where one call makes several artefacts: what differs

    @cached_property
    def weights(self) -> dict[str, str]:
        return {name: sha256_of(name) for name in get_stage(self.stage).weights(self.params)}

    @cached_property
    def keys(self) -> tuple[str, ...]:
        stage = get_stage(self.stage)
        dumped, weights = self.params.model_dump(mode="json"), self.weights
        return tuple(stage_key(self.stage, stage.VERSION, dumped, up, weights) for up in self.upstream)

    def only(self, wanted: Callable[[str], bool]) -> "Job":
        """The same job for those of its keys that are wanted (what is cached need not be made again)."""
        chosen = [index for index, key in enumerate(self.keys) if wanted(key)]
        return Job(
            self.stage,
            self.params,
            tuple(self.upstream[index] for index in chosen),
            self.label,
            self.frames,
            self.inputs,
            self.fields,
            tuple(self.per_key[index] for index in chosen) if self.per_key else (),
        )


Chain = tuple[Job, ...]  # jobs on one item, in order; a rejection ends it
