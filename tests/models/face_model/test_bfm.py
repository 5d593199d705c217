"""The loader of the user's Basel model, on a stand-in with the same keys and a smaller number of vertices."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.io import savemat

from reenactory.models.face_model.bfm import load_bfm

VERTICES, TRIANGLES = 400, 700
Change = Callable[[dict[str, NDArray[np.float64]]], object]


def stand_in() -> dict[str, NDArray[np.float64]]:
    random = np.random.default_rng(0)
    size = 3 * VERTICES
    mean = random.uniform(-0.8, 0.8, (1, size)) + np.tile([0.0, 5.0, 1.0], VERTICES)
    return {
        "meanshape": mean,
        "idBase": random.normal(0, 0.03, (size, 80)),
        "exBase": random.normal(0, 0.02, (size, 64)),
        "meantex": random.uniform(0, 255, (1, size)),
        "texBase": random.normal(0, 5, (size, 80)),
        "tri": random.integers(1, VERTICES + 1, (TRIANGLES, 3)).astype(np.float64),
        "point_buf": np.full((VERTICES, 8), TRIANGLES + 1.0),
        "tri_mask2": np.ones((10, 3)),
        "keypoints": random.integers(1, VERTICES + 1, (1, 68)).astype(np.float64),
        "frontmask2_idx": np.arange(1.0, 301.0)[:, None],
        "skinmask": (np.arange(VERTICES) < 100)[None].astype(np.float64),
    }


def write(path: Path, *changes: Change) -> Path:
    data = stand_in()
    for change in changes:
        change(data)
    savemat(path, data)
    return path


def test_the_file_is_read_as_the_published_code_reads_it(tmp_path: Path) -> None:
    data = stand_in()
    face = load_bfm(write(tmp_path / "BFM_model_front.mat"))
    mean = data["meanshape"].reshape(-1, 3)
    mean = mean - mean.mean(axis=0)
    random = np.random.default_rng(1)
    identity, expression, texture = (random.normal(size=(2, n)) for n in (80, 64, 80))
    shape = face.shape(torch.from_numpy(identity).float(), torch.from_numpy(expression).float())
    albedo = face.albedo(torch.from_numpy(texture).float())
    for b in range(2):
        moved = data["idBase"] @ identity[b] + data["exBase"] @ expression[b]
        assert np.allclose(shape[b].numpy(), mean + moved.reshape(-1, 3), atol=1e-5)
        colour = (data["meantex"][0] + data["texBase"] @ texture[b]).reshape(-1, 3) / 255
        assert np.allclose(albedo[b].numpy(), colour, atol=1e-5)
    assert np.array_equal(face.triangles.numpy(), data["tri"] - 1)
    assert np.array_equal(face.landmarks_68.numpy(), data["keypoints"][0] - 1)
    assert np.array_equal(torch.where(face.masks["face"])[0].numpy(), np.arange(300))
    assert int(face.masks["skin"].sum()) == 100
    front = data["idBase"].reshape(VERTICES, 3, 80)[:300]
    assert np.allclose(face.identity_variance.numpy(), (front**2).sum(axis=1).mean(axis=0), rtol=1e-4)
    assert face.points_478 and face.point_triangles is None


def test_a_file_that_is_something_else(tmp_path: Path) -> None:
    (tmp_path / "text.mat").write_text("hello " * 100)
    with pytest.raises(ValueError, match="cannot be read as a MATLAB file"):
        load_bfm(tmp_path / "text.mat")
    savemat(tmp_path / "other.mat", {"meanshape": np.zeros((1, 9))})
    with pytest.raises(ValueError, match=r"lacks idBase, exBase"):
        load_bfm(tmp_path / "other.mat")


@pytest.mark.parametrize(
    ("key", "change", "message"),
    [
        ("idBase", lambda a: a[:, :79], r"idBase is \(1200, 79\)"),
        ("exBase", lambda a: a[:-3], r"exBase is \(1197, 64\)"),
        ("keypoints", lambda a: a[:, :5], "keypoints has 5 entries, expected 68"),
        ("tri", lambda a: a - 1, "tri must hold vertex numbers from 1 to 400"),
        ("tri", lambda a: a[:, :2], r"tri is \(700, 2\)"),
        ("frontmask2_idx", lambda a: a + 0.5, "frontmask2_idx must hold vertex numbers"),
        ("meanshape", lambda a: a * 1e5, "is 1.59e.05 wide"),
        ("meantex", lambda a: a * np.nan, "meantex holds numbers that are not finite"),
    ],
)
def test_what_does_not_fit_is_named(
    tmp_path: Path, key: str, change: Callable[[NDArray[np.float64]], NDArray[np.float64]], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        load_bfm(write(tmp_path / "bad.mat", lambda data: data.update({key: change(data[key])})))
