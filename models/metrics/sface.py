"""Identity embeddings and their similarity (CSIM): SFace on faces aligned by five points."""

from pathlib import Path

import cv2
import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from reenactory.models.metrics.onnx_inputs import keep_inputs

EMBEDDER = "sface-2021dec-int8bq"
EMBEDDING_SIZE = 128
_INPUT = "data"
_SIDE = 112
_TEMPLATE = np.array(  # left eye, right eye, nose tip, left mouth, right mouth in a 112x112 crop (ArcFace)
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]]
)

Points = NDArray[np.float32] | NDArray[np.float64]


class SFace:
    """SFace of December 2021 through onnxruntime (OpenCV Zoo).

    Args:
        path: its ONNX file.
        threads: intra-op threads.
    """

    def __init__(self, path: Path, threads: int = 1) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3  # the file keeps unused initialisers and onnxruntime warns of each
        # Fold the weights' dequantisation at load, which onnxruntime leaves out by default: 42 ms per face against 77.
        options.add_session_config_entry("session.disable_quant_qdq", "1")
        model = keep_inputs(path.read_bytes(), frozenset({_INPUT}))
        self._session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])

    def embed(self, frames: NDArray[np.uint8], points: Points) -> NDArray[np.float32]:
        """Unit embeddings, one per frame.

        Args:
            frames: (T, H, W, 3) uint8 RGB.
            points: (T, 5, 2) pixels: left eye, right eye, nose tip, left and right mouth corner, left being left in
                the image; a row with a NaN is a frame without a face.

        Returns:
            (T, 128) float32 of norm 1, NaN where there is no face.

        Raises:
            TypeError: frames are not uint8.
            ValueError: shapes do not match.
        """
        if frames.dtype != np.uint8:
            raise TypeError(f"frames must be uint8 RGB in [0, 255], got {frames.dtype}")
        if frames.ndim != 4 or frames.shape[3] != 3 or points.shape != (len(frames), 5, 2):
            raise ValueError(
                f"expected frames (T, H, W, 3) and points (T, 5, 2), got {frames.shape} and {points.shape}"
            )
        out = np.full((len(frames), EMBEDDING_SIZE), np.nan, np.float32)
        for index in np.flatnonzero(np.isfinite(points).all(axis=(1, 2))):
            face = align_face(frames[index], points[index])
            # The network centres and scales by itself: it takes RGB in [0, 255].
            blob = np.ascontiguousarray(face.transpose(2, 0, 1)[None], dtype=np.float32)  # (1, 3, 112, 112)
            embedding = self._session.run(None, {_INPUT: blob})[0][0]
            out[index] = embedding / np.linalg.norm(embedding)
        return out


def csim(first: NDArray[np.float32], second: NDArray[np.float32]) -> NDArray[np.float64]:
    """Cosine similarity of unit embeddings, row by row.

    Args:
        first: (T, D) float32 of norm 1, NaN rows where no face was found.
        second: (T, D), or (1, D) to compare every row with one source.

    Returns:
        (T,) float64 in [-1, 1], NaN where either side has no face.
    """
    if first.ndim != 2 or second.ndim != 2 or first.shape[1] != second.shape[1] or len(second) not in (1, len(first)):
        raise ValueError(f"expected embeddings (T, D) and (T, D) or (1, D), got {first.shape} and {second.shape}")
    cosine: NDArray[np.float64] = (first.astype(np.float64) * second.astype(np.float64)).sum(axis=1)
    return np.clip(cosine, -1.0, 1.0)


def align_face(frame: NDArray[np.uint8], points: Points) -> NDArray[np.uint8]:
    """The 112x112 crop in which the five points lie closest to the ArcFace template.

    Args:
        frame: (H, W, 3) uint8.
        points: (5, 2) pixels, order as in ``SFace.embed``.

    Returns:
        (112, 112, 3) uint8, bilinear, black outside the frame.
    """
    matrix = similarity_transform(points.astype(np.float64), _TEMPLATE)
    return cv2.warpAffine(frame, matrix, (_SIDE, _SIDE), flags=cv2.INTER_LINEAR).astype(np.uint8, copy=False)


def similarity_transform(source: NDArray[np.float64], target: NDArray[np.float64]) -> NDArray[np.float64]:
    """Least-squares rotation, uniform scale and shift (Umeyama 1991) without reflection, in closed form.

    A similarity of the plane is z -> a z + b in complex numbers, so a is a ratio of two inner products.

    Args:
        source: (N, 2), not all equal.
        target: (N, 2).

    Returns:
        (2, 3) float64, target = matrix[:, :2] @ source + matrix[:, 2].
    """
    z, w = source @ (1, 1j), target @ (1, 1j)
    z_centre, w_centre = z.mean(), w.mean()
    z = z - z_centre
    a = np.vdot(z, w - w_centre) / np.vdot(z, z).real
    b = w_centre - a * z_centre
    return np.array([[a.real, -a.imag, b.real], [a.imag, a.real, b.imag]])
