"""Random triangles that ask every awkward question of a rasterizer at once."""

import numpy as np
from numpy.typing import NDArray

SIZES = [(16, 16), (13, 17), (24, 9), (64, 48), (33, 64)]


def soup(seed: int, size: tuple[int, int], count: int = 60) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Vertices (V, 3) float32 and triangles (count, 3) int64 over a picture of (H, W).

    Corners anywhere, on pixel corners and on pixel centres; equal depths and doubled triangles (ties); slivers down to
    no area at all; corners behind the camera, at depth 0, not finite or absurdly far away.
    """
    rng = np.random.default_rng([seed, *size])
    height, width = size
    vertices = count
    spread = rng.choice([0.1, 0.5, 1.5])
    uvz = np.empty((vertices, 3))
    uvz[:, 0] = rng.uniform(-0.2, 1.2, vertices) * width
    uvz[:, 1] = rng.uniform(-0.2, 1.2, vertices) * height
    uvz[:, 2] = rng.choice([1.0, 1.5, rng.uniform(0.5, 5)], vertices) if seed % 2 else rng.uniform(0.5, 5, vertices)
    near = rng.random(vertices) < 0.7  # most triangles are small: corners lie near the one before
    uvz[1:, :2][near[1:]] = (uvz[:-1, :2] + rng.normal(0, spread * 4, (vertices - 1, 2)))[near[1:]]
    snap = rng.random(vertices)
    uvz[snap < 0.25, :2] = np.floor(uvz[snap < 0.25, :2])
    uvz[snap > 0.75, :2] = np.floor(uvz[snap > 0.75, :2]) + 0.5
    triangles = (rng.integers(0, vertices, (count, 1)) + np.arange(3)) % vertices
    triangles[::7] = rng.integers(0, vertices, triangles[::7].shape)  # large ones, and some with a corner twice
    triangles[5::11] = triangles[4::11][: len(triangles[5::11])]
    triangles[2::5] = triangles[2::5][:, ::-1]
    for face in range(3, count, 6):  # the third corner almost on the line through the other two
        a, b, c = triangles[face]
        along = rng.uniform(-0.5, 1.5)
        uvz[c, :2] = uvz[a, :2] + along * (uvz[b, :2] - uvz[a, :2]) + rng.normal(0, 10.0 ** rng.integers(-7, 0), 2)
    if seed % 3 == 0:
        wrong = [-1.0, 0.0, 1e-8, np.nan, np.inf, 1e12]
        uvz[rng.integers(0, vertices, len(wrong)), 2] = wrong
        uvz[rng.integers(0, vertices, 4), rng.integers(0, 2, 4)] = [np.nan, -np.inf, 1e30, 1e5]
    return uvz.astype(np.float32), triangles
