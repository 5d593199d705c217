"""Triangle meshes to pictures of triangles: one interface, three backends that agree bit for bit on x86-64.

Conventions, shared by every backend (they are those of PyTorch3D, so that it can be one of them):

* u grows to the right and v downwards, in pixels; pixel (row i, column j) has its centre at (j + 0.5, i + 0.5).
* A centre is inside only if its three barycentrics are all > 0. There is no top-left rule: a centre exactly on an
  edge belongs to neither neighbour.
* Smaller z is nearer. Equal z: the triangle with the lower row wins.
* A triangle is skipped if twice its signed area, in units of (half the short side)^2, is within 1e-8 of zero, or if a
  vertex is hidden: not finite, z not above 1e-8, or absurdly far away (`ndc.FARTHEST`). Negative area = back face.
* Everything is computed in float32 in the coordinates of `ndc`, in one order of operations, with no fused multiply-add.

Backends never see cameras or attributes. On CUDA and on other processors rounding may differ in the last bits.
"""

from typing import Literal

import torch
from torch import Tensor

from reenactory.models.rasterizer.fragments import Fragments

Backend = Literal["auto", "torch", "numba", "pytorch3d"]


def rasterize(
    uvz: Tensor,
    triangles: Tensor,
    size: tuple[int, int],
    cull_backfaces: bool = False,
    *,
    perspective_correct: bool = True,
    backend: Backend = "auto",
) -> Fragments:
    """Finds the nearest triangle at every pixel. Not differentiable.

    Args:
        uvz: (B, V, 3) float32: u, v in pixels, z > 0 in any unit. Vertices that are not finite hide their triangles.
        triangles: (F, 3) int64 rows of V.
        size: (H, W) of the picture.
        cull_backfaces: leave triangles with negative signed area out.
        perspective_correct: barycentrics of the surface in space (z is the distance along the optical axis of a
            pinhole camera). False = barycentrics in the picture, right for orthographic and weak-perspective cameras;
            their sum is off 1 by 1e-8 over the triangle's area (PyTorch3D's guard): 2e-4 for half a pixel at 256.
        backend: "auto" = numba on a CPU; on CUDA pytorch3d where it is installed; torch everywhere else.

    Returns:
        Fragments of shape (B, H, W).

    Raises:
        ValueError: a shape, type or device is wrong, or a triangle names a vertex that is not there.
        ModuleNotFoundError: the backend asked for is not installed.
    """
    _check(uvz, triangles, size)
    uvz = uvz.detach()
    if uvz.shape[0] == 0 or triangles.shape[0] == 0:
        return _nothing((uvz.shape[0], *size), uvz.device)
    chosen = _choose(uvz.device) if backend == "auto" else backend
    # Imported here: numba and pytorch3d take up to seconds, and neither is needed where the other serves.
    if chosen == "numba":
        from reenactory.models.rasterizer.numba_backend import rasterize as draw
    elif chosen == "pytorch3d":
        from reenactory.models.rasterizer.pytorch3d_backend import rasterize as draw
    elif chosen == "torch":
        from reenactory.models.rasterizer.torch_backend import rasterize as draw
    else:
        raise ValueError(f"backend: expected auto, torch, numba or pytorch3d, got {chosen!r}")
    return draw(uvz, triangles, size, cull_backfaces, perspective_correct)


def _choose(device: torch.device) -> Backend:
    if device.type == "cpu":
        return "numba"
    if device.type == "cuda":
        from reenactory.models.rasterizer.pytorch3d_backend import is_installed

        return "pytorch3d" if is_installed() else "torch"
    return "torch"


def _check(uvz: Tensor, triangles: Tensor, size: tuple[int, int]) -> None:
    if uvz.ndim != 3 or uvz.shape[-1] != 3 or uvz.dtype != torch.float32:
        raise ValueError(f"uvz: expected (B, V, 3) float32, got {tuple(uvz.shape)} {uvz.dtype}")
    if triangles.ndim != 2 or triangles.shape[-1] != 3 or triangles.dtype != torch.int64:
        raise ValueError(f"triangles: expected (F, 3) int64, got {tuple(triangles.shape)} {triangles.dtype}")
    if triangles.device != uvz.device:
        raise ValueError(f"triangles: expected on {uvz.device} like uvz, got {triangles.device}")
    if min(size) < 1:
        raise ValueError(f"size: expected at least (1, 1), got {size}")
    if triangles.numel():
        low, high = (int(value) for value in triangles.aminmax())
        if low < 0 or high >= uvz.shape[1]:
            raise ValueError(f"triangles: expected rows 0 to {uvz.shape[1] - 1} of uvz, got {low} to {high}")


def _nothing(shape: tuple[int, int, int], device: torch.device) -> Fragments:
    outside = torch.full((*shape, 4), -1.0, device=device)
    return Fragments(torch.full(shape, -1, device=device), outside[..., 3], outside[..., :3])
