"""The committed topology against mediapipe's, and its consistency."""

from collections import Counter

import numpy as np
import pytest
from mediapipe.tasks.python.vision import FaceLandmarksConnections as Connections
from numpy.typing import NDArray

from reenactory.models.face_mesh import topology as t


def directed_edges(triangles: NDArray[np.int64]) -> Counter[tuple[int, int]]:
    return Counter((int(r[i]), int(r[(i + 1) % 3])) for r in triangles for i in range(3))


def test_triangles_are_mediapipes() -> None:
    edges = Connections.FACE_LANDMARKS_TESSELATION
    assert t.FACE_TRIANGLES.tolist() == [[e.start for e in edges[i : i + 3]] for i in range(0, len(edges), 3)]


def test_oval_is_mediapipes_ring() -> None:
    ring = {frozenset(pair) for pair in zip(t.FACE_OVAL.tolist(), np.roll(t.FACE_OVAL, -1).tolist(), strict=True)}
    assert ring == {frozenset((c.start, c.end)) for c in Connections.FACE_LANDMARKS_FACE_OVAL}


@pytest.mark.parametrize(
    ("upper", "lower", "name"),
    [
        (t.RIGHT_EYE_UPPER, t.RIGHT_EYE_LOWER, "FACE_LANDMARKS_RIGHT_EYE"),
        (t.LEFT_EYE_UPPER, t.LEFT_EYE_LOWER, "FACE_LANDMARKS_LEFT_EYE"),
        (t.MOUTH_UPPER, t.MOUTH_LOWER, "FACE_LANDMARKS_LIPS"),
    ],
)
def test_openings_are_mediapipes_contours(upper: NDArray[np.int64], lower: NDArray[np.int64], name: str) -> None:
    chains = {
        frozenset(p) for chain in (upper, lower) for p in zip(chain[:-1].tolist(), chain[1:].tolist(), strict=True)
    }
    assert chains <= {frozenset((c.start, c.end)) for c in getattr(Connections, name)}


def test_openings_close_the_skin_with_the_same_winding() -> None:
    whole = np.concatenate([t.FACE_TRIANGLES, t.RIGHT_EYE_TRIANGLES, t.LEFT_EYE_TRIANGLES, t.MOUTH_TRIANGLES])
    edges = directed_edges(whole)
    assert max(edges.values()) == 1  # each directed edge once = consistent winding
    rim = {edge for edge in edges if edge[::-1] not in edges}
    oval = set(zip(t.FACE_OVAL.tolist(), np.roll(t.FACE_OVAL, -1).tolist(), strict=True))
    assert rim in (oval, {edge[::-1] for edge in oval})  # only the face's rim is left open


def test_landmarks_68_are_distinct_points_of_the_skin() -> None:
    assert t.LANDMARKS_68.shape == (68,) and len(set(t.LANDMARKS_68.tolist())) == 68
    assert t.LANDMARKS_68.max() < 468
