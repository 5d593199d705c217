"""A dataset in, weights of a re-enactment network out: pack, then train; the same command goes on where it stopped."""

import shutil
import time
import tomllib
from functools import partial
from pathlib import Path
from tempfile import mkdtemp
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
from reenactory.models.weight_files import overrides
from reenactory.tasks.dataset import read_clips
from reenactory.tasks.errors import WrongUseError
from reenactory.tasks.training_pack import DEFAULT_QUALITY, held_out_people, pack_key, usable, write_pack

if TYPE_CHECKING:
    from reenactory.models.flow3d.loop import Loop, Pulse
    from reenactory.models.perceptual.vgg import VggFeatures

PERCEPTUAL = "lpips_vgg16"
RESIDENT_BYTES = 1 << 30  # of decoded frames, in each process
BROUGHT = "vgg19"  # the paper's; no registry carries it, so the user brings it


class TrainRequest(BaseModel):
    """Parameters of `reenactory train`."""

    method: Literal["flow3d"] = Field(default="flow3d", description="Which network.")
    store: str = Field(description="Store: a folder, file:// or s3://bucket/prefix.")
    dataset: str = Field(pattern=r"^[\w.-]+$", description="Name of the dataset in the store.")
    name: str = Field(default="flow3d", pattern=r"^[\w.-]+$", description="Name of the run that the training is.")
    config: Path | None = Field(default=None, description="TOML: preset, ablations, and tables of changed values.")
    preset: str | None = Field(default=None, description="paper, small, demo or tiny; over the file's.")
    ablations: list[str] = Field(default=[], description="What is switched off, beside what the file says.")
    held_out: list[str] = Field(default=[], description="Identities to validate on. Default: split test, or one in 8.")
    device: str = Field(default="auto", pattern="^(auto|cpu|cuda)$", description="auto takes a GPU where there is one.")
    workers: int = Field(
        default=0, ge=0, description="Ray Train workers, each with its own batches; 0 = in this process."
    )
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
    tally.estimate = float(sum(int(str(row["frame_count"])) for row in rows))
    with shown(tally):
        if request.pack is not None:
            folder = request.pack
            write_pack(store, rows, held_out, folder, config.network.image_px, quality, partial(tally.end, "pack"))
            from reenactory.models.flow3d.train_packed import VGG
            from reenactory.models.perceptual.weights import save_half

            save_half(perceptual_network(), folder / VGG)
            frames = sum(int(str(row["frame_count"])) for row in rows)
            return _summary(request, len(rows), len(rows), frames, began, {"pack": str(folder)})

        def report(pulse: "Pulse") -> None:
            tally.pulse = pulse
            tally.estimate, tally.finished = pulse.steps, pulse.steps_done

        if request.workers:
            from reenactory.flows.train_workers import train_on_ray

            done = train_on_ray(request, report)
        else:
            loop = make_loop(request)
            loop.report = report
            loop.run(request.minutes)
            done = loop.trainer.steps_done
    outputs = {"training": f"{store.uri}/{training_folder(request)}"}
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
        for name in [*given.ablations, *request.ablations]:
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
    """A file that the user has named and that is not there is an error, not a reason to take the other network."""
    return BROUGHT if BROUGHT in overrides(catalogue.catalogue()) else PERCEPTUAL


def make_loop(request: TrainRequest, rank: int = 0, processes: int = 1) -> "Loop":
    """The training of one process, with its pack in this machine's cache."""
    import torch

    from reenactory.models.flow3d.pack import Pack
    from reenactory.models.flow3d.train_packed import packed_loop

    torch.set_num_threads(Settings().threads)
    config, store = configured(request), open_store(request.store)
    pack = Pack(cached_pack(request, config, store), RESIDENT_BYTES)
    device = torch.device(training_device(request.device))
    folder = training_folder(request)
    return packed_loop(pack, config, perceptual_network(), device, store, folder, rank, processes)


def training_folder(request: TrainRequest) -> str:
    return run_path(request.name, "training")


def cached_pack(request: TrainRequest, config: Flow3dConfig, store: Store) -> Path:
    """The dataset's pack in the cache, made where it is not there; under its name only once it is whole."""
    rows = usable(read_clips(store, request.dataset).to_pylist())
    held_out = held_out_people(rows, request.held_out)
    side, quality = config.network.image_px, request.jpeg_quality or None
    folder = Settings().cache_folder / "packs" / pack_key(rows, held_out, side, quality)
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        unfinished = Path(mkdtemp(prefix=".tmp-", dir=folder.parent))
        write_pack(store, rows, held_out, unfinished, side, quality)
        try:
            unfinished.rename(folder)
        except OSError:  # another process was quicker; its pack has the same bytes
            shutil.rmtree(unfinished)
    return folder


def training_device(wanted: str) -> str:
    """Training needs torch alone, so the other libraries' builds do not matter here."""
    import torch

    if wanted == "cpu" or (wanted == "auto" and not torch.cuda.is_available()):
        return "cpu"
    if not torch.cuda.is_available():
        raise WrongUseError("--device cuda: this torch sees no CUDA device; --device cpu runs everywhere")
    return "cuda"


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
