"""A dataset in, weights of a re-enactment network out: pack, then train; the same command goes on where it stopped."""

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from reenactory.flows.run_files import run_path
from reenactory.flows.train_packs import Data, data_of, make_packs
from reenactory.flows.train_request import TrainRequest, configured
from reenactory.infra.progress import Tally, shown
from reenactory.infra.records import library_versions
from reenactory.infra.settings import Settings
from reenactory.infra.store import open_store
from reenactory.infra.summary import Summary, write_summary
from reenactory.models import weights as catalogue
from reenactory.models.weight_files import overrides
from reenactory.tasks.errors import WrongUseError

if TYPE_CHECKING:
    from reenactory.models.flow3d.loop import Loop, Pulse
    from reenactory.models.perceptual.vgg import VggFeatures

PERCEPTUAL = "lpips_vgg16"
RESIDENT_BYTES = 1 << 30  # of decoded frames, in each process
BROUGHT = "vgg19"  # the paper's; no registry carries it, so the user brings it


class TrainingTally(Tally):
    """Progress of a training: frames packed, then steps, loss, rate, time left."""

    pulse: "Pulse | None" = None

    def packed(self, frames: int) -> None:
        with self.lock:
            since = time.monotonic() - self.started - self.seconds["pack"]
            self.stage("pack", frames, since)
            self.outcomes["frames packed"] += frames
            self.end("", frames)

    def stepped(self, pulse: "Pulse") -> None:
        self.pulse = pulse
        self.estimate, self.finished = pulse.steps, pulse.steps_done

    def line(self) -> str:
        return super().line() if self.pulse is None else self.pulse.line()


def train(request: TrainRequest, follow: Callable[["Pulse"], None] = lambda pulse: None) -> Summary:
    """Train, or only pack with `pack`; `follow` is told how it goes at every line of the log."""
    began = time.monotonic()
    config = configured(request)
    data = data_of(request, config)
    catalogue.require([_perceptual_name(), *data.weights])
    tally = TrainingTally(f"train {request.name}")

    def report(pulse: "Pulse") -> None:
        tally.stepped(pulse)
        follow(pulse)

    with shown(tally):
        if request.pack is not None:
            return _packed(request, data, tally, began)
        tally.estimate = float(data.frames_to_make)
        if request.workers:
            from reenactory.flows.train_workers import train_on_ray

            make_packs(data, tally.packed)  # here, where progress is seen; workers of this machine find them
            done = train_on_ray(request, report)
        else:
            loop = make_loop(request, packed=tally.packed)
            loop.report = report
            loop.run(request.minutes)
            done = loop.trainer.steps_done
    store = open_store(request.store)
    outputs = {"training": f"{store.uri}/{training_folder(request)}"}
    summary = _summary(request, config.training.steps, done, done * config.training.pairs, began, outputs, data.notes)
    write_summary(store, summary)
    return summary


def _packed(request: TrainRequest, data: Data, tally: TrainingTally, began: float) -> Summary:
    """Everything that `train_packed` needs, in the folder that the request names."""
    from reenactory.models.flow3d.pack import HEAD
    from reenactory.models.flow3d.train_packed import SYNTHETIC, VGG
    from reenactory.models.perceptual.weights import save_half

    assert request.pack is not None
    places = [(data.main, request.pack)]
    (request.pack / SYNTHETIC / HEAD).unlink(missing_ok=True)  # of an earlier pack: it would be trained on
    if data.synthetic is not None:
        places.append((data.synthetic, request.pack / SYNTHETIC))
    clips, frames = (sum(numbers) for numbers in zip(*((plan.clips, plan.frames) for plan, _ in places), strict=True))
    tally.estimate = float(frames)
    for plan, folder in places:
        plan.write(folder, tally.packed)
    save_half(perceptual_network(), request.pack / VGG)
    return _summary(request, clips, clips, frames, began, {"pack": str(request.pack)}, data.notes)


def perceptual_network() -> "VggFeatures":
    """The paper's VGG-19 where the user has given its file, else the VGG-16 of the catalogue."""
    from reenactory.models.perceptual.weights import from_lpips, from_torchvision

    name = _perceptual_name()
    path = catalogue.locate(name)
    return from_torchvision(path) if name == BROUGHT else from_lpips(path)


def _perceptual_name() -> str:
    """A file that the user has named and that is not there is an error, not a reason to take the other network."""
    return BROUGHT if BROUGHT in overrides(catalogue.catalogue()) else PERCEPTUAL


def make_loop(
    request: TrainRequest, rank: int = 0, processes: int = 1, packed: Callable[[int], None] = lambda frames: None
) -> "Loop":
    """The training of one process, with its packs in this machine's cache."""
    import torch

    from reenactory.models.flow3d.pack import Pack
    from reenactory.models.flow3d.train_packed import Synthetic, packed_loop

    torch.set_num_threads(Settings().threads)
    config, store = configured(request), open_store(request.store)
    data = data_of(request, config)
    pack, rendered = (None if path is None else Pack(path, RESIDENT_BYTES) for path in make_packs(data, packed))
    assert pack is not None
    synthetic = None if rendered is None else Synthetic(rendered, data.share)
    device = torch.device(training_device(request.device))
    folder = training_folder(request)
    return packed_loop(pack, config, perceptual_network(), device, store, folder, rank, processes, synthetic)


def training_folder(request: TrainRequest) -> str:
    return run_path(request.name, "training")


def training_device(wanted: str) -> str:
    """Training needs torch alone, so the other libraries' builds do not matter here."""
    import torch

    if wanted == "cpu" or (wanted == "auto" and not torch.cuda.is_available()):
        return "cpu"
    if not torch.cuda.is_available():
        raise WrongUseError("--device cuda: this torch sees no CUDA device; --device cpu runs everywhere")
    return "cuda"


def _summary(
    request: TrainRequest,
    items: int,
    done: int,
    frames: int,
    began: float,
    outputs: dict[str, str],
    notes: Sequence[str],
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
        notes=list(notes),
    )
