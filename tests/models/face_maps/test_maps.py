"""Flow, colours and PNCC: the golden checks of the method, and against the geometry in float64."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from face_like_mesh import face_like_mesh, project, rotation
from torch import Tensor

from reenactory.models.face_maps.colours import draw_colours, pncc_colours
from reenactory.models.face_maps.flow import computed_flow
from reenactory.models.face_maps.guidance import guidance_maps
from reenactory.models.face_maps.visibility import view_source, visible_from_source
from reenactory.models.rasterizer.rasterize import rasterize

POINTS, TRIANGLES = face_like_mesh(6000, 200)
TABLE = torch.from_numpy(TRIANGLES)
HEIGHT, WIDTH = SIZE = (112, 128)


def posed(yaw: float = 0, pitch: float = 0, roll: float = 0, shift: tuple[float, float] = (0, 0)) -> Tensor:
    return torch.from_numpy(project(POINTS, rotation(yaw, pitch, roll), HEIGHT, shift)).float()[None]


def test_equal_meshes_have_no_flow() -> None:
    uvz = posed(25, 10, -5)
    assert not computed_flow(rasterize(uvz, TABLE, SIZE), TABLE, uvz, uvz).any()


@pytest.mark.parametrize("shift", [(7.5, 0), (-3, 4.25)])
def test_a_shifted_mesh_has_the_opposite_flow(shift: tuple[float, float]) -> None:
    source, target = posed(25), posed(25, shift=shift)
    fragments = rasterize(target, TABLE, SIZE)
    flow = computed_flow(fragments, TABLE, source, target)
    face = fragments.triangle >= 0
    expected = -torch.tensor(shift, dtype=torch.float32)
    torch.testing.assert_close(flow[face], expected.expand(int(face.sum()), 2), atol=1e-4, rtol=0)
    assert not flow[~face].any()


def test_flow_leads_to_the_projection_of_the_same_surface_point() -> None:
    source, target = posed(-15, 4), posed(30, -6, 8, (3, -2))
    fragments = rasterize(target, TABLE, SIZE)
    flow = computed_flow(fragments, TABLE, source, target)[0].double().numpy()
    row, column = np.nonzero(fragments.triangle[0].numpy() >= 0)
    # The ray of each pixel, cast in the target's camera frame onto the plane of its triangle.
    turn, eye = rotation(30, -6, 8), np.array([0, 0, 10.0])
    middle = HEIGHT / 2 + np.array([3, -2]) - 0.5
    ray = np.column_stack([column - middle[0], middle[1] - row, np.full(len(row), -4.0 * HEIGHT)])
    a, b, c = (POINTS[TRIANGLES[fragments.triangle[0].numpy()[row, column], corner]] @ turn.T for corner in range(3))
    normal = np.cross(b - a, c - a)
    length = ((a - eye) * normal).sum(axis=1) / (ray * normal).sum(axis=1)
    surface = (eye + length[:, None] * ray) @ turn
    expected = project(surface, rotation(-15, 4), HEIGHT)[:, :2] - np.column_stack([column, row]) - 0.5
    assert np.abs(expected).max() > 8
    # Vertices are displaced exactly; between them, perspective bends what is interpolated along straight lines.
    np.testing.assert_allclose(flow[row, column], expected, atol=0.02)


def test_grid_units_fetch_the_source_in_a_picture_that_is_not_square() -> None:
    """A picture of its own coordinates, warped by the flow, must show where the flow points."""
    source, target = posed(0), posed(20, 5, 0, (4, 3))
    fragments = rasterize(target, TABLE, SIZE)
    pixels = computed_flow(fragments, TABLE, source, target)
    v, u = torch.meshgrid(torch.arange(HEIGHT) + 0.5, torch.arange(WIDTH) + 0.5, indexing="ij")
    own = torch.stack((u, v), dim=-1)
    identity = torch.stack(((2 * u) / WIDTH - 1, (2 * v) / HEIGHT - 1), dim=-1)
    grid = identity + computed_flow(fragments, TABLE, source, target, "grid")
    fetched = F.grid_sample(own.permute(2, 0, 1)[None], grid, align_corners=False).permute(0, 2, 3, 1)
    torch.testing.assert_close(fetched[:, 10:-10, 10:-10], (own + pixels)[:, 10:-10, 10:-10], atol=1e-3, rtol=0)
    with pytest.raises(ValueError, match="units"):
        computed_flow(fragments, TABLE, source, target, "ndc")  # type: ignore[arg-type]


def test_pncc_names_the_same_point_in_two_poses() -> None:
    colours = pncc_colours(torch.from_numpy(POINTS).float())
    assert (colours.amin(dim=0) == 0).all()
    assert (colours.amax(dim=0) == 1).all()
    source, target = posed(0), posed(25)
    first, second = rasterize(source, TABLE, SIZE), rasterize(target, TABLE, SIZE)
    flow = computed_flow(second, TABLE, source, target, "grid")
    v, u = torch.meshgrid(torch.arange(HEIGHT) + 0.5, torch.arange(WIDTH) + 0.5, indexing="ij")
    grid = torch.stack((2 * u / WIDTH - 1, 2 * v / HEIGHT - 1), dim=-1) + flow
    fetched = F.grid_sample(draw_colours(first, TABLE, colours[None]), grid, align_corners=False)
    drawn = draw_colours(second, TABLE, colours[None])
    visible = visible_from_source(view_source(source, TABLE, SIZE), second, TABLE)
    error = (fetched - drawn).abs().amax(dim=1)[visible]
    # At the source's silhouette it is read from beside the face; a step of a pixel is 1 / 80 of the face elsewhere.
    assert error.quantile(0.9) < 0.01


def test_a_flat_mean_shape_has_no_pncc() -> None:
    flat = torch.rand(10, 3) * torch.tensor([1, 1, 0])
    with pytest.raises(ValueError, match="mean_shape"):
        pncc_colours(flat)
    with pytest.raises(ValueError, match="mean_shape"):
        pncc_colours(flat * torch.nan)


def test_guidance_is_its_parts() -> None:
    source, target = posed(0), torch.cat([posed(35), posed(-20, 5)])
    colours = torch.rand((2, len(POINTS), 3), generator=torch.Generator().manual_seed(0))
    view = view_source(source, TABLE, SIZE)
    maps = guidance_maps(view, target, TABLE, colours, units="grid")
    fragments = rasterize(target, TABLE, SIZE)
    assert torch.equal(maps.face, draw_colours(fragments, TABLE, colours))
    assert torch.equal(maps.flow, computed_flow(fragments, TABLE, source, target, "grid"))
    assert torch.equal(maps.visible, visible_from_source(view, fragments, TABLE))
    assert torch.equal(maps.mask, fragments.triangle >= 0)
    assert maps.face.shape == (2, 3, *SIZE)
    assert 0.02 < 1 - maps.visible[maps.mask].float().mean() < 0.5
