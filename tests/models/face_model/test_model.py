"""The face model's algebra on a mesh small enough to check by hand."""

import numpy as np
import pytest
import torch

from reenactory.models.face_model.model import FaceModel, mode_variance
from reenactory.models.face_model.normals import VertexNormals, vertex_normals

CORNERS = torch.tensor([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [5, 5, 5]])  # a tetrahedron and a loose vertex
TRIANGLES = torch.tensor([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]])  # counter-clockwise from outside


def model(**changes: object) -> FaceModel:
    random = torch.Generator().manual_seed(0)
    basis = {"identity": 80, "expression": 64, "texture": 80}
    fields: dict[str, object] = {name: torch.randn(count, 5, 3, generator=random) for name, count in basis.items()}
    fields |= {
        "name": "test",
        "mean": CORNERS,
        "triangles": TRIANGLES,
        "landmarks_68": torch.arange(68) % 4,
        "identity_variance": torch.ones(80),
        "masks": {"face": torch.tensor([True, True, True, True, False])},
        "mean_texture": torch.full((5, 3), 0.5),
    }
    return FaceModel(**{**fields, **changes})  # type: ignore[arg-type]


def test_shape_and_colours_are_mean_plus_weighted_modes() -> None:
    face = model()
    random = np.random.default_rng(1)
    identity, expression, texture = (torch.from_numpy(random.normal(size=(3, n))).float() for n in (80, 64, 80))
    shape, albedo = face.shape(identity, expression), face.albedo(texture)
    for b in range(3):
        expected = face.mean.double()
        for k in range(80):
            expected = expected + identity[b, k].double() * face.identity[k].double()
        for k in range(64):
            expected = expected + expression[b, k].double() * face.expression[k].double()
        assert torch.allclose(shape[b].double(), expected, atol=1e-4)
        colour = 0.5 + torch.einsum("k,kvc->vc", texture[b].double(), face.texture.double())  # type: ignore[union-attr]
        assert torch.allclose(albedo[b].double(), colour, atol=1e-4)


def test_normals_are_the_normalised_sum_of_unit_triangle_normals() -> None:
    moved = CORNERS * torch.tensor([1.0, 3.0, 0.2])  # triangles of very different area count alike
    found = vertex_normals(moved[None], TRIANGLES)[0].numpy()
    points = moved.double().numpy()
    for vertex in range(4):
        total = np.zeros(3)
        for a, b, c in TRIANGLES.numpy():
            if vertex in (a, b, c):
                normal = np.cross(points[a] - points[b], points[b] - points[c])
                total += normal / np.linalg.norm(normal)
        assert np.allclose(found[vertex], total / np.linalg.norm(total), atol=1e-6)
        assert found[vertex] @ (points[vertex] - points[:4].mean(axis=0)) > 0, "points in"
    assert not found[4].any(), "a vertex without triangles has no normal"


def test_normals_add_up_in_the_order_of_scattered_triangles() -> None:
    """Bit for bit what `index_add_` gives on the CPU, so that no fit changed when the sum became a gather."""
    random = torch.Generator().manual_seed(2)
    triangles = torch.randint(40, (120, 3), generator=random)
    triangles[:30, 0] = 7  # a vertex where many meet
    vertices = torch.randn(3, 44, 3, generator=random)  # the last four have no triangle
    first, second, third = vertices[:, triangles].unbind(dim=2)
    flat = torch.nn.functional.normalize(torch.linalg.cross(first - second, second - third), dim=-1)
    total = torch.zeros_like(vertices)
    for corner in range(3):
        total.index_add_(1, triangles[:, corner], flat)
    found = VertexNormals.of(triangles, 44)(vertices)
    assert torch.equal(found, torch.nn.functional.normalize(total, dim=-1))
    assert not found[:, 40:].any()


def test_normals_first_asked_for_without_gradients_can_be_differentiated_through_later() -> None:
    face = model()
    with torch.inference_mode():
        face.normals(CORNERS[None])
    vertices = CORNERS[None].clone().requires_grad_()
    face.normals(vertices)[0, 0, 0].backward()
    assert vertices.grad is not None
    assert vertices.grad.any()
    assert face.to("cpu").normals(CORNERS[None]).shape == (1, 5, 3)


def test_points_lie_in_their_triangles() -> None:
    weights = torch.full((478, 3), 1 / 3)
    weights[0] = torch.tensor([0.0, 0.25, 0.75])
    face = model(point_triangles=torch.arange(478) % 4, point_weights=weights)
    points = face.points_478(CORNERS[None] + 1)
    assert points.shape == (1, 478, 3)
    assert torch.allclose(points[0, 0], torch.tensor([1.75, 1.25, 1.0]))  # 0.25 of vertex 2, 0.75 of vertex 1
    assert face.points_68(CORNERS[None]).shape == (1, 68, 3)


def test_a_model_that_lacks_something_says_so() -> None:
    bare = model(mean_texture=None, texture=None)
    with pytest.raises(ValueError, match="no colours"):
        bare.albedo(torch.zeros(1, 80))
    with pytest.raises(ValueError, match="478"):
        bare.points_478(CORNERS[None])
    assert torch.equal(bare.points_68(CORNERS[None])[0], CORNERS[bare.landmarks_68])


def test_wrong_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"identity: expected \(B, 80\), got \(1, 64\)"):
        model().shape(torch.zeros(1, 64), torch.zeros(1, 64))
    with pytest.raises(ValueError, match="2 rows of identity, 1 of expression"):
        model().shape(torch.zeros(2, 80), torch.zeros(1, 64))


def test_moving_to_a_device_takes_everything_along() -> None:
    moved = model().to("meta")
    assert {tensor.device.type for tensor in (moved.mean, moved.triangles, moved.masks["face"])} == {"meta"}


def test_variance_of_a_mode_is_the_mean_square_over_the_mask() -> None:
    modes = torch.zeros(2, 5, 3)
    modes[0, 0] = torch.tensor([3.0, 4.0, 0.0])
    modes[1, 4] = 9.0
    assert mode_variance(modes, model().masks["face"]).tolist() == [25 / 4, 0]
