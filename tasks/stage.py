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

from reenactory.infra.keys import Recipe
from reenactory.models.weights import overridden, sha256_of
from reenactory.tasks.outcomes import Outcome

STAGES = ("detect", "track", "crop", "matte", "face3d", "features", "render", "publish", "adopt", "score", "pool")


MOST_RECIPES = 64  # a run has ten; a worker, to whom parameters come with every job, begins anew now and then


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


# By stage and id of the parameters. These are kept in it too, so that no other object gets their id meanwhile.
_recipes: dict[tuple[str, int], tuple[tuple[StageParams, int, object], Recipe]] = {}


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

    @property
    def weights(self) -> dict[str, str]:
        return self._recipe.weights

    @cached_property
    def keys(self) -> tuple[str, ...]:
        recipe = self._recipe
        return tuple(recipe.key(upstream) for upstream in self.upstream)

    @cached_property
    def _recipe(self) -> Recipe:  # travels with the job: its record names the weights that its keys were made of
        return _recipe(get_stage(self.stage), self.stage, self.params)

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


def recipe_of(name: str, params: StageParams) -> Recipe:
    """All that decides a stage's keys but what it reads."""
    return _recipe(get_stage(name), name, params)


def _recipe(stage: Stage, name: str, params: StageParams) -> Recipe:
    """The recipe of a stage with these parameters, made once for each parameters object.

    By identity and not by value: 0.0 and -0.0 are equal, but are spelled differently.
    """
    slot, made_of = (name, id(params)), (params, stage.VERSION, stage.weights)
    known = _recipes.get(slot)
    if known is not None and known[0] == made_of and not overridden():
        return known[1]
    weights = {weight: sha256_of(weight) for weight in stage.weights(params)}
    recipe = Recipe(name, stage.VERSION, params.model_dump(mode="json"), weights)
    if not overridden():  # the user's own files may change while this process lives
        if len(_recipes) >= MOST_RECIPES:
            _recipes.clear()
        _recipes[slot] = made_of, recipe
    return recipe


Chain = tuple[Job, ...]  # jobs on one item, in order; a rejection ends it
