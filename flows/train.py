"""A dataset in, weights of a re-enactment network out: pack, then train; the same command goes on where it stopped."""

import time
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, Field, TypeAdapter

from reenactory.flows.run_files import run_path
from reenactory.infra.progress import Tally, shown
from reenactory.infra.records import library_versions
from reenactory.infra.settings import Settings
from reenactory.infra.store import Store, open_store
from reenactory.infra.summary import Summary, write_summary
from reenactory.models import weights as catalogue
from reenactory.models.flow3d.config import ABLATIONS, Flow3dConfig, changed, preset
from reenactory.tasks.dataset import read_clips
from reenactory.tasks.errors import WrongUseError
from reenactory.tasks.training_pack import DEFAULT_QUALITY, held_out_people, pack_key, usable, write_pack

if TYPE_CHECKING:
    from reenactory.models.flow3d.loop import Loop, Pulse
    from reenactory.models.perceptual.vgg import VggFeatures

PERCEPTUAL = "lpips_vgg16"
BROUGHT = "vgg19"  # the paper's; no registry carries it, so the user brings it


class TrainRequest(BaseModel):
    """Parameters of `reenactory train`."""

    method: Literal["flow3d"] = Field(default="flow3d", description="Which network.")
    store: str = Field(description="Store: a folder, file:// or s3://bucket/prefix.")
    dataset: str = Field(pattern=r"^[\w.-]+$", description="Name of the dataset in the store.")
    name: str = Field(default="flow3d", pattern=r"^[\w.-]+$", description="Name of the run that the training is.")
    config: Path | None = Field(default=None, description="TOML: preset, ablations, and tables of changed values.")
    preset: str | None = Field(default=None, description="paper, small or tiny; over the file's.")
    held_out: list[str] = Field(default=[], description="Identities to validate on. Default: split test, or one in 8.")
    device: str = Field(default="auto", pattern="^(auto|cpu|cuda)$", description="auto takes a GPU where there is one.")
    minutes: float | None = Field(default=None, gt=0, description="Stop after so long, with a checkpoint.")
    pack: Path | None = Field(default=None, description="Only write the pack and the VGG features into this folder.")
    jpeg_quality: int = Field(
        default=DEFAULT_QUALITY, ge=0, le=100, description="Of the pack's frames; 0 stores them raw, 16 times larger."
    )


class ConfigFile(BaseModel, extra="forbid"):
    """What `--config` may hold."""

    preset: str = "small"
    ablations: list[str] = []
    network: dict[str, object] = {}
    losses: dict[str, object] = {}
    training: dict[str, object] = {}


class TrainingTally(Tally):
    """Progress of a training: steps, loss, rate, time left."""

    pulse: "Pulse | None" = None

    def line(self) -> str:
        pulse = self.pulse
        if pulse is None:
            return super().line()
        left = f"{pulse.seconds_left / 60:.1f} min left"
        speed = f"{pulse.examples_per_second:.1f} examples/s, waiting {pulse.waiting:.0%}"
        return f"step {pulse.steps_done} of {pulse.steps} | loss {pulse.total:.3f} | {speed} | {left}"


