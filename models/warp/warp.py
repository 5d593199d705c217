"""Re-enactment without training: the source's face mesh moved by the driving motion, and the picture warped with it."""

from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from reenactory.models.face_mesh import topology
from reenactory.models.warp.background import inpaint_background, premultiplied_foreground
from reenactory.models.warp.flow import Flow, backward_flow
from reenactory.models.warp.gaze import closure
from reenactory.models.warp.mesh import Mesh, build_mesh, move_mesh
from reenactory.models.warp.motion import Motion, Posed, unpose_anchor
from reenactory.models.warp.retarget import Target, choose_reference, retarget

_FRAMES_AT_ONCE = 8


class WarpState(NamedTuple):
    """What is computed once per source.

    Attributes:
        foreground: (4, H, W) float32, premultiplied red, green, blue, and alpha.
        background: (3, H, W) float32 in [0, 1].
        posed: the source's pose-free shape and pose.
        scores: (52,) float32.
        rotation: (3, 3) float32.
        mesh: over the whole picture.
        mouth: (3,) float32, colour of the inside of the mouth.
        lashes: (3,) float32, colour of a shut eye's rim.
    """

    foreground: Tensor
    background: Tensor
    posed: Posed
    scores: Tensor
    rotation: Tensor
    mesh: Mesh
    mouth: Tensor
    lashes: Tensor


def prepare(
    source_frame: NDArray[np.uint8],
    source_alpha: NDArray[np.uint8],
    source_points: NDArray[np.float32],
    source_rotation: NDArray[np.float32],
    source_scores: NDArray[np.float32],
    device: torch.device | str = "cpu",
) -> WarpState:
    """Cuts the person out of the source, fills the background and builds the mesh.

    Args:
        source_frame: (H, W, 3) uint8, RGB.
        source_alpha: (H, W) uint8, alpha matte of the person.
        source_points: (478, 3) float32, mesh in pixels.
        source_rotation: (3, 3) float32, head to camera.
        source_scores: (52,) float32.
        device: where to compute.

    Returns:
        WarpState.

    Raises:
        ValueError: shapes do not fit, or the source has no face (NaN).
    """
    _check_source(source_frame, source_alpha, source_points)
    picture = torch.from_numpy(source_frame.copy()).to(device).permute(2, 0, 1).float() / 255
    alpha = torch.from_numpy(source_alpha.copy()).to(device).float() / 255
    points = torch.from_numpy(source_points.copy()).to(device).float()
    rotation = torch.from_numpy(source_rotation.copy()).to(device).float()
    scores = torch.from_numpy(source_scores.copy()).to(device).float()
    background = inpaint_background(picture, alpha)
    posed = unpose_anchor(points, rotation)
    foreground = premultiplied_foreground(picture, alpha, background)
    mesh = build_mesh(posed, alpha)
    inside = _mouth_colour(picture, points), _lash_colour(picture, points)
    return WarpState(foreground, background, posed, scores, rotation, mesh, *inside)


def animate(state: WarpState, driving: Motion) -> Tensor:
    """The source person making the driver's movement.

    Args:
        state: what `prepare` returned.
        driving: T frames of motion in pixels of a picture of any size.

    Returns:
        (T, 3, H, W) float32 in [0, 1], RGB. Frames whose motion is NaN are NaN: nothing is invented there, and what
        to show instead is the caller's decision.
    """
    points, rotation, scores = _tensors(driving, state.background.device)
    valid = torch.isfinite(points).flatten(1).all(1) & torch.isfinite(rotation).flatten(1).all(1)
    valid &= torch.isfinite(scores).all(1)
    frames = torch.full((len(points), *state.background.shape), torch.nan, device=points.device)
    ids = valid.nonzero()[:, 0]
    if ids.numel() == 0:
        return frames
    reference = choose_reference(state.scores, state.rotation, scores[ids], rotation[ids])
    target = retarget(state.posed, points[ids], rotation[ids], reference)
    for start in range(0, len(ids), _FRAMES_AT_ONCE):
        part = Target(*(value[start : start + _FRAMES_AT_ONCE] for value in target))
        frames[ids[start : start + _FRAMES_AT_ONCE]] = _render(state, part)
    return frames


def _render(state: WarpState, target: Target) -> Tensor:
    """(T, 3, H, W) of a few frames."""
    height, width = state.background.shape[1:]
    flow = backward_flow(state.mesh, move_mesh(state.mesh, target), (height, width))
    layer = sample(state.foreground, flow.backward)  # (T, 4, H, W)
    layer = _soften_edges(layer, flow.edge)
    colour, alpha = layer[:, :3], layer[:, 3:]
    colour = _fill_mouth(colour, state, target, flow)
    colour = _shut_eyes(colour, state, target, flow)
    return (colour + (1 - alpha) * state.background).clamp(0, 1)


def sample(picture: Tensor, flow: Tensor) -> Tensor:
    """Reads a picture at every pixel plus its flow, bicubic; beyond the border it is mirrored.

    Args:
        picture: (C, H, W) float32.
        flow: (T, H, W, 2) float32, pixels.

    Returns:
        (T, C, H, W) float32.
    """
    channels, height, width = picture.shape
    rows = torch.arange(height, device=flow.device) + 0.5
    columns = torch.arange(width, device=flow.device) + 0.5
    u = (flow[..., 0] + columns) * (2 / width) - 1
    v = (flow[..., 1] + rows[:, None]) * (2 / height) - 1
    batch = picture.expand(len(flow), channels, height, width)
    # Bilinear blurs every frame by up to half a pixel's width, differently from frame to frame: the skin shimmers.
    warped = F.grid_sample(
        batch, torch.stack((u, v), dim=-1), mode="bicubic", padding_mode="reflection", align_corners=False
    )
    return warped.clamp(0, 1)


