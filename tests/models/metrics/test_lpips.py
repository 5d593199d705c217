"""LPIPS against a loop in float64, and the pickle reader against files that want more than arrays."""

import io
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from reenactory.models.metrics.lpips import Lpips, load_arrays

Weights = dict[str, dict[str, dict[str, NDArray[np.float32]]]]
CPU = torch.device("cpu")


class Trunk(NamedTuple):
    """A published network, written down a second time."""

    name: str
    layers: list[tuple[int, int, int]]  # kernel, stride, padding
    pool_before: tuple[int, ...]
    pool_side: int
    looked_at: tuple[int, ...]


ALEX = Trunk("AlexNet_0", [(11, 4, 2), (5, 1, 2), (3, 1, 1), (3, 1, 1), (3, 1, 1)], (1, 2), 3, (0, 1, 2, 3, 4))
VGG = Trunk("VGG16_0", [(3, 1, 1)] * 13, (2, 4, 7, 10), 2, (1, 3, 6, 9, 12))  # relu1_2, 2_2, 3_3, 4_3, 5_3


def small(trunk: Trunk) -> Weights:
    """The network's layout with 4 to 6 channels."""
    rng = np.random.default_rng(5)
    channels = [3, *rng.integers(4, 7, len(trunk.layers)).tolist()]
    convolutions = {
        f"Conv_{i}": {
            "kernel": rng.normal(0, 0.2, (size, size, channels[i], channels[i + 1])).astype(np.float32),
            "bias": rng.normal(0, 0.2, channels[i + 1]).astype(np.float32),
        }
        for i, (size, _, _) in enumerate(trunk.layers)
    }
    heads = {
        f"NetLinLayer_{k}": {"Conv_0": {"kernel": rng.uniform(0, 1, (1, 1, channels[i + 1], 1)).astype(np.float32)}}
        for k, i in enumerate(trunk.looked_at)
    }
    return {trunk.name: convolutions, **heads}


@pytest.fixture
def small_weights() -> Weights:
    return small(ALEX)


def _save(weights: Weights, folder: Path) -> Path:
    path = folder / "network.ckpt"
    path.write_bytes(pickle.dumps(weights))
    return path


def _naive_layers(image: NDArray[np.uint8], weights: Weights, trunk: Trunk) -> list[NDArray[np.float64]]:
    """Unit features of one (H, W, 3) image, one output value at a time."""
    shift, scale = np.array([-0.030, -0.088, -0.188]), np.array([0.458, 0.448, 0.450])
    x = (image / 127.5 - 1.0 - shift) / scale
    units = []
    for i, (size, stride, padding) in enumerate(trunk.layers):
        if i in trunk.pool_before:
            x = _naive_windows(x, trunk.pool_side, 2, lambda window: window.max(axis=(0, 1)))
        layer = weights[trunk.name][f"Conv_{i}"]
        kernel, bias = layer["kernel"].astype(np.float64), layer["bias"].astype(np.float64)
        x = np.pad(x, ((padding, padding), (padding, padding), (0, 0)))
        x = _naive_windows(
            x, size, stride, lambda window, k=kernel, b=bias: np.maximum(np.einsum("hwi,hwio->o", window, k) + b, 0)
        )
        if i in trunk.looked_at:
            units.append(x / (np.sqrt((x**2).sum(axis=2, keepdims=True)) + 1e-10))
    return units


def _naive_windows(
    x: NDArray[np.float64], size: int, stride: int, measure: Callable[[NDArray[np.float64]], NDArray[np.float64]]
) -> NDArray[np.float64]:
    rows = range(0, x.shape[0] - size + 1, stride)
    columns = range(0, x.shape[1] - size + 1, stride)
    return np.array([[measure(x[r : r + size, c : c + size]) for c in columns] for r in rows])


