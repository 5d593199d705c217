"""LPIPS v0.1 with the AlexNet or the VGG-16 trunk (Zhang 2018)."""

import pickle
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from reenactory.models.metrics.image import check_frame_pair

# What a pickle of plain numpy arrays needs and no more: the file can build arrays, it cannot call anything else.
_ALLOWED = {
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("numpy.core.multiarray", "_reconstruct"): np._core.multiarray._reconstruct,  # type: ignore[attr-defined]
    ("numpy._core.multiarray", "_reconstruct"): np._core.multiarray._reconstruct,  # type: ignore[attr-defined]
}
_SHIFT = (-0.030, -0.088, -0.188)  # ImageNet mean and deviation for inputs in [-1, 1]
_SCALE = (0.458, 0.448, 0.450)
_EPSILON = 1e-10


class _Trunk(NamedTuple):
    """A network's convolutions, and between which of them it pools or is looked at."""

    name: str  # in the file
    stride_padding: tuple[tuple[int, int], ...]  # one per convolution
    pool_before: tuple[int, ...]
    pool_side: int
    looked_at: tuple[int, ...]  # convolutions whose ReLU output counts


_TRUNKS = (
    _Trunk("AlexNet_0", ((4, 2), (1, 2), (1, 1), (1, 1), (1, 1)), (1, 2), 3, (0, 1, 2, 3, 4)),
    _Trunk("VGG16_0", ((1, 1),) * 13, (2, 4, 7, 10), 2, (1, 3, 6, 9, 12)),
)


class Lpips(nn.Module):
    """Perceptual distance: weighted squared differences of channel-unit features of five layers.

    Args:
        path: pickle of numpy arrays with ``AlexNet_0`` (5) or ``VGG16_0`` (13 HWIO convolutions), and
            ``NetLinLayer_0..4`` (heads).
        device: where it runs.

    Raises:
        ValueError: the file has neither network.
    """

    shift: Tensor
    scale: Tensor

    def __init__(self, path: Path, device: torch.device) -> None:
        super().__init__()
        with path.open("rb") as stream:
            weights = load_arrays(stream)
        known = [trunk for trunk in _TRUNKS if trunk.name in weights]
        if not known:
            raise ValueError(f"{path.name} has {', '.join(weights)}; expected AlexNet_0 or VGG16_0")
        self.trunk = known[0]
        layers = weights[self.trunk.name]
        self.convolutions = nn.ModuleList(
            _convolution(layers[f"Conv_{index}"]["kernel"], layers[f"Conv_{index}"]["bias"], stride, padding)
            for index, (stride, padding) in enumerate(self.trunk.stride_padding)
        )
        self.heads = nn.ParameterList(
            torch.tensor(weights[f"NetLinLayer_{index}"]["Conv_0"]["kernel"]).reshape(-1) for index in range(5)
        )
        self.register_buffer("shift", torch.tensor(_SHIFT).reshape(1, 3, 1, 1))
        self.register_buffer("scale", torch.tensor(_SCALE).reshape(1, 3, 1, 1))
        self.device = device
        self.eval().requires_grad_(False).to(device)

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """Distance per image pair; differentiable in both.

        Args:
            first: (N, 3, H, W) float32 in [-1, 1], RGB, H and W at least 32.
            second: as ``first``.

        Returns:
            (N,) float32, >= 0.
        """
        distance = first.new_zeros(len(first))
        for head, a, b in zip(self.heads, self._features(first), self._features(second), strict=True):
            squared = (_unit(a) - _unit(b)).square()  # (N, C, h, w)
            distance = distance + torch.einsum("nchw,c->n", squared, head) / squared[0, 0].numel()
        return distance

    @torch.inference_mode()
    def distances(
        self, generated: NDArray[np.uint8], target: NDArray[np.uint8], batch: int = 16
    ) -> NDArray[np.float64]:
        """Distance per frame.

        Args:
            generated: (T, H, W, 3) uint8 RGB, H and W at least 32.
            target: as ``generated``.
            batch: frame pairs per pass.

        Returns:
            (T,) float64, >= 0, exactly 0 for identical frames.
        """
        check_frame_pair(generated, target, min_side=32)
        out = np.empty(len(generated), np.float64)
        for start in range(0, len(generated), batch):
            rows = slice(start, start + batch)
            out[rows] = self(self._signed(generated[rows]), self._signed(target[rows])).cpu().numpy()
        return out

    def _signed(self, frames: NDArray[np.uint8]) -> Tensor:
        images = torch.from_numpy(frames).to(self.device).permute(0, 3, 1, 2)  # (N, 3, H, W)
        return images.to(torch.float32) / 127.5 - 1.0

    def _features(self, images: Tensor) -> list[Tensor]:
        """ReLU outputs of the five layers that are looked at."""
        x = (images - self.shift) / self.scale
        features = []
        for index, convolution in enumerate(self.convolutions):
            if index in self.trunk.pool_before:
                x = F.max_pool2d(x, self.trunk.pool_side, 2)
            x = F.relu(convolution(x))
            if index in self.trunk.looked_at:
                features.append(x)
        return features


def _unit(features: Tensor) -> Tensor:
    return features / (features.square().sum(dim=1, keepdim=True).sqrt() + _EPSILON)


def _convolution(kernel: NDArray[np.float32], bias: NDArray[np.float32], stride: int, padding: int) -> nn.Conv2d:
    height, width, in_channels, out_channels = kernel.shape
    layer = nn.Conv2d(in_channels, out_channels, (height, width), stride, padding)
    layer.weight.data = torch.tensor(kernel).permute(3, 2, 0, 1).contiguous()
    layer.bias = nn.Parameter(torch.tensor(bias))
    return layer


class _ArraysOnly(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> object:
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(
                f"refused {module}.{name}: a weight file may hold numpy arrays and nothing else"
            )
        return _ALLOWED[module, name]


def load_arrays(stream: BinaryIO) -> dict[str, dict[str, dict[str, NDArray[np.float32]]]]:
    """Read a pickle of nested dictionaries of numpy arrays; whatever would call anything else is refused.

    Raises:
        pickle.UnpicklingError: the file names something that is not numpy's array reconstruction.
    """
    content: dict[str, dict[str, dict[str, NDArray[np.float32]]]] = _ArraysOnly(stream).load()
    return content
