"""Rasterization by PyTorch3D, which has CUDA kernels; its mode for CPUs is a thousand times slower than the others."""

from importlib.util import find_spec

import torch
from torch import Tensor

from reenactory.models.rasterizer.fragments import Fragments
from reenactory.models.rasterizer.ndc import to_ndc


def is_installed() -> bool:
    """Whether the package is there; it is on no registry, so users build it or have it from conda-forge."""
    return find_spec("pytorch3d") is not None


def rasterize(
    uvz: Tensor, triangles: Tensor, size: tuple[int, int], cull_backfaces: bool, perspective_correct: bool
) -> Fragments:
    """See `reenactory.models.rasterizer.rasterize`, which checks the arguments."""
    from pytorch3d.renderer.mesh.rasterize_meshes import rasterize_meshes
    from pytorch3d.structures import Meshes

    batch, faces = uvz.shape[0], triangles.shape[0]
    # Its own NDC has x to the left and y up.
    xyz = to_ndc(uvz, size) * uvz.new_tensor([-1.0, -1.0, 1.0])
    found, depth, barycentrics, _ = rasterize_meshes(
        Meshes(verts=xyz, faces=triangles.expand(batch, faces, 3)),
        image_size=size,
        blur_radius=0.0,
        faces_per_pixel=1,
        max_faces_per_bin=faces,  # with its default it drops triangles from full bins, with no more than a warning
        perspective_correct=perspective_correct,
        clip_barycentric_coords=False,
        cull_backfaces=cull_backfaces,
    )
    found = found[..., 0]
    offset = torch.arange(batch, device=uvz.device).view(-1, 1, 1) * faces  # it numbers the batch's triangles through
    return Fragments(torch.where(found >= 0, found - offset, -1), depth[..., 0], barycentrics[..., 0, :])
