"""The face's colours where the source picture does not show them, and how much of the face it shows."""

import numpy as np
import torch
import torch.nn.functional as F
from scipy.sparse import diags_array
from scipy.sparse.linalg import splu
from torch import Tensor

from reenactory.models.rasterizer.rasterize import rasterize
from reenactory.models.warp.face import WarpFace, laplacian

FINER = 2
"""The source's depth is drawn this much finer than its picture."""
_TOLERANCE, _SOFT = 0.03, 0.04  # model units behind what the source shows, where a point begins to hide and is hidden
_EYE_RING = 24  # vertices to a ring of an eyeball: a pole, rings, a closing vertex
_HOLD = 20.0  # a colour that was seen, in weights of an edge of the mesh
_DULL = 0.6  # teeth take on less of the skin's brightness than all: a part of it is the person, and not the light


def depth_picture(uvz: Tensor, triangles: Tensor, size: tuple[int, int]) -> Tensor:
    """How near the nearest surface is at each place of the source.

    Args:
        uvz: (1, V, 3) pixels of the source and distance.
        triangles: (F, 3).
        size: (H, W).

    Returns:
        (2, FINER H, FINER W) float32: the face's depth, and the same with everything grown by a pixel, which is what
        the lids and lips must leave free before eyes and teeth count as seen. Far behind where there is no face.
    """
    finer = uvz * uvz.new_tensor([FINER, FINER, 1])
    depth = rasterize(finer, triangles, (size[0] * FINER, size[1] * FINER), perspective_correct=False).depth
    depth = torch.where(depth < 0, 2 * uvz[..., 2].amax(), depth)
    grown = -F.max_pool2d(-depth, 2 * FINER + 1, 1, FINER)
    return torch.cat([depth, grown])


def shown(place: Tensor, depths: Tensor, size: tuple[int, int]) -> Tensor:
    """How much the source shows of surface points.

    Args:
        place: (T, H, W, 3): column, row and distance of the point in the source.
        depths: of `depth_picture`.
        size: (H, W) of the source.

    Returns:
        (T, 2, H, W) in [0, 1], by each of the two depths.
    """
    grid = place[..., :2] * (2 / place.new_tensor([size[1], size[0]])) - 1
    nearest = F.grid_sample(depths.expand(len(place), -1, -1, -1), grid, padding_mode="border", align_corners=False)
    behind = place[..., 2][:, None] - nearest
    visible: Tensor = 1 - ((behind - _TOLERANCE) / _SOFT).clamp(0, 1)
    return visible


def fill_colours(face: WarpFace, colours: Tensor, known: Tensor) -> Tensor:
    """A colour for every vertex, from those that the source shows.

    Skin that is not seen takes the colour of its mirror image, shifted by how the two sides differ nearby. Eyeballs are
    alike all around. Teeth and tongue are the model's, in the light of the skin.

    Args:
        face: V vertices.
        colours: (V, 3) what the picture has there.
        known: (V,) in [0, 1], how sure it is that this is the vertex's own colour.

    Returns:
        (V, 3).
    """
    mirrored, both = colours[face.mirror], known * known[face.mirror]
    shift = _spread_colours(face, colours - mirrored, both)
    # The mirror is worth less than the thing itself.
    weight = torch.stack([known, (1 - known) * known[face.mirror] * 0.2], dim=1)
    guess = (weight[:, :1] * colours + weight[:, 1:] * (mirrored + shift)) / weight.sum(dim=1, keepdim=True).clamp(1e-6)
    filled = _spread_colours(face, guess, weight.sum(dim=1))
    light = _light(face, colours, known)
    own = face.albedo * light
    filled = torch.where(face.mouth[:, None], own, filled)
    rows = face.eyes.nonzero()[:, 0].view(2, -1)
    for block in rows:
        filled[block] = _round(colours[block], known[block], own[block])
    return filled.clamp(0, 1)


def _spread_colours(face: WarpFace, values: Tensor, weight: Tensor) -> Tensor:
    """(V, 3) smooth over the skin's mesh, near `values` where `weight` (V,) is."""
    held = _HOLD * (weight * face.skin).cpu().numpy().astype(np.float64)
    system = laplacian(face.edges, face.drawn) + diags_array(held + 1e-6)
    smooth = splu(system.tocsc()).solve(held[:, None] * values.cpu().numpy())
    return torch.from_numpy(smooth).to(values)


def _light(face: WarpFace, colours: Tensor, known: Tensor) -> Tensor:
    """() how bright the picture makes the model's albedo. Its colour would be the skin's and not the lamp's."""
    sure = (known > 0.9) & face.skin
    if not bool(sure.any()):
        return colours.new_ones(())
    ratio = colours[sure].mean() / face.albedo[sure].mean()
    return ratio.clamp(0.05, 2) ** _DULL


def _round(colours: Tensor, known: Tensor, own: Tensor) -> Tensor:
    """Colours (E, 3) of an eyeball, the same all around each ring: the mean of what is seen of it."""
    rings = torch.arange(len(colours), device=colours.device).sub(1).div(_EYE_RING, rounding_mode="floor") + 1
    rings[-1] = rings[-2]
    count = int(rings[-1]) + 1
    weight = torch.zeros(count, device=colours.device).index_add(0, rings, known)
    total = torch.zeros(count, 3, device=colours.device).index_add(0, rings, colours * known[:, None])
    seen = (weight > 0.5)[:, None]
    mean = total / weight.clamp(min=1e-6)[:, None]
    return torch.where(seen[rings], mean[rings], own)
