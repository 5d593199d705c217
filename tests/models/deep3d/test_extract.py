"""From frames and landmarks to coefficients, with a stand-in checkpoint."""

from pathlib import Path

import numpy as np
import pytest
import torch

from reenactory.models.deep3d.crop import aligned_frames
from reenactory.models.deep3d.extract import Deep3DFaceRecon
from reenactory.models.deep3d.network import load_network
from reenactory.models.face_model.alignment import STANDARD_POINTS, align
from reenactory.models.face_model.coefficients import split

FRAMES, SIDE = 5, 256


@pytest.fixture(scope="module")
def extractor(deep3d_checkpoint: Path) -> Deep3DFaceRecon:
    return Deep3DFaceRecon(deep3d_checkpoint, torch.device("cpu"))


def clip() -> tuple[np.ndarray, np.ndarray]:
    """Frames of noise and a face that moves, found in all frames but frame 2."""
    frames = np.random.default_rng(0).integers(0, 255, (FRAMES, SIDE, SIDE, 3), dtype=np.uint8)
    landmarks = np.zeros((FRAMES, 68, 2), np.float32)
    for frame in range(FRAMES):
        five = 120 + 4 * frame + STANDARD_POINTS[:, :2] * (90 + 3 * frame)
        five[:, 1] = SIDE - 1 - five[:, 1]
        for point, ids in enumerate(((36, 39), (42, 45), (30,), (48,), (54,))):
            landmarks[frame, list(ids)] = five[point]
    landmarks[2] = np.nan
    return frames, landmarks


def test_each_frame_is_the_network_on_its_own_cut(extractor: Deep3DFaceRecon, deep3d_checkpoint: Path) -> None:
    frames, landmarks = clip()
    got = extractor.extract(frames, landmarks)
    network = load_network(deep3d_checkpoint, torch.device("cpu"))
    for frame in (0, 1, 3, 4):
        alone = align(landmarks[frame : frame + 1], SIDE)
        with torch.inference_mode():
            expected = network(aligned_frames(frames[frame : frame + 1], alone).float() / 255)[0]
        np.testing.assert_allclose(got.coefficients[frame], expected, rtol=1e-4, atol=1e-5)
        np.testing.assert_array_equal(got.crop[frame], alone.crop[0])
    assert np.abs(got.coefficients[0] - got.coefficients[1]).max() > 0.01


def test_a_frame_without_landmarks_is_nan_and_nothing_is_carried_over(extractor: Deep3DFaceRecon) -> None:
    got = extractor.extract(*clip())
    assert got.found.tolist() == [True, True, False, True, True]
    assert np.isnan(got.coefficients[2]).all() and np.isnan(got.crop[2]).all()
    assert np.isfinite(got.coefficients[got.found]).all() and np.isfinite(got.crop[got.found]).all()


def test_landmarks_in_one_point_are_no_face(extractor: Deep3DFaceRecon) -> None:
    frames, landmarks = clip()
    landmarks[1] = 100.0
    got = extractor.extract(frames, landmarks)
    assert got.found.tolist() == [True, False, False, True, True]
    assert np.isnan(got.crop[1]).all()


def test_batches_change_nothing_but_the_last_digits(extractor: Deep3DFaceRecon, deep3d_checkpoint: Path) -> None:
    frames, landmarks = clip()
    whole = extractor.extract(frames, landmarks).coefficients
    again = extractor.extract(frames, landmarks).coefficients
    in_twos = Deep3DFaceRecon(deep3d_checkpoint, torch.device("cpu"), batch=2).extract(frames, landmarks).coefficients
    np.testing.assert_array_equal(whole, again)
    np.testing.assert_allclose(whole, in_twos, rtol=1e-4, atol=1e-5)


def test_no_frame_has_a_face(extractor: Deep3DFaceRecon) -> None:
    frames, landmarks = clip()
    got = extractor.extract(frames, np.full_like(landmarks, np.nan))
    assert not got.found.any()
    assert np.isnan(got.coefficients).all()


def test_frames_and_landmarks_must_be_as_many(extractor: Deep3DFaceRecon) -> None:
    with pytest.raises(ValueError, match="5 frames but 4 rows of landmarks"):
        extractor.extract(clip()[0], clip()[1][:4])


def test_the_order_of_the_257() -> None:
    parts = split(np.arange(257, dtype=np.float32)[None])
    firsts = {name: (int(values[0, 0]), values.shape[1]) for name, values in parts.items()}
    expected = {
        "id": (0, 80),
        "exp": (80, 64),
        "tex": (144, 80),
        "angles": (224, 3),
        "gamma": (227, 27),
        "trans": (254, 3),
    }
    assert firsts == expected


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_on_a_gpu_as_on_the_cpu(extractor: Deep3DFaceRecon, deep3d_checkpoint: Path) -> None:
    on_gpu = Deep3DFaceRecon(deep3d_checkpoint, torch.device("cuda")).extract(*clip())
    on_cpu = extractor.extract(*clip())
    np.testing.assert_allclose(on_gpu.coefficients, on_cpu.coefficients, rtol=1e-2, atol=2e-3)
