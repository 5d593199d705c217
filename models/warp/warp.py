"""Re-enactment without training: the source's face model moved by the driver's, and the picture warped with it."""

from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from reenactory.models.compositing.layers import clean_plate, premultiplied_foreground
from reenactory.models.face_model.camera import Camera
from reenactory.models.warp.coefficients import Coefficients, fit_error
from reenactory.models.warp.face import WarpFace
from reenactory.models.warp.flow import view
from reenactory.models.warp.head import Head, project
from reenactory.models.warp.retarget import Person, Target, retarget
from reenactory.models.warp.rings import Rings, build_rings, move_rings, ring_triangles
from reenactory.models.warp.surface import depth_picture, fill_colours, shown

_FRAMES_AT_ONCE = 8
# Source skin is stretched up to here, as the ratio of how much a point faces the camera in source and target: from
# less than the first on it is filled, from the second on it is the picture's.
_STRETCH = (0.2, 0.5)
_LIP_SHADOW, _DARKEST = 0.022, 0.45  # how far lips shade what is behind them, in picture sides, and how much
_KNOWN_FACING = (0.15, 0.4)  # cosine to the camera from which a vertex's colour in the picture is believed


class WarpState(NamedTuple):
    """What is computed once per source.

    Attributes:
        face: the model.
        foreground: (4, H, W) float32, premultiplied red, green, blue, and alpha.
        background: (3, H, W) float32 in [0, 1].
        person: the source's coefficients.
        shape: (N, 3), the source in model units.
        camera: of the source.
        rings: around the face.
        uvz: (M, 3), all vertices, face and rings, in the source: column, row, distance.
        triangles: (F, 3) of all.
        depths: of `depth_picture`.
        facing: (V,) cosine between each vertex' normal and the camera.
        fill: (V, 3) colours where the source does not show the face.
    """

    face: WarpFace
    foreground: Tensor
    background: Tensor
    person: Person
    shape: Tensor
    camera: Camera
    rings: Rings
    uvz: Tensor
    triangles: Tensor
    depths: Tensor
    facing: Tensor
    fill: Tensor


def prepare(face: WarpFace, frame: NDArray[np.uint8], alpha: NDArray[np.uint8], source: Coefficients) -> WarpState:
    """Cuts the person out of the source, fills the background and builds the mesh.

    Args:
        face: the model; where it is, all is computed.
        frame: (H, W, 3) uint8, RGB.
        alpha: (H, W) uint8, alpha matte of the person.
        source: T = 1, finite.

    Raises:
        ValueError: shapes do not fit, or the source has no face (NaN).
    """
    _check_source(frame, alpha, source)
    device, size = face.mean.device, (frame.shape[0], frame.shape[1])
    picture = torch.from_numpy(frame.copy()).to(device).permute(2, 0, 1).float() / 255
    matte = torch.from_numpy(alpha.copy()).to(device).float() / 255
    plate = clean_plate(picture[None], matte[None, None]).picture
    error = fit_error(face, source)
    shape = face.shape(source.identity, source.expression) + face.spread @ error
    head, camera = source.head(), source.camera()
    points = shape[0, face.drawn :]
    rings = build_rings(points, head, camera, matte)
    uvz = _seen(face, shape, head, camera, rings, points)
    depths = depth_picture(uvz[:, : face.drawn], face.triangles, size)
    facing = face.normals[: face.drawn] @ head.rotation[0, 2]
    fill = _fill(face, picture, matte, uvz[0, : face.drawn], depths, facing)
    triangles = torch.cat([face.triangles, ring_triangles(face.drawn).to(device)])
    foreground = premultiplied_foreground(picture[None], matte[None, None], plate)[0]
    person = Person(source, error[0])
    return WarpState(
        *(face, foreground, plate[0], person, shape[0], camera, rings, uvz[0], triangles, depths, facing, fill)
    )


def animate(state: WarpState, driving: Coefficients) -> Tensor:
    """The source person making the driver's movement.

    Args:
        state: what `prepare` returned.
        driving: T frames.

    Returns:
        (T, 3, H, W) float32 in [0, 1], RGB.
    """
    target = retarget(state.face, state.person, driving)
    parts = [
        _render(state, target.only(slice(i, i + _FRAMES_AT_ONCE))) for i in range(0, len(target.shape), _FRAMES_AT_ONCE)
    ]
    return torch.cat(parts)


def _render(state: WarpState, target: Target) -> Tensor:
    """(T, 3, H, W) of a few frames."""
    face, count = state.face, state.face.drawn
    size = (state.background.shape[1], state.background.shape[2])
    uvz = _seen(face, target.shape, target.head, state.camera, state.rings, state.shape[count:])
    seen = view(uvz, state.uvz[:, :2], _attributes(state, target, uvz), state.triangles, size)
    depth, own, inside, eye, fill = torch.split(seen.values, [1, 1, 1, 1, 3], dim=-1)
    rows, columns = (torch.arange(side, device=uvz.device) + 0.5 for side in size)
    here = torch.stack(torch.meshgrid(columns, rows, indexing="xy"), dim=-1)
    place = torch.cat([seen.backward + here, depth], dim=-1)
    is_face = (seen.triangle >= 0) & (seen.triangle < len(face.triangles))
    visible = shown(place, state.depths, size)
    inside, eye, own = (values[..., 0][:, None] for values in (inside, eye, own))
    visible = torch.where(eye > 0.5, visible[:, 1:], torch.where(inside > 0.5, 1, own) * visible[:, :1])
    visible = torch.where(is_face[:, None], visible, 1)
    layer = sample(state.foreground, place[..., :2])
    fill = fill.permute(0, 3, 1, 2) * _mouth_shade(inside)
    other = torch.cat([fill, torch.ones_like(inside)], dim=1)
    layer = _soften_edges(visible * layer + (1 - visible) * other, seen.edge)
    return (layer[:, :3] + (1 - layer[:, 3:]) * state.background).clamp(0, 1)


