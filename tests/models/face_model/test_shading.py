"""Light against the nine numbers of methods B.5, typed by hand, in float64."""

import numpy as np
import pytest
import torch

from reenactory.models.face_model.shading import harmonics, light_of, shade


def nine(x: float, y: float, z: float) -> list[float]:
    return [
        0.8862269254527579,
        -1.7724538509055159 * y,
        1.7724538509055159 * z,
        -1.7724538509055159 * x,
        2.4270323912811433 * x * y,
        -2.4270323912811433 * y * z,
        0.7006239020808711 * (3 * z * z - 1),
        -2.4270323912811433 * x * z,
        1.2135161956405717 * (x * x - y * y),
    ]


def unit_normals(shape: tuple[int, ...]) -> np.ndarray:
    drawn = np.random.default_rng(2).normal(size=(*shape, 3))
    return drawn / np.linalg.norm(drawn, axis=-1, keepdims=True)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_shading_vertex_by_vertex(dtype: torch.dtype) -> None:
    chance = np.random.default_rng(3)
    normals, albedo = unit_normals((2, 40)), chance.uniform(0, 1, (2, 40, 3))
    gamma = chance.normal(0, 0.3, (2, 27))
    got = shade(*(torch.tensor(values, dtype=dtype) for values in (albedo, normals, gamma)))
    for item in range(2):
        for vertex in range(40):
            basis = nine(*normals[item, vertex])
            for colour in range(3):
                light = [gamma[item, 9 * colour + band] + (0.8 if band == 0 else 0.0) for band in range(9)]
                expected = albedo[item, vertex, colour] * float(np.dot(basis, light))
                assert float(got[item, vertex, colour]) == pytest.approx(expected, rel=1e-5, abs=1e-5)


def test_no_light_is_the_ambient_light() -> None:
    albedo = torch.rand(1, 5, 3, dtype=torch.float64)
    got = shade(albedo, torch.tensor(unit_normals((1, 5))), torch.zeros(1, 27, dtype=torch.float64))
    np.testing.assert_allclose(got, 0.8 * 0.886227 * albedo, rtol=1e-6)


def test_the_harmonics_are_orthogonal_once_the_cosine_is_taken_out() -> None:
    """A wrong sign passes here, a wrong constant does not: over the sphere each has the norm of its band."""
    values = harmonics(torch.tensor(unit_normals((200_000,)))).numpy()
    bands = np.array([np.pi] + [2 * np.pi / np.sqrt(3)] * 3 + [2 * np.pi / np.sqrt(8)] * 5)
    gram = 4 * np.pi * (values / bands).T @ (values / bands) / len(values)
    off = gram - np.diag(np.diag(gram))
    assert np.abs(off).max() < 0.02
    np.testing.assert_allclose(np.diag(gram), np.ones(9), atol=0.02)


def test_colours_come_one_after_the_other() -> None:
    light = light_of(torch.arange(27.0))
    assert light.shape == (3, 9)
    assert light[1].tolist() == pytest.approx([9.8, 10, 11, 12, 13, 14, 15, 16, 17])


def test_shapes_are_checked_at_the_door() -> None:
    with pytest.raises(ValueError, match=r"gamma: expected \(..., 27\), got \(2, 9\)"):
        light_of(torch.zeros(2, 9))
    with pytest.raises(ValueError, match=r"got \(2, 5, 3\) and \(1, 5, 3\)"):
        shade(torch.zeros(2, 5, 3), torch.zeros(1, 5, 3), torch.zeros(2, 27))
