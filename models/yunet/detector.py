"""YuNet through OpenCV: boxes, five points and a score per face; and how sharp a face is."""

from pathlib import Path
from typing import NamedTuple, cast

import cv2
import numpy as np
from numpy.typing import NDArray

# OpenCV 5 warns at every start that its new engine has but one target.
cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)

SHARPNESS_SIDE_PX = 96  # faces are compared at one size, or a large face would always look blurred


class Faces(NamedTuple):
    """Faces of one frame, best score first. Pixels of the frame that was given; row and column 0 at the top left."""

    boxes: NDArray[np.float32]  # (N, 4) left, top, right, bottom
    points: NDArray[np.float32]  # (N, 5, 2) x, y: eye at image left, eye at image right, nose, mouth left, mouth right
    scores: NDArray[np.float32]  # (N,) in [0, 1]


class FaceDetector:
    """One YuNet session; not thread-safe."""

    def __init__(self, weights: Path, min_score: float, nms_iou: float = 0.3, max_candidates: int = 5000) -> None:
        # Candidates count before overlapping ones are merged, several per face: at 64, six of thirty faces were lost.
        self._net = cv2.FaceDetectorYN.create(str(weights), "", (320, 320), min_score, nms_iou, max_candidates)
        self._size = (320, 320)

    def detect(self, frame: NDArray[np.uint8]) -> Faces:
        """Faces of a (H, W, 3) uint8 BGR frame."""
        size = (frame.shape[1], frame.shape[0])
        if size != self._size:
            self._net.setInputSize(size)
            self._size = size
        found = cast("NDArray[np.float32] | None", self._net.detect(frame)[1])
        if found is None:
            return Faces(*(np.zeros(shape, np.float32) for shape in ((0, 4), (0, 5, 2), (0,))))
        rows: NDArray[np.float32] = found[np.argsort(-found[:, 14], kind="stable")].astype(np.float32)
        boxes = np.concatenate([rows[:, :2], rows[:, :2] + rows[:, 2:4]], axis=1)
        return Faces(boxes, rows[:, 4:14].reshape(-1, 5, 2), rows[:, 14])


def sharpness(frame: NDArray[np.uint8], box: NDArray[np.float32]) -> float:
    """Variance of the Laplacian of the grey face at 96x96: lower is more blurred."""
    height, width = frame.shape[:2]
    left, top = np.clip(box[:2].astype(int), 0, (width - 1, height - 1))
    right, bottom = np.clip(box[2:].astype(int) + 1, (left + 1, top + 1), (width, height))
    grey = cv2.cvtColor(frame[top:bottom, left:right], cv2.COLOR_BGR2GRAY)
    side = (SHARPNESS_SIDE_PX, SHARPNESS_SIDE_PX)
    return float(cv2.Laplacian(cv2.resize(grey, side, interpolation=cv2.INTER_AREA), cv2.CV_32F).var())
