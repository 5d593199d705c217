"""The landmarker on real faces, and its pose against Deep3DFaceRecon's of the same frames."""

import subprocess
import sys
from itertools import islice
from pathlib import Path

import av
import numpy as np
import pytest
import scipy.io
from numpy.typing import NDArray

from reenactory.models.face_mesh import pose
from reenactory.models.face_mesh.landmarker import FaceLandmarker

CLIPS = Path(__file__).resolve().parents[3].parent / "shared" / "clips"


def frames_of(path: Path, start: int, step: int, count: int) -> NDArray[np.uint8]:
    with av.open(str(path)) as container:
        decoded = [f.to_ndarray(format="rgb24") for f in islice(container.decode(video=0), start + step * count)]
    return np.stack(decoded[start::step])


@pytest.mark.weights
def test_no_face_is_nan_and_shapes_hold(landmarker_path: Path) -> None:
    with FaceLandmarker(landmarker_path) as landmarker:
        result = landmarker.detect(np.zeros((2, 96, 128, 3), np.uint8))
    assert not result.detected.any()
    assert result.points.shape == (2, 478, 3) and np.isnan(result.points).all()
    assert result.scores.shape == (2, 52) and np.isnan(result.scores).all()
    assert result.rotation.shape == (2, 3, 3) and np.isnan(result.rotation).all()


@pytest.mark.weights
def test_closed_and_wrong_input_are_refused(landmarker_path: Path) -> None:
    landmarker = FaceLandmarker(landmarker_path)
    with pytest.raises(ValueError, match="uint8"):
        landmarker.detect(np.zeros((1, 8, 8, 3), np.float32))  # type: ignore[arg-type]
    landmarker.close()
    landmarker.close()
    with pytest.raises(ValueError, match="closed"):
        landmarker.detect(np.zeros((1, 8, 8, 3), np.uint8))


@pytest.mark.weights
def test_an_interpreter_that_forgets_to_close_ends_without_noise(landmarker_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from reenactory.models.face_mesh.landmarker import FaceLandmarker\n"
        "kept = FaceLandmarker(Path(sys.argv[1]))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code, str(landmarker_path)], capture_output=True, text=True, check=True
    )
    assert "Traceback" not in ended.stderr and "XNNPACK" not in ended.stderr


@pytest.mark.weights
@pytest.mark.shared
@pytest.mark.skipif(not CLIPS.is_dir(), reason="development clips are not beside the checkout")
def test_pose_follows_deep3dfacerecon(landmarker_path: Path) -> None:
    clip = CLIPS / "styletalk_e.mp4"
    start, step, count = 2, 8, 90  # the coefficients of frame i belong to picture i + 2
    with FaceLandmarker(landmarker_path) as landmarker:
        result = landmarker.detect(frames_of(clip, start, step, count))
    theirs = scipy.io.loadmat(clip.with_suffix(".coeff257.mat"))["coeff"][: step * count : step, 224:227]
    assert result.detected.all()
    ours = pose.angles_from_rotation(result.rotation)
    pitch, yaw, roll = (np.corrcoef(ours[:, k], theirs[:, k])[0, 1] for k in range(3))
    assert yaw > 0.97 and roll > 0.97 and pitch > 0.7  # whole clip: 0.995, 0.998, 0.82
    assert np.degrees(np.abs(ours - theirs).mean(axis=0)).max() < 6.0
