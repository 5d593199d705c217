"""What `reenactory train` is asked for: its parameters, its configuration file, and the two put together."""

import tomllib
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from reenactory.flows.workplace import Device, Name
from reenactory.models.flow3d.config import Flow3dConfig, changed
from reenactory.models.flow3d.presets import ABLATIONS, preset
from reenactory.tasks.errors import WrongUseError
from reenactory.tasks.synthetic_pack import SyntheticFaces
from reenactory.tasks.training_pack import DEFAULT_QUALITY


class TrainRequest(BaseModel):
    """Parameters of `reenactory train`."""

    method: Literal["flow3d"] = Field(default="flow3d", description="Which network.")
    store: str = Field(description="Store: a folder, file:// or s3://bucket/prefix.")
    dataset: Name | None = Field(
        default=None, description="Name of the dataset in the store; none: rendered people alone."
    )
    name: Name = Field(default="flow3d", description="Name of the run that the training is.")
    config: Path | None = Field(default=None, description="TOML: preset, ablations, and tables of changed values.")
    preset: str | None = Field(default=None, description="paper, small, demo or tiny; over the file's.")
    ablations: list[str] = Field(default=[], description="What is switched off, beside what the file says.")
    held_out: list[str] = Field(default=[], description="Identities to validate on. Default: split test, or one in 8.")
    device: Device = Field(default="auto", description="auto takes a GPU where there is one.")
    workers: int = Field(
        default=0, ge=0, description="Ray Train workers, each with its own batches; 0 = in this process."
    )
    synthetic: int | None = Field(
        default=None, ge=0, description="So many people rendered for the purpose, over the file's; 0 = none."
    )
    consent: Path | None = Field(
        default=None, description="Consent manifest: clips of people who did not agree to training are left out."
    )
    require_consent: bool = Field(default=False, description="Refuse to start without a consent manifest.")
    minutes: float | None = Field(default=None, gt=0, description="Stop after so long, with a checkpoint.")
    pack: Path | None = Field(default=None, description="Only write the pack and the VGG features into this folder.")
    jpeg_quality: int = Field(
        default=DEFAULT_QUALITY, ge=0, le=100, description="Of the pack's frames; 0 stores them raw, 16 times larger."
    )


class SyntheticTable(SyntheticFaces, frozen=True):
    """`[synthetic]` of the configuration."""

    share: float = Field(default=0.5, ge=0, le=1, description="Of their pairs among those of a step.")


class ConfigFile(BaseModel, extra="forbid"):
    """What `--config` may hold."""

    preset: str = "small"
    ablations: list[str] = []
    network: dict[str, object] = {}
    losses: dict[str, object] = {}
    training: dict[str, object] = {}
    synthetic: SyntheticTable | None = None


def configured(request: TrainRequest) -> Flow3dConfig:
    """Preset, then ablations, then single values; every one checked for its type and range.

    Raises:
        WrongUseError: an unknown preset, ablation, section, key or value.
    """
    given = _given(request)
    try:
        config = preset(request.preset or given.preset)
        for name in [*given.ablations, *request.ablations]:
            if name not in ABLATIONS:
                raise WrongUseError(f"no ablation {name!r}; there are: {', '.join(ABLATIONS)}")
            config = changed(config, ABLATIONS[name])
        config = changed(config, {"network": given.network, "losses": given.losses, "training": given.training})
    except ValueError as error:
        raise WrongUseError(str(error)) from error
    return TypeAdapter(Flow3dConfig).validate_python(config.as_dict())


def synthetic_people(request: TrainRequest) -> SyntheticTable | None:
    """Who is rendered, if anybody: the file's table, with the number that the command line names.

    Raises:
        WrongUseError: the file is wrong, or one person alone.
    """
    table = _given(request).synthetic
    if request.synthetic is None:
        return table
    if request.synthetic == 1:
        raise WrongUseError("--synthetic 1: one to train on and one to validate on are the least; 0 for none")
    return (table or SyntheticTable()).model_copy(update={"clips": request.synthetic}) if request.synthetic else None


def _given(request: TrainRequest) -> ConfigFile:
    if request.config is None:
        return ConfigFile()
    try:
        return ConfigFile.model_validate(tomllib.loads(request.config.read_text(encoding="utf-8")))
    except (OSError, tomllib.TOMLDecodeError, ValidationError) as error:
        raise WrongUseError(f"--config {request.config}: {error}") from error
