"""What training eats: batches as they lie on disk, and the same as tensors of the network."""

from typing import NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


class Batch(NamedTuple):
    """Frames (B, S, S, 3) uint8 RGB, mattes (B, S, S) uint8, windows (B, 73, 27) float32 without NaN.

    `landmarks` (B, 2, 68, 2) float32: x and y in source and target, in sides of the picture; NaN where unknown.
    """

    source: NDArray[np.uint8]
    source_alpha: NDArray[np.uint8]
    source_window: NDArray[np.float32]
    target: NDArray[np.uint8]
    target_alpha: NDArray[np.uint8]
    target_window: NDArray[np.float32]
    landmarks: NDArray[np.float32]

    def head(self, count: int) -> "Batch":
        """The first examples."""
        return Batch(
            self.source[:count],
            self.source_alpha[:count],
            self.source_window[:count],
            self.target[:count],
            self.target_alpha[:count],
            self.target_window[:count],
            self.landmarks[:count],
        )


class Examples(NamedTuple):
    """Pictures (B, 3, S, S) in [-1, 1], mattes (B, 1, S, S) in [0, 1], windows (B, 73, 27), landmarks; one device."""

    source: Tensor
    source_alpha: Tensor
    source_window: Tensor
    target: Tensor
    target_alpha: Tensor
    target_window: Tensor
    landmarks: Tensor


class Statistics(NamedTuple):
    """Mean and deviation of descriptors, each (73,) float32."""

    mean: NDArray[np.float32]
    deviation: NDArray[np.float32]


class TrainingSource(Protocol):
    """Where batches come from: real clips, or faces that are rendered for the purpose."""

    def batch(self, number: int) -> Batch:
        """Batch `number` of this source's seed, always the same one. Called from several threads at a time."""

    def statistics(self) -> Statistics:
        """Of the descriptors it draws from."""


def jittered(examples: Examples, amount: float, seed: tuple[int, ...]) -> Examples:
    """The same people under other light: each example's colours times factors of up to e^amount, drawn from the seed.

    Source and target of an example are changed alike, mattes and motion not at all.
    """
    count = len(examples.source)
    draw = np.random.default_rng(seed)
    exponents = draw.uniform(-amount, amount, (count, 1)) + draw.uniform(-amount / 2, amount / 2, (count, 3))
    factors = torch.from_numpy(np.exp(exponents).astype(np.float32)).to(examples.source.device)[:, :, None, None]

    def lit(pictures: Tensor) -> Tensor:
        return ((pictures + 1) * factors - 1).clamp(-1, 1)

    return examples._replace(source=lit(examples.source), target=lit(examples.target))


def to_examples(batch: Batch, device: torch.device) -> Examples:
    """Bytes travel to the device and become floats there: a quarter of the traffic."""

    def picture(frames: NDArray[np.uint8]) -> Tensor:
        moved = torch.from_numpy(frames).to(device, non_blocking=True).permute(0, 3, 1, 2)
        return moved.to(torch.float32).contiguous() / 127.5 - 1.0

    def matte(alphas: NDArray[np.uint8]) -> Tensor:
        return torch.from_numpy(alphas).to(device, non_blocking=True)[:, None].to(torch.float32) / 255.0

    def floats(values: NDArray[np.float32]) -> Tensor:
        return torch.from_numpy(values).to(device, non_blocking=True)

    return Examples(
        picture(batch.source),
        matte(batch.source_alpha),
        floats(batch.source_window),
        picture(batch.target),
        matte(batch.target_alpha),
        floats(batch.target_window),
        floats(batch.landmarks),
    )
