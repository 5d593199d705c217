"""The built open model: topology, symmetry, correspondences, and what the landmarker makes of its pictures."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from reenactory.models.face_mesh.landmarker import FaceLandmarker
from reenactory.models.face_mesh.pose import STANDARD_POINTS, five_points
from reenactory.models.face_mesh.topology import LEFT_IRIS, MOUTH_LOWER, MOUTH_UPPER, RIGHT_IRIS
from reenactory.models.face_model.correspondences import read_correspondences
from reenactory.models.face_model.find_correspondences import mirror_of
from reenactory.models.face_model.model import FaceModel
from reenactory.models.face_model.open_model import load_open_model
from reenactory.models.face_model.picture import draw
from reenactory.models.face_model.similarity import fit_similarity

pytestmark = pytest.mark.weights
EYES = 0.6235  # between the eye centres, model units


@pytest.fixture(scope="module")
def model(weight: Callable[[str], Path]) -> FaceModel:
    return load_open_model(weight("open_face_model"))


def unit(model: FaceModel, name: str) -> torch.Tensor:
    return model.expression[model.expression_names.index(name)]


def test_shapes_and_padding(model: FaceModel) -> None:
    count = model.vertex_count
    assert 4000 < count < 6000
    assert model.identity.shape == (80, count, 3) and model.expression.shape == (64, count, 3)
    assert model.triangles.min() == 0 and model.triangles.max() == count - 1
    assert model.expression_names[0] == "" and not model.expression[0].any(), "score 0 says neutral and moves nothing"
    assert not model.expression[53:].any() and all(model.expression[i].any() for i in range(1, 53))
    assert (model.identity_variance > 0).all()
    assert model.identity_variance[:10].min() > 5 * model.identity_variance[40:].max(), "the largest come first"
    for tensor in (model.mean, model.identity, model.expression, model.texture, model.mean_texture):
        assert tensor is not None and tensor.dtype == torch.float32 and torch.isfinite(tensor).all()
    assert model.mean_texture is not None and model.mean_texture.min() >= 0 and model.mean_texture.max() <= 1


def test_the_face_looks_at_the_camera(model: FaceModel) -> None:
    normals = model.normals(model.mean[None])[0]
    assert (normals[model.masks["face"], 2] > 0).float().mean() > 0.85
    assert (normals[model.landmarks_68, 2] > 0).float().mean() > 0.85
    assert model.mean[model.masks["iris"], 2].min() > model.mean[:, 2].median()


def test_five_points_are_as_near_to_the_standard_ones_as_they_can_be(model: FaceModel) -> None:
    points = model.points_478(model.mean[None])[0].double().numpy()
    five = five_points(model.points_68(model.mean[None]).numpy())[0]
    apart = np.linalg.norm(five - STANDARD_POINTS, axis=1)
    assert apart[[0, 1, 3, 4]].max() < 0.03 and apart[2] < 0.08  # the nose of this model is 7 mm shorter
    # Fitting again to the fitted points must change nothing.
    again = fit_similarity(points)
    assert abs(again.scale - 1) < 1e-4 and abs(again.sine) < 1e-3 and np.abs(again.origin).max() < 1e-3


def test_points_are_symmetric(model: FaceModel) -> None:
    points = model.points_478(model.mean[None])[0].double().numpy()
    other = mirror_of(points)
    assert np.array_equal(other[other], np.arange(478))
    asymmetry = np.linalg.norm(points * [-1, 1, 1] - points[other], axis=1) / EYES
    assert asymmetry.max() < 0.01 and asymmetry.mean() < 0.002


def test_points_are_where_their_names_say(model: FaceModel) -> None:
    assert model.point_triangles is not None
    corners = model.triangles[model.point_triangles]
    on = {name: mask[corners].all(dim=1).numpy() for name, mask in model.masks.items()}
    assert on["right_eye"][RIGHT_IRIS].all() and on["left_eye"][LEFT_IRIS].all()
    assert on["head"][:468].all()
    points = model.points_478(model.mean[None])[0].numpy()
    assert (points[RIGHT_IRIS, 0] < 0).all() and (points[LEFT_IRIS, 0] > 0).all()
    for centre, right, up, left, down in (RIGHT_IRIS, LEFT_IRIS):
        assert points[right, 0] > points[centre, 0] > points[left, 0]
        assert points[up, 1] > points[centre, 1] > points[down, 1]
    opened = model.points_478((model.mean + 0.5 * unit(model, "jawOpen"))[None])[0].numpy()
    gap = (opened[MOUTH_UPPER] - opened[MOUTH_LOWER])[1:-1, 1]
    assert gap.min() > 0.01 and gap.max() > 0.1, "each lip's rim stays on its lip"
    assert np.abs(points[MOUTH_UPPER] - points[MOUTH_LOWER])[:, 1].max() < 0.03, "the neutral mouth is shut"


def test_units_move_what_they_name(model: FaceModel) -> None:
    moved = {name: unit(model, name).norm(dim=1) for name in ("jawOpen", "eyeBlinkLeft", "eyeLookOutLeft", "tongueOut")}
    masks = model.masks
    assert moved["jawOpen"][masks["lower_teeth"]].min() > 0.05 and moved["jawOpen"][masks["upper_teeth"]].max() == 0
    assert moved["jawOpen"][masks["left_eye"]].max() == 0
    lids = masks["face"] & (moved["eyeBlinkLeft"] > 0.05)
    assert lids.any() and model.mean[lids, 0].min() > 0, "the subject's left is the picture's right"
    assert moved["eyeLookOutLeft"][masks["left_eye"]].min() >= 0 and moved["eyeLookOutLeft"][masks["iris"]].max() > 0.03
    assert unit(model, "eyeLookOutLeft")[masks["left_eye"] & masks["iris"], 0].mean() > 0.02
    assert torch.nonzero(moved["tongueOut"])[:, 0].tolist() == torch.nonzero(masks["tongue"])[:, 0].tolist()


@pytest.mark.parametrize(
    ("names", "least"),
    [(("jawOpen",), 0.6), (("mouthSmileLeft", "mouthSmileRight"), 0.8), (("eyeBlinkLeft", "eyeBlinkRight"), 0.4)],
)
def test_the_landmarker_sees_the_expression(
    model: FaceModel, landmarker_path: Path, names: tuple[str, ...], least: float
) -> None:
    expression = torch.zeros(1, 64)
    columns = [model.expression_names.index(name) for name in names]
    expression[0, columns] = 1
    with FaceLandmarker(landmarker_path) as landmarker:
        vertices = model.shape(torch.zeros(1, 80), expression)
        assert model.mean_texture is not None
        picture = draw(vertices, model.triangles, model.mean_texture, torch.eye(3)[None], 448)
        found = landmarker.detect(picture.image.numpy())
    assert found.detected[0]
    assert found.scores[0, columns].min() >= least  # the model's components stand in the order of the scores


def test_the_landmarker_finds_the_points_where_the_model_has_them(model: FaceModel, landmarker_path: Path) -> None:
    assert model.mean_texture is not None
    picture = draw(model.mean[None], model.triangles, model.mean_texture, torch.eye(3)[None], 448)
    with FaceLandmarker(landmarker_path) as landmarker:
        found = landmarker.detect(picture.image.numpy()).points[0, :, :2]
    points = model.points_478(model.mean[None])[0]
    depth = 10 - points[:, 2]
    expected = torch.stack([224 + 2030 * points[:, 0] / depth, 224 - 2030 * points[:, 1] / depth], dim=-1).numpy()
    apart = np.linalg.norm(found - expected, axis=1) / (EYES * 203)
    assert apart.mean() < 0.03 and np.quantile(apart, 0.95) < 0.08


def test_kept_correspondences_are_those_of_the_file(model: FaceModel) -> None:
    kept = read_correspondences()
    assert model.point_triangles is not None and model.point_weights is not None
    assert np.array_equal(kept.triangles, model.point_triangles.numpy())
    assert np.array_equal(kept.weights.astype(np.float32), model.point_weights.numpy())
    assert (kept.weights.sum(axis=1) == 1).all()


def test_another_file_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "other.npz", mean=np.zeros(3))
    with pytest.raises(ValueError, match="is no open face model: it lacks expression"):
        load_open_model(tmp_path / "other.npz")
