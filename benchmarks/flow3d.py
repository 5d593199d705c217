"""flow3d: what its network costs a frame, what the loop around it adds, and what a training step costs.

    .venv/bin/python benchmarks/flow3d.py [--preset tiny demo] [--batch 1 4] [--frames 16] [--train] [--device cpu]

Ways to make the same frames, of pictures of the network's side:

* anew: the bare forward pass, one frame at a time, the source's features computed for each;
* bare: the bare forward pass in batches, the source's features computed once, its tensors there already;
* render: the renderer's own way, from arrays to arrays, the background kept;
* stage: what the pipeline runs: the same, and the frames as lossless video on disk.

Each case is a process of its own, so that memory peaks are its own. Operations are counted by torch (a multiplication
and an addition are two); the limit is what a product of two 2048 x 2048 matrices reaches in the same process and
precision. Read the ratios: the machine may be busy.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch
from memory import megabytes
from torch.utils.flop_counter import FlopCounterMode

from reenactory.infra.video import write_video
from reenactory.models.flow3d import animation
from reenactory.models.flow3d.composition import Layers, compose
from reenactory.models.flow3d.config import Flow3dConfig
from reenactory.models.flow3d.examples import Batch
from reenactory.models.flow3d.network import Flow3d, initialised
from reenactory.models.flow3d.presets import PRESETS
from reenactory.models.flow3d.trainer import Trainer
from reenactory.models.perceptual.weights import from_lpips
from reenactory.models.weights import locate
from reenactory.tasks.render import to_uint8

COLUMNS = (
    "preset, px",
    "batch",
    "anew/s",
    "bare/s",
    "render/s",
    "stage/s",
    "render/bare",
    "stage/bare",
    "bare/anew",
    "G a frame",
    "of limit",
    "MB",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", nargs="+", choices=sorted(PRESETS), default=["tiny"])
    parser.add_argument("--batch", nargs="+", type=int, default=[1, 4])
    parser.add_argument("--frames", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--train", action="store_true", help="one training step of each phase, with the real VGG")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--alone", action="store_true", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    device = torch.device(chosen.device)
    if chosen.alone:
        print(case(chosen.preset[0], chosen.batch[0], device, chosen.frames, chosen.rounds))
        return
    print(" | ".join(COLUMNS))
    for preset in chosen.preset:
        for batch in chosen.batch:
            fixed = ["--device", chosen.device, "--frames", f"{chosen.frames}", "--rounds", f"{chosen.rounds}"]
            command = [sys.executable, __file__, "--alone", "--preset", preset, "--batch", f"{batch}", *fixed]
            subprocess.run(command, check=True)
        if chosen.train:
            training(PRESETS[preset], device, chosen.rounds)


def case(preset: str, batch: int, device: torch.device, frames: int, rounds: int) -> str:
    network = initialised(PRESETS[preset].network, 0).to(device).eval().requires_grad_(False)
    animation.BATCH[device.type] = batch
    ways, operations = rendering(network, device, batch, frames)
    best = fastest(ways, rounds, device)
    rate = {name: frames / seconds for name, seconds in best.items()}
    cuda = device.type == "cuda"
    memory = torch.cuda.max_memory_allocated() / 2**20 if cuda else megabytes("self")
    cells = [
        f"{preset}, {network.config.image_px}",
        f"{batch}",
        *(f"{rate[name]:.2f}" for name in ("anew", "bare", "render", "stage")),
        f"{rate['render'] / rate['bare']:.2f}",
        f"{rate['stage'] / rate['bare']:.2f}",
        f"{rate['bare'] / rate['anew']:.2f}",
        f"{operations / 1e9:.2f}",
        f"{rate['bare'] * operations / limit(device):.0%}",
        f"{memory:.0f}",
    ]
    return " | ".join(cells)


def rendering(
    network: Flow3d, device: torch.device, batch: int, frames: int
) -> tuple[dict[str, Callable[[], object]], float]:
    """The ways by name, and the operations of one frame whose source is known."""
    side = network.config.image_px
    draw = np.random.default_rng(0)
    picture, alpha = draw.integers(0, 256, (side, side, 3), np.uint8), np.full((side, side), 255, np.uint8)
    windows = draw.normal(size=(frames, 73, 27)).astype(np.float32)
    moves = torch.from_numpy(windows).to(device)
    image, matte = torch.rand(1, 3, side, side, device=device) * 2 - 1, torch.ones(1, 1, side, side, device=device)
    own = network.layers(image, matte)

    def matter(pictures: np.ndarray) -> np.ndarray:
        return np.full(pictures.shape[:3], 255, np.uint8)  # RVM's time is benchmarks/matte.py's

    @torch.inference_mode()
    def forward(window: torch.Tensor, lifted: torch.Tensor, volume: torch.Tensor) -> None:
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            count = len(window)
            source = Layers(*(part.expand(count, *part.shape[1:]) for part in own))
            code = network.code(moves[:1], window)
            flow = network.warping.flow(lifted.expand(count, *lifted.shape[1:]), code)
            warped = network.moved(source, volume.expand(count, *volume.shape[1:]), flow)
            face = network.refine(source.person, warped, code)
            seen = matte.expand(count, -1, -1, -1) if face.alpha is None else face.alpha
            network.inpaint(compose(face.picture, seen, source), code)

    @torch.inference_mode()
    def features() -> tuple[torch.Tensor, torch.Tensor]:
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            return network.warping.lift(own.person), network.features(own.person)

    def anew() -> None:
        for index in range(frames):
            forward(moves[index : index + 1], *features())

    def bare() -> None:
        known = features()
        for index in range(0, frames, batch):
            forward(moves[index : index + batch], *known)

    def portions() -> Iterator[np.ndarray]:
        state = animation.prepare(network, picture, alpha, windows[0, :, 13])
        return animation.animate(network, state, windows, matter)

    def render() -> None:
        for _ in portions():
            pass

    def stage() -> None:
        made = np.concatenate(list(portions()))
        with tempfile.TemporaryDirectory() as folder:
            pixels = to_uint8(made, np.ones(frames, bool))
            write_video(Path(folder) / "frames.mp4", pixels, Fraction(25), "h264rgb_lossless", threads=1)

    known = features()
    with FlopCounterMode(display=False) as counter:
        forward(moves[:1], *known)
    return {"anew": anew, "bare": bare, "render": render, "stage": stage}, float(counter.get_total_flops())


def limit(device: torch.device, side: int = 2048) -> float:
    """Operations per second of a product of matrices, in the precision that frames are rendered with."""
    matrix = torch.rand(side, side, device=device, dtype=torch.bfloat16 if device.type == "cuda" else torch.float32)
    matrix @ matrix
    return 2 * side**3 / fastest({"product": lambda: matrix @ matrix}, 5, device)["product"]


def training(config: Flow3dConfig, device: torch.device, rounds: int) -> None:
    trainer = Trainer(config, from_lpips(locate("lpips_vgg16")), device)
    draw = np.random.default_rng(0)
    count, side = config.training.pairs * (2 if config.training.both_directions else 1), config.network.image_px

    def frames() -> np.ndarray:
        return draw.integers(0, 256, (count, side, side, 3), np.uint8)

    def windows() -> np.ndarray:
        return draw.normal(size=(count, 73, 27)).astype(np.float32)

    points = draw.uniform(size=(count, 2, 68, 2)).astype(np.float32)
    batch = Batch(frames(), frames()[..., 0], windows(), frames(), frames()[..., 0], windows(), points)
    before = 0
    for number, phase in enumerate((config.training.phase_0, config.training.phase_1, config.training.phase_2)):
        trainer.steps_done, before = before, before + phase.steps
        if not phase.steps:
            continue
        trainer.step(batch)
        seconds = fastest({"step": lambda: trainer.step(batch)}, rounds, device)["step"]
        print(f"phase {number}: {count} examples in {seconds:.2f} s, {count / seconds:.2f} examples/s")


def fastest(ways: dict[str, Callable[[], object]], rounds: int, device: torch.device) -> dict[str, float]:
    """Seconds of the best round of each, in turn."""
    best = dict.fromkeys(ways, float("inf"))
    for _ in range(rounds):
        for name, way in ways.items():
            began = time.perf_counter()
            way()
            if device.type == "cuda":
                torch.cuda.synchronize()
            best[name] = min(best[name], time.perf_counter() - began)
    return best


if __name__ == "__main__":
    main()