def train(request: TrainRequest) -> Summary:
    """Train, or only pack with `pack`."""
    began = time.monotonic()
    config = configured(request)
    catalogue.require([_perceptual_name()])
    store = open_store(request.store)
    rows = usable(read_clips(store, request.dataset).to_pylist())
    held_out = held_out_people(rows, request.held_out)
    quality = request.jpeg_quality or None
    tally = TrainingTally(f"train {request.name}")
    with shown(tally):
        folder = request.pack or _pack_cache() / pack_key(rows, held_out, config.network.image_px, quality)
        if request.pack is not None or not (folder / "pack.json").is_file():
            tally.estimate = float(sum(int(str(row["frame_count"])) for row in rows))
            write_pack(
                store, rows, held_out, folder, config.network.image_px, quality, lambda frames: tally.end("", frames)
            )
        if request.pack is not None:
            from reenactory.models.flow3d.train_packed import VGG
            from reenactory.models.perceptual.weights import save_half

            save_half(perceptual_network(), folder / VGG)
            frames = sum(int(str(row["frame_count"])) for row in rows)
            return _summary(request, len(rows), len(rows), frames, began, {"pack": str(folder)})
        loop = _loop(request, config, folder, store)

        def report(pulse: "Pulse") -> None:
            tally.pulse = pulse
            tally.estimate, tally.finished = pulse.steps, pulse.steps_done

        loop.report = report
        loop.run(request.minutes)
    done = loop.trainer.steps_done
    outputs = {"training": f"{store.uri}/{loop.folder}"}
    summary = _summary(request, config.training.steps, done, done * config.training.pairs, began, outputs)
    write_summary(store, summary)
    return summary


def configured(request: TrainRequest) -> Flow3dConfig:
    """Preset, then ablations, then single values; every one checked for its type and range.

    Raises:
        WrongUseError: an unknown preset, ablation, section, key or value.
    """
    given = ConfigFile()
    if request.config is not None:
        try:
            given = ConfigFile.model_validate(tomllib.loads(request.config.read_text(encoding="utf-8")))
        except (OSError, tomllib.TOMLDecodeError) as error:
            raise WrongUseError(f"--config {request.config}: {error}") from error
    try:
        config = preset(request.preset or given.preset)
        for name in given.ablations:
            if name not in ABLATIONS:
                raise WrongUseError(f"no ablation {name!r}; there are: {', '.join(ABLATIONS)}")
            config = changed(config, ABLATIONS[name])
        config = changed(config, {"network": given.network, "losses": given.losses, "training": given.training})
    except ValueError as error:
        raise WrongUseError(str(error)) from error
    return TypeAdapter(Flow3dConfig).validate_python(config.as_dict())


def perceptual_network() -> "VggFeatures":
    """The paper's VGG-19 where the user has given its file, else the VGG-16 of the catalogue."""
    from reenactory.models.perceptual.weights import from_lpips, from_torchvision

    name = _perceptual_name()
    path = catalogue.locate(name)
    return from_torchvision(path) if name == BROUGHT else from_lpips(path)


def _perceptual_name() -> str:
    if BROUGHT not in catalogue.catalogue():
        return PERCEPTUAL
    try:
        catalogue.locate(BROUGHT)
    except catalogue.WeightMissing:
        return PERCEPTUAL
    return BROUGHT


def _loop(request: TrainRequest, config: Flow3dConfig, folder: Path, store: Store) -> "Loop":
    import torch

    from reenactory.models.flow3d.pack import Pack
    from reenactory.models.flow3d.train_packed import packed_loop

    torch.set_num_threads(Settings().threads)
    device = torch.device(_device(request.device))
    return packed_loop(Pack(folder), config, perceptual_network(), device, store, run_path(request.name, "training"))


def _device(wanted: str) -> str:
    """Training needs torch alone, so the other libraries' builds do not matter here."""
    import torch

    if wanted == "cpu" or (wanted == "auto" and not torch.cuda.is_available()):
        return "cpu"
    if not torch.cuda.is_available():
        raise WrongUseError("--device cuda: this torch sees no CUDA device; --device cpu runs everywhere")
    return "cuda"


def _pack_cache() -> Path:
    return Settings().cache_folder / "packs"


def _summary(
    request: TrainRequest, items: int, done: int, frames: int, began: float, outputs: dict[str, str]
) -> Summary:
    seconds = round(time.monotonic() - began, 2)
    return Summary(
        run=request.name,
        flow="train",
        items=items,
        done=done,
        rejected={},
        failed=0,
        computed={},
        cached={},
        frames=frames,
        seconds=seconds,
        frames_per_second={},
        outputs=outputs,
        versions=library_versions(),
    )
