"""Alignment against scikit-image, and whether embeddings tell people apart."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from skimage.transform import SimilarityTransform

from reenactory.models.metrics.sface import SFace, align_face, csim, similarity_transform

ASTRONAUT = np.array([[107.0, 101.0], [151.0, 103.0], [126.0, 126.0], [110.0, 141.0], [147.0, 141.0]])
PORTRAITS = Path(__file__).resolve().parents[3].parent / "shared" / "portraits"


def test_similarity_equals_scikit_image() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        source, target = rng.normal(50, 30, (2, 5, 2))
        expected = SimilarityTransform.from_estimate(source, target).params[:2]
        determinant = np.linalg.det((source - source.mean(0)).T @ (target - target.mean(0)))
        if determinant > 0:  # else Umeyama with a reflection refused and the direct solution differ
            np.testing.assert_allclose(similarity_transform(source, target), expected, atol=1e-9)


def test_similarity_recovers_a_known_motion() -> None:
    source = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 2.0]])
    rotation = 1.5 * np.array([[0.8, -0.6], [0.6, 0.8]])
    matrix = similarity_transform(source, source @ rotation.T + [5.0, -7.0])
    np.testing.assert_allclose(matrix, np.column_stack([rotation, [5.0, -7.0]]), atol=1e-12)


def test_points_land_on_the_template() -> None:
    frame = np.zeros((256, 256, 3), np.uint8)
    cv2.circle(frame, (107, 101), 2, (255, 255, 255), -1)
    aligned = align_face(frame, ASTRONAUT)
    y, x = np.unravel_index(aligned[..., 0].argmax(), aligned.shape[:2])
    assert aligned.shape == (112, 112, 3)
    assert abs(x - 38.3) < 5 and abs(y - 51.7) < 5


def test_csim_is_a_cosine_and_keeps_nan() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(2, 4, 128)).astype(np.float32)
    first /= np.linalg.norm(first, axis=1, keepdims=True)
    second /= np.linalg.norm(second, axis=1, keepdims=True)
    first[2] = np.nan
    values = csim(first, second)
    expected = [sum(float(a) * float(b) for a, b in zip(p, q, strict=True)) for p, q in zip(first, second, strict=True)]
    np.testing.assert_allclose(values, expected, rtol=1e-12)
    assert np.isnan(values[2]) and values.dtype == np.float64
    np.testing.assert_allclose(csim(first, second[:1])[0], values[0])
    assert csim(second, second).max() <= 1.0
    with pytest.raises(ValueError, match="expected embeddings"):
        csim(first, second[:2])


@pytest.mark.weights
def test_a_face_is_itself_under_rotation_and_not_noise(weight: Callable[[str], Path], photo: NDArray[np.uint8]) -> None:
    network = SFace(weight("sface"))
    turn = cv2.getRotationMatrix2D((128, 128), 25, 0.9)
    turned = cv2.warpAffine(photo, turn, (256, 256))
    noise = np.random.default_rng(0).integers(0, 256, photo.shape, dtype=np.uint8)
    points = np.stack([ASTRONAUT, ASTRONAUT @ turn[:, :2].T + turn[:, 2], ASTRONAUT, np.full((5, 2), np.nan)])
    embeddings = network.embed(np.stack([photo, turned, noise, photo]), points)
    np.testing.assert_allclose(np.linalg.norm(embeddings[:3], axis=1), 1.0, atol=1e-6)
    assert csim(embeddings[:1], embeddings[1:2])[0] > 0.95
    assert csim(embeddings[:1], embeddings[2:3])[0] < 0.3
    assert np.isnan(embeddings[3]).all()


@pytest.mark.weights
@pytest.mark.shared
def test_different_people_are_far_apart(weight: Callable[[str], Path]) -> None:
    if not PORTRAITS.is_dir():
        pytest.skip("no portraits beside the checkout")
    network = SFace(weight("sface"))
    embeddings = []
    for points_file in sorted(PORTRAITS.glob("d3dfr_0*.5pt.txt")):
        image = cv2.imread(str(points_file.with_name(points_file.name.replace(".5pt.txt", ".jpg"))))
        frame = np.ascontiguousarray(image[None, ..., ::-1])
        embeddings.append(network.embed(frame, np.loadtxt(points_file).reshape(1, 5, 2)))
    people = np.concatenate(embeddings)
    similarity = people @ people.T
    assert len(people) >= 3
    assert np.isfinite(people).all()
    assert similarity[~np.eye(len(people), dtype=bool)].max() < 0.4
