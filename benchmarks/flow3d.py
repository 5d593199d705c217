"""flow3d: what its network costs a frame, what the loop around it adds, and what a training step costs.

    .venv/bin/python benchmarks/flow3d.py [--preset tiny] [--frames 16] [--rounds 3] [--train] [--device cpu]

"bare" is the network's forward pass on tensors that are there already, the source's features anew for each frame;
"render" is the renderer's own way: source features once, batches, the background kept, frames as arrays. Operations are
counted by torch (a multiplication and an addition are two). Read the ratios: the machine may be busy.
"""

import argparse
import time
from collections.abc import Callable

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from reenactory.models.flow3d.animation import animate, prepare
from reenactory.models.flow3d.composition import compose
from reenactory.models.flow3d.config import Flow3dConfig
from reenactory.models.flow3d.examples import Batch
from reenactory.models.flow3d.network import Flow3d, initialised
from reenactory.models.flow3d.presets import PRESETS
from reenactory.models.flow3d.trainer import Trainer
from reenactory.models.perceptual.weights import from_lpips
from reenactory.models.weights import locate


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", choices=sorted(PRESETS), default="tiny")
    parser.add_argument("--frames", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--train", action="store_true", help="one training step of each phase, with the real VGG")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    device, config = torch.device(chosen.device), PRESETS[chosen.preset]
    network = initialised(config.network, 0).to(device).eval()
    parameters = sum(weight.numel() for weight in network.parameters())
    print(f"{chosen.preset}, {config.network.image_px} px, {parameters / 1e6:.1f} M parameters, {device}")
    rendering(network, device, chosen.frames, chosen.rounds)
    if chosen.train:
        training(config, device, chosen.rounds)


def rendering(network: Flow3d, device: torch.device, frames: int, rounds: int) -> None:
    side = network.config.image_px
    draw = np.random.default_rng(0)
    picture, alpha = draw.integers(0, 256, (side, side, 3), np.uint8), np.full((side, side), 255, np.uint8)
    windows = draw.normal(size=(frames, 73, 27)).astype(np.float32)
    image = torch.rand(1, 3, side, side, device=device) * 2 - 1
    matte = torch.ones(1, 1, side, side, device=device)
    moves = torch.from_numpy(windows).to(device)

    def matter(pictures: np.ndarray) -> np.ndarray:
        return np.full(pictures.shape[:3], 255, np.uint8)  # RVM's time is benchmarks/matte.py's

    @torch.inference_mode()
    def bare_frame(window: torch.Tensor) -> None:
        code, source = network.code(moves[:1], window), network.layers(image, matte)
        face = network.refine(source.person, network.warp(source, code), code)
        network.inpaint(compose(face.picture, matte, source), code)

    def bare() -> None:
        for index in range(frames):
            bare_frame(moves[index : index + 1])

    def render() -> None:
        for _ in animate(network, prepare(network, picture, alpha, windows[0, :, 13]), windows, matter):
            pass

    with FlopCounterMode(display=False) as counter:
        bare_frame(moves[:1])
    best = fastest({"bare, one by one": bare, "render": render}, rounds, device)
    print(f"{counter.get_total_flops() / 1e9:.2f} G operations a frame")
    for name, seconds in best.items():
        rate = counter.get_total_flops() * frames / seconds / 1e9
        print(f"{name:18} {frames / seconds:8.2f} frames/s, {rate:8.1f} G operations/s")
    print(f"render over bare   {best['bare, one by one'] / best['render']:8.2f}")
    if device.type == "cuda":
        print(f"peak memory        {torch.cuda.max_memory_allocated() / 2**20:8.0f} MiB")


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
