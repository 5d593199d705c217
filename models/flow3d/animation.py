"""One source animated by many frames: its features once, motion in batches, the background kept."""

from collections.abc import Iterator
from typing import NamedTuple, Protocol

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from reenactory.models.flow3d.carrying import carry
from reenactory.models.flow3d.composition import Layers, compose
from reenactory.models.flow3d.config import MAX_RADIUS
from reenactory.models.flow3d.network import Face, Flow3d, Painted, Warped

BATCH = {"cuda": 32, "cpu": 4}
NOBODY = 0.05  # alpha that a matting or a network leaves where nobody is
EDGE, RIM = 0.008, 0.015  # around the person now, and around where they were, in sides of the picture
DRAWN, LEFT = 0.3, 0.7  # of a pixel, that a stage kept: under the first it was drawn anew, over the second it was left


class Matter(Protocol):
    """Mattes the frames of one clip, in order and in portions: (n, H, W, 3) uint8 to (n, H, W) uint8."""

    def __call__(self, frames: NDArray[np.uint8]) -> NDArray[np.uint8]: ...


class SourceState(NamedTuple):
    """What depends on the source alone; all of batch size 1, on the network's device."""

    frame: Tensor  # (1, 3, H, W) in [-1, 1], at its own size
    whole: Layers  # the same taken apart, (1, ., H, W)
    small: Layers  # ... at the network's side, (1, ., S, S)
    volume: Tensor
    lifted: Tensor
    window: Tensor  # (1, 73, 27), standing still


@torch.inference_mode()
def prepare(
    network: Flow3d, frame: NDArray[np.uint8], alpha: NDArray[np.uint8], descriptor: NDArray[np.float32]
) -> SourceState:
    """Args: frame (H, W, 3) uint8 RGB, alpha (H, W) uint8, of any one size; descriptor (73,) of that frame."""
    device = next(network.parameters()).device
    whole = torch.from_numpy(np.ascontiguousarray(frame)).to(device).permute(2, 0, 1)[None].float() / 127.5 - 1
    matte = torch.from_numpy(np.ascontiguousarray(alpha)).to(device)[None, None].float() / 255
    side = network.config.image_px
    small = network.layers(_resized(whole, side), _resized(matte, side).clamp(0, 1))
    window = torch.from_numpy(descriptor).to(device)[None, :, None].expand(1, -1, 2 * MAX_RADIUS + 1)
    with _precision(device):
        volume, lifted = network.features(small.person), network.warping.lift(small.person)
    return SourceState(whole, network.layers(whole, matte), small, volume, lifted, window)


@torch.inference_mode()
def animate(
    network: Flow3d, state: SourceState, windows: NDArray[np.float32], matter: Matter | None = None
) -> Iterator[NDArray[np.float32]]:
    """Frames in portions of (n, 3, H, W) float32 in [0, 1], RGB, in the order of the windows.

    Args:
        windows: (T, 73, 27) without NaN.
        matter: for networks that have no alpha of their own (`alpha_source = rvm_on_refined`); called in order.
    """
    device = state.frame.device
    size = BATCH.get(device.type, BATCH["cpu"])
    for start in range(0, len(windows), size):
        with _precision(device):
            frames = _portion(network, state, torch.from_numpy(windows[start : start + size]).to(device), matter)
        yield ((frames.float() + 1) / 2).clamp(0, 1).cpu().numpy()


def _portion(network: Flow3d, state: SourceState, windows: Tensor, matter: Matter | None) -> Tensor:
    def each(part: Tensor) -> Tensor:
        return part.expand(len(windows), *part.shape[1:])

    code = network.code(state.window, windows)
    source = Layers(*map(each, state.small))
    flow = network.warping.flow(each(state.lifted), code)
    warped = network.moved(source, each(state.volume), flow)
    face = network.refine(source.person, warped, code)
    if not network.config.separate_background:
        made = _resized(face.picture.float(), state.frame.shape[-1])
        return made + _detail(state, warped, face, Painted(face.picture), None)
    alpha = network.alpha_of(face)
    alpha = _matted(face, matter) if alpha is None else alpha
    painted = network.inpaint(compose(face.picture, alpha, source), code)
    made = _resized(painted.picture.float(), state.frame.shape[-1])
    made = made + _detail(state, warped, face, painted, alpha)
    return keep_background(made, alpha.float(), state.whole.alpha, state.frame)


