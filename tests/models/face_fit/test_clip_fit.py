"""A clip with landmarks that are no face: they get no numbers, and have no say in the others'."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from reenactory.models.face_fit.clip_fit import ClipFit, ClipFitter
from reenactory.models.face_mesh.pose import rotation_from_angles
from reenactory.models.face_model.open_model import load_open_model

FRAMES, SIDE = 20, 256
JUNK = np.array([2, 7, 8, 15])
FACES = np.setdiff1d(np.arange(FRAMES), JUNK)


@pytest.fixture(scope="module")
def fitted(weight: Callable[[str], Path]) -> Callable[[np.ndarray, bool], ClipFit]:
    """Fits some frames of a head that turns; those of JUNK have points that lie on their side, and a wrong rotation."""
    model = load_open_model(weight("open_face_model"))
    fitter = ClipFitter(model)
    chance = np.random.default_rng(3)
    angles = np.stack([0.1 * chance.normal(size=FRAMES), np.linspace(-0.6, 0.6, FRAMES), np.zeros(FRAMES)], axis=1)
    rotation = rotation_from_angles(angles).astype(np.float32)
    person = model.mean.numpy() + np.tensordot(0.8 * chance.normal(size=80), model.identity.numpy(), axes=1)
    face = model.points_478(torch.from_numpy(person[None]).float())[0].numpy() @ rotation.transpose(0, 2, 1)
    points = (face * np.array([80, -80, -80]) + np.array([128, 128, 0])).astype(np.float32)
    spoiled, turned = points.copy(), rotation.copy()
    middle = points[JUNK].mean(axis=1, keepdims=True)
    spoiled[JUNK] = (points[JUNK] - middle) @ np.array([[0, -1, 0], [0.8, 0, 0], [0, 0, 1]], np.float32) + middle
    spoiled[JUNK[0]] += 300 * chance.normal(size=(478, 3)).astype(np.float32)  # the equations have no solution
    turned[JUNK] = rotation_from_angles(np.array([[0, 1.3, 0]])).astype(np.float32)
    frames = chance.integers(0, 255, (FRAMES, SIDE, SIDE, 3), dtype=np.uint8)

    def fit(chosen: np.ndarray, spoil: bool) -> ClipFit:
        given = (spoiled, turned) if spoil else (points, rotation)
        scores = np.zeros((len(chosen), 52), np.float32)
        return fitter.fit(frames[chosen], given[0][chosen], scores, given[1][chosen])

    return fit


def test_junk_has_no_numbers_and_no_say_in_the_identity(fitted: Callable[[np.ndarray, bool], ClipFit]) -> None:
    among, without = fitted(np.arange(FRAMES), True), fitted(FACES, False)
    for name, values in among._asdict().items():
        if name != "crop":
            assert np.isnan(values[JUNK]).all(), name
            np.testing.assert_allclose(values[FACES], getattr(without, name), atol=2e-3, err_msg=name)


def test_nothing_but_junk_has_no_numbers(fitted: Callable[[np.ndarray, bool], ClipFit]) -> None:
    found = fitted(JUNK, True)
    assert all(np.isnan(values).all() for values in found)