def _naive_distance(
    first: NDArray[np.uint8], second: NDArray[np.uint8], weights: Weights, trunk: Trunk = ALEX
) -> float:
    total = 0.0
    pairs = zip(_naive_layers(first, weights, trunk), _naive_layers(second, weights, trunk), strict=True)
    for i, (a, b) in enumerate(pairs):
        head = weights[f"NetLinLayer_{i}"]["Conv_0"]["kernel"].reshape(-1).astype(np.float64)
        total += float((((a - b) ** 2) @ head).mean())
    return total


@pytest.mark.parametrize(("trunk", "size"), [(ALEX, (67, 80)), (VGG, (37, 33))], ids=["alex", "vgg"])
def test_equals_a_naive_loop(trunk: Trunk, size: tuple[int, int], tmp_path: Path) -> None:
    frames = np.random.default_rng(1).integers(0, 256, (2, 3, *size, 3), dtype=np.uint8)
    weights = small(trunk)
    network = Lpips(_save(weights, tmp_path), CPU)
    expected = [_naive_distance(a, b, weights, trunk) for a, b in zip(*frames, strict=True)]
    np.testing.assert_allclose(network.distances(*frames, batch=2), expected, rtol=1e-5)


def test_another_network_is_refused(small_weights: Weights, tmp_path: Path) -> None:
    small_weights["SqueezeNet_0"] = small_weights.pop("AlexNet_0")
    with pytest.raises(ValueError, match="expected AlexNet_0 or VGG16_0"):
        Lpips(_save(small_weights, tmp_path), CPU)


def test_gradient_reaches_the_images(small_weights: Weights, tmp_path: Path) -> None:
    network = Lpips(_save(small_weights, tmp_path), CPU)
    first = torch.zeros(1, 3, 64, 64, requires_grad=True)
    network(first, torch.rand(1, 3, 64, 64)).sum().backward()
    assert first.grad is not None and torch.isfinite(first.grad).all() and first.grad.abs().sum() > 0


@pytest.mark.weights
def test_real_weights_equal_a_naive_loop_on_a_small_crop(
    weight: Callable[[str], Path], photo: NDArray[np.uint8]
) -> None:
    path = weight("lpips_alex")
    with path.open("rb") as stream:
        weights = load_arrays(stream)
    crop = np.ascontiguousarray(photo[60:95, 90:125])
    blurred = cv2.GaussianBlur(crop, (0, 0), 1.5)
    expected = _naive_distance(blurred, crop, weights)
    assert Lpips(path, CPU).distances(blurred[None], crop[None])[0] == pytest.approx(expected, rel=1e-4)


@pytest.mark.weights
@pytest.mark.parametrize("name", ["lpips_alex", "lpips_vgg16"])
def test_grows_with_blur_and_is_nought_at_identity(
    name: str, weight: Callable[[str], Path], photo: NDArray[np.uint8]
) -> None:
    generated = np.stack([photo, *(cv2.GaussianBlur(photo, (0, 0), sigma) for sigma in (0.7, 1.5, 3, 6, 12))])
    values = Lpips(weight(name), CPU).distances(generated, np.repeat(photo[None], 6, axis=0))
    assert values[0] == 0.0
    assert (np.diff(values) > 0).all()
    assert 0.4 < values[-1] < 1.0  # a face blurred beyond recognition, on the scale LPIPS is known by


class _Hostile:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("exit 3",)


@pytest.mark.parametrize("content", [_Hostile(), {"AlexNet_0": _Hostile()}, os.path.join, {"x": pytest.approx}])
def test_a_pickle_that_calls_something_is_refused(content: object) -> None:
    with pytest.raises(pickle.UnpicklingError, match="refused"):
        load_arrays(io.BytesIO(pickle.dumps(content)))


def test_arrays_survive_the_reader(small_weights: Weights) -> None:
    read = load_arrays(io.BytesIO(pickle.dumps(small_weights)))
    kernel = small_weights["AlexNet_0"]["Conv_0"]["kernel"]
    np.testing.assert_array_equal(read["AlexNet_0"]["Conv_0"]["kernel"], kernel)