def _seen(face: WarpFace, shape: Tensor, head: Head, camera: Camera, rings: Rings, source: Tensor) -> Tensor:
    """(T, M, 3) column, row, distance of the face (T, N, 3) and of what surrounds it; `source`: its first (478, 3)."""
    front = project(shape[:, : face.drawn], head, camera)
    front[..., 2] += face.sunk
    return torch.cat([front, move_rings(rings, source, shape[:, face.drawn :], head, camera)], dim=1)


def _attributes(state: WarpState, target: Target, uvz: Tensor) -> Tensor:
    """(T, M, 7): distance in the source, how much of it is the picture's own, mouth, eye, colour to fill with."""
    face, count = state.face, state.face.drawn
    facing = target.head.rotation[:, 2] @ face.normals[:count].T  # (T, V)
    ratio = state.facing.clamp(min=0) / facing.clamp(min=0.1)
    low, high = _STRETCH
    own = ((ratio - low) / (high - low)).clamp(0, 1)[..., None]
    still = torch.cat([face.mouth[:, None].float(), face.eyes[:, None].float(), state.fill], dim=1)
    parts = [state.uvz[:count, 2:].expand(len(uvz), -1, -1), own, still.expand(len(uvz), -1, -1)]
    return F.pad(torch.cat(parts, dim=-1), (0, 0, 0, uvz.shape[1] - count))


def _mouth_shade(inside: Tensor) -> Tensor:
    """(T, 1, H, W) factors: little light falls through parted lips, and none behind them. 1 outside of the mouth."""
    radius = max(1, round(_LIP_SHADOW * min(inside.shape[2:])))
    mouth = (inside > 0.5).float()
    light = F.avg_pool2d(mouth, 2 * radius + 1, 1, radius)
    return 1 - mouth * (1 - _DARKEST) * (1 - light)


def _fill(face: WarpFace, picture: Tensor, matte: Tensor, uvz: Tensor, depths: Tensor, facing: Tensor) -> Tensor:
    size = (matte.shape[0], matte.shape[1])
    place = uvz[None, None]  # (1, 1, V, 3)
    visible = shown(place, depths, size)[0, :, 0]
    visible = torch.where(face.skin, visible[0], visible[1])
    layers = sample_at(torch.cat([picture, matte[None]]), place[..., :2])[0, :, 0]
    low, high = _KNOWN_FACING
    sure = visible * ((facing - low) / (high - low)).clamp(0, 1) * (layers[3] > 0.9)
    return fill_colours(face, layers[:3].T, sure)


def sample(picture: Tensor, place: Tensor) -> Tensor:
    """Reads a picture at places, bicubic; beyond the border it is mirrored.

    Args:
        picture: (C, H, W) float32.
        place: (T, H, W, 2) float32, column and row in pixels.

    Returns:
        (T, C, H, W) float32.
    """
    # Bilinear blurs every frame by up to half a pixel's width, differently from frame to frame: the skin shimmers.
    return sample_at(picture, place, "bicubic").clamp(0, 1)


def sample_at(picture: Tensor, place: Tensor, mode: str = "bilinear") -> Tensor:
    grid = place * (2 / place.new_tensor([picture.shape[2], picture.shape[1]])) - 1
    batch = picture.expand(len(place), -1, -1, -1)
    return F.grid_sample(batch, grid, mode=mode, padding_mode="reflection", align_corners=False)


def _soften_edges(layer: Tensor, edge: Tensor) -> Tensor:
    """Replaces the pixels (T, C, H, W) at an edge (T, H, W) by the mean of the 3x3 around them, instead of stairs."""
    frame, row, column = edge.nonzero(as_tuple=True)
    padded = F.pad(layer, (1, 1, 1, 1), mode="replicate").permute(0, 2, 3, 1)
    # A few hundred pixels per frame: gathered, a tenth of the cost of pooling whole frames.
    total = sum((padded[frame, row + i, column + j] for i in range(3) for j in range(3)), layer.new_zeros(()))
    layer = layer.clone()
    layer.permute(0, 2, 3, 1)[frame, row, column] = total / 9
    return layer


def _check_source(frame: NDArray[np.uint8], alpha: NDArray[np.uint8], source: Coefficients) -> None:
    if frame.ndim != 3 or frame.shape[2] != 3 or frame.dtype != np.uint8:
        raise ValueError(f"source_frame: expected (H, W, 3) uint8, got {frame.shape} {frame.dtype}")
    if alpha.shape != frame.shape[:2] or alpha.dtype != np.uint8:
        raise ValueError(f"source_alpha: expected {frame.shape[:2]} uint8, got {alpha.shape} {alpha.dtype}")
    if len(source.points) != 1 or not bool(source.finite().all()):
        raise ValueError("the source frame has no face (NaN); choose another source frame")
