"""MediaPipe's face landmarker, frame by frame: 478 points, 52 expression scores and the head's rotation."""

import os
import sys
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

import mediapipe as mp
import numpy as np
from mediapipe.tasks.python import BaseOptions, vision
from numpy.typing import NDArray

from reenactory.models.face_mesh.topology import POINT_COUNT, SCORE_COUNT


class Landmarks(NamedTuple):
    """One face per frame; NaN in the frames where none was found.

    Attributes:
        points: (T, 478, 3) float32 in pixels of the frame: column, row, and depth in the same unit (weak perspective;
            smaller is nearer, 0 near the centre of the head). Pixel centres are at + 0.5.
        scores: (T, 52) float32 in [0, 1], MediaPipe's order (`_neutral` first, then the ARKit names by alphabet).
        rotation: (T, 3, 3) float32, canonical face to camera; X right, Y up, Z to the camera (see pose.py).
        detected: (T,) bool.
    """

    points: NDArray[np.float32]
    scores: NDArray[np.float32]
    rotation: NDArray[np.float32]
    detected: NDArray[np.bool_]


class FaceLandmarker:
    """The landmarker in IMAGE mode: every frame by itself, so a frame's result does not depend on its neighbours.

    VIDEO mode tracks and is a little faster (55 against 48 frames/s on one core), but its results depend on where the
    clip was cut. The network runs on one thread; the Tasks API has no option for it.

    Args:
        path: the `face_landmarker.task` bundle (float16, 478 points with expression scores).
        min_detection_confidence: lower finds more turned and blurred faces, and more that are none.
    """

    def __init__(self, path: Path, min_detection_confidence: float = 0.5) -> None:
        options = vision.FaceLandmarkerOptions(
            base_options=BaseOptions(model_asset_buffer=Path(path).read_bytes()),
            running_mode=vision.RunningMode.IMAGE,
            num_faces=1,
            min_face_detection_confidence=min_detection_confidence,
            output_face_blendshapes=True,
            output_facial_transformation_matrixes=True,
        )
        with _quiet_stderr():
            self._task = vision.FaceLandmarker.create_from_options(options)
            # The delegates are made, and log, on the first call.
            self._task.detect(mp.Image(image_format=mp.ImageFormat.SRGB, data=np.zeros((64, 64, 3), np.uint8)))
        self._close = weakref.finalize(self, _close_task, self._task)

    def detect(self, frames: NDArray[np.uint8]) -> Landmarks:
        """Finds the most prominent face of every frame.

        Args:
            frames: (T, H, W, 3) uint8, RGB.

        Returns:
            Landmarks of T frames.

        Raises:
            ValueError: wrong shape or dtype, or the landmarker was closed.
        """
        if frames.ndim != 4 or frames.shape[-1] != 3 or frames.dtype != np.uint8:
            raise ValueError(f"frames: expected (T, H, W, 3) uint8, got {frames.shape} {frames.dtype}")
        if not self._close.alive:
            raise ValueError("the landmarker is closed; make a new one")
        count = len(frames)
        result = Landmarks(
            np.full((count, POINT_COUNT, 3), np.nan, np.float32),
            np.full((count, SCORE_COUNT), np.nan, np.float32),
            np.full((count, 3, 3), np.nan, np.float32),
            np.zeros(count, np.bool_),
        )
        for index, frame in enumerate(frames):
            self._detect_one(np.ascontiguousarray(frame), index, result)
        return result

    def _detect_one(self, frame: NDArray[np.uint8], index: int, result: Landmarks) -> None:
        found = self._task.detect(mp.Image(image_format=mp.ImageFormat.SRGB, data=frame))
        if not (found.face_landmarks and found.face_blendshapes and found.facial_transformation_matrixes):
            return
        height, width = frame.shape[:2]
        points = np.array([(p.x, p.y, p.z) for p in found.face_landmarks[0]], dtype=np.float32)
        result.points[index] = points * np.array([width, height, width], dtype=np.float32)
        result.scores[index] = [category.score for category in found.face_blendshapes[0]]
        result.rotation[index] = _nearest_rotation(np.asarray(found.facial_transformation_matrixes[0])[:3, :3])
        result.detected[index] = True

    def close(self) -> None:
        """Frees the native task; safe to call twice."""
        self._close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _close_task(task: vision.FaceLandmarker) -> None:
    try:
        task.close()
    except RuntimeError:
        # At interpreter exit the task's own thread pool is already gone and the process frees the rest. Without a
        # handle its __del__ does nothing, instead of printing a TypeError.
        task._handle = None


def _nearest_rotation(matrix: NDArray[np.float64]) -> NDArray[np.float32]:
    """The rotation part of a similarity: MediaPipe's 4x4 may carry a scale."""
    left, _, right = np.linalg.svd(matrix)
    sign = np.sign(np.linalg.det(left @ right))
    rotation: NDArray[np.float32] = (left @ np.diag([1.0, 1.0, sign]) @ right).astype(np.float32)
    return rotation


@contextmanager
def _quiet_stderr() -> Iterator[None]:
    """Sends file descriptor 2 to nowhere: the native libraries write start-up warnings there before any log setting."""
    sys.stderr.flush()
    saved = os.dup(2)
    with Path(os.devnull).open("w") as sink:
        os.dup2(sink.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