def _soften_edges(layer: Tensor, edge: Tensor) -> Tensor:
    """Replaces the pixels (T, C, H, W) at an edge (T, H, W) by the mean of the 3x3 around them, instead of stairs."""
    frame, row, column = edge.nonzero(as_tuple=True)
    padded = F.pad(layer, (1, 1, 1, 1), mode="replicate").permute(0, 2, 3, 1)
    # A few hundred pixels per frame: gathered, a tenth of the cost of pooling whole frames.
    total = sum((padded[frame, row + i, column + j] for i in range(3) for j in range(3)), layer.new_zeros(()))
    layer = layer.clone()
    layer.permute(0, 2, 3, 1)[frame, row, column] = total / 9
    return layer


def _fill_mouth(colour: Tensor, state: WarpState, target: Target, flow: Flow) -> Tensor:
    """Darkens what opens between the lips beyond what the source shows: there is nothing to stretch there."""
    opening = _mouth_opening(target.points)
    shown = _mouth_opening(state.mesh.points[None, : topology.POINT_COUNT]) * target.scale
    # Up to half as wide again the source's own mouth (teeth, tongue) is stretched; at three times it is all dark.
    excess = ((opening - 1.3 * shown) / (0.06 + 1.2 * shown)).clamp(0, 1)
    depth = (flow.mouth / 0.7).clamp(0, 1)
    weight = (excess[:, None, None] * depth * depth * (3 - 2 * depth))[:, None]
    # Darkest under the upper lip, twice as bright at the lower: light falls in from above, on the tongue.
    inside = state.mouth[:, None, None] * (0.6 + 0.9 * flow.mouth_row[:, None])
    return colour + weight * (inside - colour)


def _shut_eyes(colour: Tensor, state: WarpState, target: Target, flow: Flow) -> Tensor:
    """Turns what is left of the eyeball in a shut eye into lashes: pressed together it would be a white line."""
    shut = closure(state.mesh.points[: topology.POINT_COUNT], target.points)  # (T, 2)
    shut = F.pad(shut, (1, 0))  # column 0: no eye
    weight = shut.gather(1, flow.eye.flatten(1)).view(flow.eye.shape)[:, None]
    return colour + weight * (state.lashes[:, None, None] - colour)


def _mouth_opening(points: Tensor) -> Tensor:
    """(T,) distance between the lips over the distance of the mouth's corners, of meshes (T, 478, 3)."""
    gap = torch.linalg.vector_norm(points[:, 13, :2] - points[:, 14, :2], dim=-1)
    opening: Tensor = gap / torch.linalg.vector_norm(points[:, 78] - points[:, 308], dim=-1)
    return opening


def _mouth_colour(picture: Tensor, points: Tensor) -> Tensor:
    """(3,) a dark red from the source's own lower lip."""
    colours = _colours_at(picture, points[[14, 87, 317, 15, 86, 316, 16, 85, 315], :2])
    tint: Tensor = colours.median(dim=1).values * colours.new_tensor([0.30, 0.22, 0.22])
    return tint


def _lash_colour(picture: Tensor, points: Tensor) -> Tensor:
    """(3,) the darkest of the source's upper lid rims, halfway to its lid: lashes and their shadow."""
    rims = list(topology.RIGHT_EYE_UPPER[2:-2]) + list(topology.LEFT_EYE_UPPER[2:-2])
    colours = _colours_at(picture, points[rims, :2])
    darkest = colours[:, colours.sum(dim=0).argmin()]
    return (darkest + colours.median(dim=1).values) / 2


def _colours_at(picture: Tensor, where: Tensor) -> Tensor:
    """(3, N) colours of the picture (3, H, W) at N pixel positions (N, 2)."""
    height, width = picture.shape[1:]
    grid = where / where.new_tensor([width, height]) * 2 - 1
    return F.grid_sample(picture[None], grid[None, None], align_corners=False, padding_mode="border")[0, :, 0]


def _tensors(driving: Motion, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    points, rotation, scores = (torch.from_numpy(np.array(value, dtype=np.float32)).to(device) for value in driving)
    frames = len(points)
    if points.shape[1:] != (topology.POINT_COUNT, 3) or rotation.shape != (frames, 3, 3) or len(scores) != frames:
        raise ValueError(
            f"driving: expected points (T, 478, 3), rotation (T, 3, 3), scores (T, 52), got {tuple(points.shape)}, "
            f"{tuple(rotation.shape)}, {tuple(scores.shape)}"
        )
    return points, rotation, scores


def _check_source(frame: NDArray[np.uint8], alpha: NDArray[np.uint8], points: NDArray[np.float32]) -> None:
    if frame.ndim != 3 or frame.shape[2] != 3 or frame.dtype != np.uint8:
        raise ValueError(f"source_frame: expected (H, W, 3) uint8, got {frame.shape} {frame.dtype}")
    if alpha.shape != frame.shape[:2] or alpha.dtype != np.uint8:
        raise ValueError(f"source_alpha: expected {frame.shape[:2]} uint8, got {alpha.shape} {alpha.dtype}")
    if points.shape != (topology.POINT_COUNT, 3):
        raise ValueError(f"source_points: expected (478, 3), got {points.shape}")
    if not np.isfinite(points).all():
        raise ValueError("source_points: the source frame has no face (NaN); choose another source frame")