def _detail(state: SourceState, warped: Warped, face: Face, painted: Painted, alpha: Tensor | None) -> Tensor | float:
    """What the same picture made of the clip's own pixels shows more than the network's side can hold.

    That picture is the carried person over the continued background. Of the person only what every later stage left as
    it was counts, of the background what the last one left: a tint that one of them gave takes no detail away.

    Returns:
        (B, 3, H, W) to add; 0 without `carry_pixels`.
    """
    if warped.flow is None or warped.kept is None:
        return 0.0
    side, size = state.small.person.shape[-1], state.frame.shape[-1]
    person, matte = state.whole.person, state.whole.alpha
    planes = carry(torch.cat([person, matte], dim=1).expand(len(warped.flow), -1, -1, -1), warped.flow, "bicubic")
    picture = planes[:, :3] if alpha is None else compose(planes[:, :3], planes[:, 3:], state.whole).picture
    lost = picture - _resized(_resized(picture, side), size)
    behind = _left(painted.kept)
    moved = _left(warped.kept) * _left(face.kept) * behind
    share = moved if alpha is None else alpha.float() * moved + (1 - alpha.float()) * behind
    return lost * _resized(torch.as_tensor(share), size).clamp(0, 1)


def _left(kept: Tensor | None) -> Tensor | float:
    """Where a stage left a pixel much as it was (B, 1, S, S); 1 where there was no such stage."""
    return 1.0 if kept is None else ((kept.float() - DRAWN) / (LEFT - DRAWN)).clamp(0, 1)


def _matted(face: Face, matter: Matter | None) -> Tensor:
    if matter is None:
        raise ValueError("these weights were trained with alpha_source = rvm_on_refined: a matter is needed")
    pictures = ((face.picture.float().clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)
    alphas = matter(pictures.permute(0, 2, 3, 1).cpu().numpy())
    return torch.from_numpy(alphas).to(face.picture.device)[:, None].float() / 255


def keep_background(painted: Tensor, alpha: Tensor, matte: Tensor, frame: Tensor) -> Tensor:
    """What was made, where the person is or was; elsewhere the source's own pixels.

    Where the person has left, a rim beyond their matte goes too: their light and the matte's errors lie in it. Where
    their edge stays, that rim is the background as it is, and what continues it from further away would only blur it.

    Args:
        painted: (B, 3, H, W) in [-1, 1].
        alpha: (B, 1, S, S) of the made face, of any size.
        matte: (1, 1, H, W) of the source.
        frame: (1, 3, H, W), the source.

    Returns:
        (B, 3, H, W).
    """
    side = frame.shape[-1]
    alpha = _resized(torch.where(alpha > NOBODY, alpha, 0.0), side).clamp(0, 1)
    matte = torch.where(matte > NOBODY, matte, 0.0)
    there = _widened(torch.maximum(alpha, matte), max(1, round(EDGE * side)))
    left = _widened((matte - alpha).clamp(min=0), round(RIM * side))
    mask = torch.maximum(there, left)
    return mask * painted + (1 - mask) * frame


def _widened(mask: Tensor, radius: int) -> Tensor:
    """A mask grown by a radius in pixels, and soft over as many."""
    wide = F.max_pool2d(mask, 2 * radius + 1, 1, radius)
    return F.avg_pool2d(wide, 2 * (radius // 2) + 1, 1, radius // 2, count_include_pad=False)


def _resized(picture: Tensor, side: int) -> Tensor:
    if picture.shape[-1] == side:
        return picture
    return F.interpolate(picture, (side, side), mode="bicubic", antialias=True, align_corners=False)


def _precision(device: torch.device) -> torch.autocast:
    return torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda")
