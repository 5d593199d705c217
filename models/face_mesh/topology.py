"""Topology of the 478-point face mesh (MediaPipe's canonical face): triangles, openings, rings and the 68-point subset.

Points 0..467 are the face, 468..472 the iris of the subject's right eye (centre, then four rim points) and 473..477
that of the left one. "Right" is the subject's right, which is the left of the picture. All triangles are wound alike:
on a face that looks at the camera their signed area is positive in the convention of the rasterizer.
"""

import numpy as np
from numpy.typing import NDArray

from reenactory.models.face_mesh._tessellation import TESSELLATION

POINT_COUNT = 478
SCORE_COUNT = 52

FACE_TRIANGLES: NDArray[np.int64] = np.array(TESSELLATION.split(), dtype=np.int64).reshape(-1, 3)
"""(852, 3) int64: the skin, with holes at the two eyes and the mouth."""


def _ids(text: str) -> NDArray[np.int64]:
    return np.array(text.split(), dtype=np.int64)


FACE_OVAL = _ids(
    "10 338 297 332 284 251 389 356 454 323 361 288 397 365 379 378 400 377 "
    "152 148 176 149 150 136 172 58 132 93 234 127 162 21 54 103 67 109"
)
"""(36,) int64: rim of the skin, clockwise in the picture from the top of the forehead."""


# An opening is two chains from its picture-left to its picture-right corner; the corners belong to both.
RIGHT_EYE_UPPER = _ids("33 246 161 160 159 158 157 173 133")
RIGHT_EYE_LOWER = _ids("33 7 163 144 145 153 154 155 133")
LEFT_EYE_UPPER = _ids("362 398 384 385 386 387 388 466 263")
LEFT_EYE_LOWER = _ids("362 382 381 380 374 373 390 249 263")
MOUTH_UPPER = _ids("78 191 80 81 82 13 312 311 310 415 308")
MOUTH_LOWER = _ids("78 95 88 178 87 14 317 402 318 324 308")

RIGHT_IRIS = np.arange(468, 473)
LEFT_IRIS = np.arange(473, 478)


def strip_triangles(upper: NDArray[np.int64], lower: NDArray[np.int64]) -> NDArray[np.int64]:
    """Triangles between two chains of N points that share their first and last point.

    Args:
        upper: (N,) int64, the chain with the smaller rows, from picture-left to picture-right.
        lower: (N,) int64, the other chain in the same order.

    Returns:
        (2 (N - 2), 3) int64, wound like `FACE_TRIANGLES`.
    """
    triangles = []
    for a, b, c, d in zip(upper[:-1], upper[1:], lower[:-1], lower[1:], strict=True):
        triangles += [t for t in ((a, d, b), (a, c, d)) if len(set(t)) == 3]
    return np.array(triangles, dtype=np.int64)


RIGHT_EYE_TRIANGLES = strip_triangles(RIGHT_EYE_UPPER, RIGHT_EYE_LOWER)
LEFT_EYE_TRIANGLES = strip_triangles(LEFT_EYE_UPPER, LEFT_EYE_LOWER)
MOUTH_TRIANGLES = strip_triangles(MOUTH_UPPER, MOUTH_LOWER)
"""(18, 3) int64: the opening between the lips; the two eyes have (14, 3) each."""

LANDMARKS_68 = _ids(
    "127 234 93 132 58 136 150 176 152 400 379 365 288 361 323 454 356 "  # jaw
    "70 63 105 66 107 336 296 334 293 300 "  # brows
    "168 197 5 4 75 97 2 326 305 "  # nose
    "33 160 158 133 153 144 362 385 387 263 373 380 "  # eyes
    "61 39 37 0 267 269 291 405 314 17 84 181 "  # outer lips
    "78 82 13 312 308 317 14 87"  # inner lips
)
"""(68,) int64: the points nearest to the 68-landmark scheme, in its order."""
