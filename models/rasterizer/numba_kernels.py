"""The loops of the CPU rasterizer, one frame each. Importing this compiles them, or loads them from disk."""

import numpy as np
from numpy.typing import NDArray

from reenactory.models.rasterizer.numba_compile import compiled

Floats = NDArray[np.float32]
Longs = NDArray[np.int64]
Ints = NDArray[np.int32]

# A double, as in PyTorch3D; in the maximum it is a float there.
_EPSILON = 1e-8
_EPSILON_FLOAT = np.float32(1e-8)


@compiled("void(f4[:,::1], i8, f4[::1], i4[:,::1])")
def _reach(xyz: Floats, axis: int, centres: Floats, reach: Ints) -> None:
    """Fills reach (V, 2): the first centre not before the vertex on the axis, and the last not behind it."""
    count = len(centres)
    scale = (count - 1) / (centres[-1] - centres[0]) if count > 1 else 0.0
    for v in range(len(xyz)):
        value = xyz[v, axis]
        first = int(min(max((value - centres[0]) * scale, 0.0), float(count)))
        while first > 0 and centres[first - 1] >= value:
            first -= 1
        while first < count and centres[first] < value:
            first += 1
        last = first
        while last < count and centres[last] <= value:
            last += 1
        reach[v, 0] = first
        reach[v, 1] = last - 1


@compiled("void(f4[:,::1], i8[:,::1], f4[::1], f4[::1], b1, b1, i8[:,::1], f4[:,::1], f4[:,:,::1])")
def draw(
    xyz: Floats,
    triangles: Longs,
    rows: Floats,
    columns: Floats,
    cull_backfaces: bool,
    perspective_correct: bool,
    triangle: Longs,
    depth: Floats,
    barycentrics: Floats,
) -> None:
    """Draws xyz (V, 3), in NDC, with triangles (F, 3) over pixel centres rows (H,) and columns (W,).

    Fills triangle (H, W), depth (H, W) and barycentrics (H, W, 3), as in `Fragments`.
    """
    triangle[:] = -1
    depth[:] = -1
    barycentrics[:] = -1
    # The bounding box of a triangle is the minimum and maximum of its corners' reach, and most triangles of a face hold
    # no pixel centre: integers decide about them.
    across, down = np.empty((len(xyz), 2), np.int32), np.empty((len(xyz), 2), np.int32)
    _reach(xyz, 0, columns, across)
    _reach(xyz, 1, rows, down)
    for face in range(len(triangles)):
        a, b, c = triangles[face, 0], triangles[face, 1], triangles[face, 2]
        first_column = min(across[a, 0], across[b, 0], across[c, 0])
        last_column = max(across[a, 1], across[b, 1], across[c, 1])
        first_row, last_row = min(down[a, 0], down[b, 0], down[c, 0]), max(down[a, 1], down[b, 1], down[c, 1])
        if first_column > last_column or first_row > last_row:
            continue
        x0, y0, z0 = xyz[a, 0], xyz[a, 1], xyz[a, 2]
        x1, y1, z1 = xyz[b, 0], xyz[b, 1], xyz[b, 2]
        x2, y2, z2 = xyz[c, 0], xyz[c, 1], xyz[c, 2]
        if min(z0, z1, z2) < 0:
            continue
        area = (x2 - x0) * (y1 - y0) - (y2 - y0) * (x1 - x0)
        if area <= _EPSILON and (cull_backfaces or area >= -_EPSILON):
            continue
        area = np.float32(area + _EPSILON)
        x21, y21, x02, y02, x10, y10 = x2 - x1, y2 - y1, x0 - x2, y0 - y2, x1 - x0, y1 - y0
        for i in range(first_row, last_row + 1):
            y = rows[i]
            for j in range(first_column, last_column + 1):
                x = columns[j]
                w0 = (x - x1) * y21 - (y - y1) * x21
                w1 = (x - x2) * y02 - (y - y2) * x02
                w2 = (x - x0) * y10 - (y - y0) * x10
                # Signs first: six divisions are saved on the pixels beside the triangle.
                if area > 0:
                    if not (w0 > 0 and w1 > 0 and w2 > 0):
                        continue
                elif not (w0 < 0 and w1 < 0 and w2 < 0):
                    continue
                w0, w1, w2 = w0 / area, w1 / area, w2 / area
                if perspective_correct:
                    w0, w1, w2 = w0 * z1 * z2, w1 * z0 * z2, w2 * z0 * z1
                    total = max(w0 + w1 + w2, _EPSILON_FLOAT)
                    w0, w1, w2 = w0 / total, w1 / total, w2 / total
                z = w0 * z0 + w1 * z1 + w2 * z2
                # Again, since tiny quotients may have become 0 and huge ones NaN.
                if w0 > 0 and w1 > 0 and w2 > 0 and (depth[i, j] < 0 or z < depth[i, j]):
                    triangle[i, j] = face
                    depth[i, j] = z
                    barycentrics[i, j, 0] = w0
                    barycentrics[i, j, 1] = w1
                    barycentrics[i, j, 2] = w2


@compiled("i8(i8[:,::1], f4[:,:,::1], i8[:,::1], f4[:,::1], f4[:,:,::1])")
def interpolate(triangle: Longs, barycentrics: Floats, triangles: Longs, attributes: Floats, image: Floats) -> int:
    """Fills image (H, W, C) from attributes (V, C). Returns how many pixels named a row that is not there."""
    wrong = 0
    channels = attributes.shape[1]
    for i in range(triangle.shape[0]):
        for j in range(triangle.shape[1]):
            face = triangle[i, j]
            if face < 0:
                image[i, j] = 0
                continue
            if face >= len(triangles):
                wrong += 1
                continue
            a, b, c = triangles[face, 0], triangles[face, 1], triangles[face, 2]
            if min(a, b, c) < 0 or max(a, b, c) >= len(attributes):
                wrong += 1
                continue
            w0, w1, w2 = barycentrics[i, j, 0], barycentrics[i, j, 1], barycentrics[i, j, 2]
            for k in range(channels):
                image[i, j, k] = attributes[a, k] * w0 + attributes[b, k] * w1 + attributes[c, k] * w2
    return wrong
