"""The rasterizer against a naive float64 loop, and its conventions one by one."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from reenactory.models.rasterizer.fragments import interpolate
from reenactory.models.rasterizer.rasterize import Backend, rasterize

BOTH = pytest.mark.parametrize("backend", ["numba", "torch"])


def naive(
    uvz: NDArray[np.float64], triangles: NDArray[np.int64], size: tuple[int, int], cull: bool, perspective: bool
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """One mesh, one pixel at a time; written from the conventions, not from the implementation."""
    ids = np.full(size, -1)
    depth = np.full(size, np.inf)
    bary = np.full((*size, 3), -1.0)
    for face, (a, b, c) in enumerate(uvz[triangles]):
        area = (c[0] - a[0]) * (b[1] - a[1]) - (c[1] - a[1]) * (b[0] - a[0])
        if abs(area) / (min(size) / 2) ** 2 <= 1e-8 or (cull and area < 0) or min(a[2], b[2], c[2]) < 1e-8:
            continue
        for i in range(size[0]):
            for j in range(size[1]):
                matrix = np.array([[a[0], b[0], c[0]], [a[1], b[1], c[1]], [1, 1, 1]])
                weights = np.linalg.solve(matrix, [j + 0.5, i + 0.5, 1])
                z = np.array([a[2], b[2], c[2]])
                if perspective:
                    weights = (weights / z) / (weights / z).sum()
                if (weights > 1e-12).all() and weights @ z < depth[i, j]:
                    ids[i, j], depth[i, j], bary[i, j] = face, weights @ z, weights
    return ids, depth, bary


@BOTH
@pytest.mark.parametrize("perspective", [True, False])
@pytest.mark.parametrize("cull", [True, False])
@pytest.mark.parametrize("size", [(13, 17), (20, 9)])
def test_soup_equals_naive(size: tuple[int, int], cull: bool, perspective: bool, backend: Backend) -> None:
    rng = np.random.default_rng(3)
    uvz = rng.uniform([-4, -4, 1], [size[1] + 4, size[0] + 4, 5], size=(40, 3)).astype(np.float32)
    uvz[:6, 2] = -1.0  # behind the camera
    triangles = rng.integers(0, 40, size=(60, 3))  # repeated corners give degenerate triangles
    mesh = torch.from_numpy(uvz)[None], torch.from_numpy(triangles)
    got = rasterize(*mesh, size, cull, perspective_correct=perspective, backend=backend)
    ids, depth, bary = naive(uvz.astype(np.float64), triangles, size, cull, perspective)
    hit = ids >= 0
    assert hit.any()
    np.testing.assert_array_equal(got.triangle[0].numpy(), ids)
    np.testing.assert_allclose(got.depth[0].numpy()[hit], depth[hit], rtol=1e-5)
    np.testing.assert_allclose(got.barycentrics[0].numpy()[hit], bary[hit], atol=2e-5)
    assert (got.depth[0].numpy()[~hit] == -1).all()


def square(z: float = 1.0) -> tuple[torch.Tensor, torch.Tensor]:
    """Two triangles over (0, 0) .. (4, 4), front facing."""
    uvz = torch.tensor([[[0, 0, z], [4, 0, z], [0, 4, z], [4, 4, z]]])
    return uvz, torch.tensor([[0, 2, 1], [1, 2, 3]])


@BOTH
def test_centre_on_an_edge_is_a_hole(backend: Backend) -> None:
    ids = rasterize(*square(), (4, 4), backend=backend).triangle[0]
    holes = (ids < 0).nonzero().tolist()
    assert holes == [[0, 3], [1, 2], [2, 1], [3, 0]]


@BOTH
def test_front_faces_survive_culling_and_back_faces_do_not(backend: Backend) -> None:
    uvz, triangles = square()
    assert (rasterize(uvz, triangles, (4, 4), cull_backfaces=True, backend=backend).triangle >= 0).sum() == 12
    assert (rasterize(uvz, triangles.flip(1), (4, 4), cull_backfaces=True, backend=backend).triangle >= 0).sum() == 0


@BOTH
def test_equal_depth_goes_to_the_lower_triangle(backend: Backend) -> None:
    uvz, triangles = square()
    ids = rasterize(uvz, torch.cat((triangles, triangles)), (4, 4), backend=backend).triangle
    assert ids.max() == 1


@BOTH
def test_not_finite_vertices_hide_their_triangles(backend: Backend) -> None:
    uvz, triangles = square()
    uvz[0, 3] = torch.nan
    ids = rasterize(uvz, triangles, (4, 4), backend=backend).triangle
    assert set(ids.unique().tolist()) == {-1, 0}


@BOTH
def test_batch_equals_singles_and_repeats(backend: Backend) -> None:
    generator = torch.Generator().manual_seed(0)
    uvz = torch.rand((3, 50, 3), generator=generator) * 30 + 0.5
    triangles = torch.randint(0, 50, (80, 3), generator=generator)
    together = rasterize(uvz, triangles, (24, 31), backend=backend)
    for index in range(3):
        single = rasterize(uvz[index : index + 1], triangles, (24, 31), backend=backend)
        assert all(torch.equal(a[index], b[0]) for a, b in zip(together, single, strict=True))


def test_interpolation_reproduces_an_affine_attribute_and_is_zero_outside() -> None:
    uvz, triangles = square()
    uvz = uvz + 0.1
    fragments = rasterize(uvz, triangles, (6, 6))
    attributes = torch.stack((2 * uvz[..., 0] + 1, uvz[..., 1]), dim=-1)
    image = interpolate(fragments, triangles, attributes)
    i, j = torch.meshgrid(torch.arange(6) + 0.5, torch.arange(6) + 0.5, indexing="ij")
    covered = fragments.triangle[0] >= 0
    assert torch.allclose(image[0][covered], torch.stack((2 * j + 1, i), dim=-1)[covered], atol=1e-4)
    assert (image[0][~covered] == 0).all()


def test_nothing_to_draw_gives_empty_fragments() -> None:
    uvz, triangles = square()
    for corners, table in ((uvz, triangles[:0]), (-uvz, triangles)):
        fragments = rasterize(corners, table, (3, 5))
        assert all((value == -1).all() and value.shape[:3] == (1, 3, 5) for value in fragments)
        assert not interpolate(fragments, table, uvz).any()
    assert rasterize(uvz[:0], triangles, (3, 5)).depth.shape == (0, 3, 5)


def test_two_threads_give_the_same_picture() -> None:
    uvz, triangles = square()
    batch = torch.cat([uvz + 0.1 * step for step in range(5)])
    threads = torch.get_num_threads()
    pictures = []
    try:
        for count in (1, 2):
            torch.set_num_threads(count)
            fragments = rasterize(batch, triangles, (6, 6))
            pictures.append(interpolate(fragments, triangles, batch))
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(*pictures)


def test_gradients_of_attributes_are_kept() -> None:
    uvz, triangles = square()
    fragments = rasterize(uvz, triangles, (4, 4))
    attributes = torch.rand((1, 4, 2), generator=torch.Generator().manual_seed(0)).requires_grad_()
    image = interpolate(fragments, triangles, attributes)
    assert torch.equal(image.detach(), interpolate(fragments, triangles, attributes.detach()))
    (gradient,) = torch.autograd.grad(image[..., 0].sum(), attributes)
    assert gradient[..., 0].sum() == pytest.approx(12)  # each of the covered pixels shares out 1
    assert not gradient[..., 1].any()


def test_what_does_not_fit_is_refused() -> None:
    uvz, triangles = square()
    with pytest.raises(ValueError, match="uvz"):
        rasterize(uvz[0], triangles, (4, 4))
    with pytest.raises(ValueError, match=r"uvz.*float64"):
        rasterize(uvz.double(), triangles, (4, 4))
    with pytest.raises(ValueError, match="triangles"):
        rasterize(uvz, triangles[0], (4, 4))
    with pytest.raises(ValueError, match=r"triangles.*got 1 to 4"):
        rasterize(uvz, triangles + 1, (4, 4))
    with pytest.raises(ValueError, match="size"):
        rasterize(uvz, triangles, (4, 0))
    with pytest.raises(ValueError, match="backend"):
        rasterize(uvz, triangles, (4, 4), backend="cuda")  # type: ignore[arg-type]
    fragments = rasterize(uvz, triangles, (4, 4))
    with pytest.raises(IndexError, match="12 pixels"):
        interpolate(fragments, triangles + 4, uvz)
    with pytest.raises(ValueError, match="attributes"):
        interpolate(fragments, triangles, uvz[0])
