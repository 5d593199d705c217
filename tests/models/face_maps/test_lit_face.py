"""The face that coefficients mean, drawn into the whole picture."""

import pytest
import torch
from face_like_mesh import face_like_mesh

from reenactory.models.face_maps.lit_face import Coefficients, lit_face
from reenactory.models.face_model.model import FaceModel

SIZE = (224, 224)  # with this crop the picture is the aligned frame
CROP = (1.0, 112.0, 112.0)
ALBEDO = 0.5
POINTS, TRIANGLES = face_like_mesh(3000, 150)


@pytest.fixture(scope="module")
def model() -> FaceModel:
    """One colour all over; the `face` has a hole around the tip of the nose."""
    mean = torch.from_numpy(POINTS).float()
    count = len(mean)
    return FaceModel(
        name="test",
        mean=mean,
        identity=torch.zeros(80, count, 3),
        expression=torch.zeros(64, count, 3),
        triangles=torch.from_numpy(TRIANGLES),
        landmarks_68=torch.zeros(68, dtype=torch.int64),
        identity_variance=torch.zeros(80),
        masks={"face": mean[:, :2].norm(dim=1) > 0.2},
        mean_texture=torch.full((count, 3), ALBEDO),
        texture=torch.zeros(80, count, 3),
    )


def coefficients(shift: float = 0.0, yaw: float = 0.0) -> Coefficients:
    nothing = {name: torch.zeros(1, width) for name, width in (("id", 80), ("exp", 64), ("tex", 80), ("gamma", 27))}
    angles, trans = torch.tensor([[0.0, yaw, 0.0]]), torch.tensor([[shift, 0.0, 0.0]])
    return Coefficients(**nothing, angles=angles, trans=trans, crop=torch.tensor([CROP]))


def test_without_light_coefficients_the_face_is_in_the_published_ambient_light(model: FaceModel) -> None:
    drawn = lit_face(model, coefficients(yaw=0.3), SIZE)
    face = drawn.covered.expand_as(drawn.image)
    assert face.float().mean() > 0.2
    assert torch.allclose(drawn.image[face], torch.tensor(0.70898 * ALBEDO), atol=1e-4)
    assert not drawn.image[~face].any()


def test_it_stands_where_pose_and_translation_put_it(model: FaceModel) -> None:
    middles = [
        lit_face(model, coefficients(shift), SIZE).covered[0, 0].nonzero().double().mean(dim=0) for shift in (0, 0.2)
    ]
    assert float(middles[0][1]) == pytest.approx(112, abs=1)
    row, column = (middles[1] - middles[0]).tolist()
    assert column == pytest.approx(0.2 * 1015 / 9.5, abs=1.5)  # the mesh is half a unit before its origin
    assert row == pytest.approx(0, abs=0.5)


def test_what_is_not_face_stays_free_and_so_does_a_frame_without_one(model: FaceModel) -> None:
    assert not lit_face(model, coefficients(), SIZE).covered[0, 0, 108:116, 108:116].any()
    lost = Coefficients(*(torch.full_like(part, torch.nan) for part in coefficients()))
    drawn = lit_face(model, lost, SIZE)
    assert not drawn.covered.any() and not drawn.image.any()
