"""LPIPS against a loop in float64, and the pickle reader against files that want more than arrays."""

import io
import os
import pickle
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from reenactory.models.metrics.lpips import Lpips, load_arrays

Weights = dict[str, dict[str, dict[str, NDArray[np.float32]]]]
CPU = torch.device("cpu")
LAYERS = [(11, 4, 2), (5, 1, 2), (3, 1, 1), (3, 1, 1), (3, 1, 1)]  # kernel, stride, padding


@pytest.fixture
def small_weights() -> Weights:
    """AlexNet's layout with 4 to 6 channels."""
    rng = np.random.default_rng(5)
    channels = [3, 4, 6, 5, 4, 4]
    trunk = {
        f"Conv_{i}": {
            "kernel": rng.normal(0, 0.2, (size, size, channels[i], channels[i + 1])).astype(np.float32),
            "bias": rng.normal(0, 0.2, channels[i + 1]).astype(np.float32),
        }
        for i, (size, _, _) in enumerate(LAYERS)
    }
    heads = {
        f"NetLinLayer_{i}": {"Conv_0": {"kernel": rng.uniform(0, 1, (1, 1, channels[i + 1], 1)).astype(np.float32)}}
        for i in range(5)
    }
    return {"AlexNet_0": trunk, **heads}


def _save(weights: Weights, folder: Path) -> Path:
    path = folder / "alexnet.ckpt"
    path.write_bytes(pickle.dumps(weights))
    return path


def _naive_layers(image: NDArray[np.uint8], weights: Weights) -> list[NDArray[np.float64]]:
    """Unit features of one (H, W, 3) image, one output value at a time."""
    shift, scale = np.array([-0.030, -0.088, -0.188]), np.array([0.458, 0.448, 0.450])
    x = (image / 127.5 - 1.0 - shift) / scale
    units = []
    for i, (size, stride, padding) in enumerate(LAYERS):
        if i in (1, 2):
            x = _naive_windows(x, 3, 2, lambda window: window.max(axis=(0, 1)))
        layer = weights["AlexNet_0"][f"Conv_{i}"]
        kernel, bias = layer["kernel"].astype(np.float64), layer["bias"].astype(np.float64)
        x = np.pad(x, ((padding, padding), (padding, padding), (0, 0)))
        x = _naive_windows(
            x, size, stride, lambda window, k=kernel, b=bias: np.maximum(np.einsum("hwi,hwio->o", window, k) + b, 0)
        )
        units.append(x / (np.sqrt((x**2).sum(axis=2, keepdims=True)) + 1e-10))
    return units


def _naive_windows(
    x: NDArray[np.float64], size: int, stride: int, measure: Callable[[NDArray[np.float64]], NDArray[np.float64]]
) -> NDArray[np.float64]:
    rows = range(0, x.shape[0] - size + 1, stride)
    columns = range(0, x.shape[1] - size + 1, stride)
    return np.array([[measure(x[r : r + size, c : c + size]) for c in columns] for r in rows])


def _naive_distance(first: NDArray[np.uint8], second: NDArray[np.uint8], weights: Weights) -> float:
    total = 0.0
    pairs = zip(_naive_layers(first, weights), _naive_layers(second, weights), strict=True)
    for i, (a, b) in enumerate(pairs):
        head = weights[f"NetLinLayer_{i}"]["Conv_0"]["kernel"].reshape(-1).astype(np.float64)
        total += float((((a - b) ** 2) @ head).mean())
    return total


def test_equals_a_naive_loop(small_weights: Weights, tmp_path: Path) -> None:
    frames = np.random.default_rng(1).integers(0, 256, (2, 3, 67, 80, 3), dtype=np.uint8)
    network = Lpips(_save(small_weights, tmp_path), CPU)
    expected = [_naive_distance(a, b, small_weights) for a, b in zip(*frames, strict=True)]
    np.testing.assert_allclose(network.distances(*frames, batch=2), expected, rtol=1e-5)


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
def test_grows_with_blur_and_is_nought_at_identity(weight: Callable[[str], Path], photo: NDArray[np.uint8]) -> None:
    generated = np.stack([photo, *(cv2.GaussianBlur(photo, (0, 0), sigma) for sigma in (0.7, 1.5, 3, 6, 12))])
    values = Lpips(weight("lpips_alex"), CPU).distances(generated, np.repeat(photo[None], 6, axis=0))
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
