"""The losses of the paper (equations 2 to 9) over one batch, for each of the two phases."""

from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from reenactory.models.flow3d.carrying import carry
from reenactory.models.flow3d.composition import Composite, Layers, compose
from reenactory.models.flow3d.config import LossConfig
from reenactory.models.flow3d.examples import Examples
from reenactory.models.flow3d.network import Face, Flow3d, Warped
from reenactory.models.perceptual.losses import Pyramid, perceptual_distance, pyramid, style_distance
from reenactory.models.perceptual.vgg import VggFeatures

Phase = Literal[0, 1, 2]
FaceFrom = Literal["target", "warped", "refined"]

# Of the 68 landmarks.
BROWS = (slice(17, 22), slice(22, 27))
EYES_AND_MOUTH = (slice(36, 42), slice(42, 48), slice(48, 68))
FEATURES = (*BROWS, *EYES_AND_MOUTH)


class Made(NamedTuple):
    """What the network makes of one batch, stage by stage."""

    source: Layers
    code: Tensor  # the target's
    volume: Tensor  # the source's
    warped: Warped
    face: Face
    composite: Composite
    painted: Tensor


def made_of(network: Flow3d, examples: Examples, face_from: FaceFrom) -> Made:
    """The way from a source and a target's motion to a picture.

    The alpha of the made face is the network's own; where that has none (`rvm_on_refined`), training uses the target's
    matte, which is what the matting of a perfect face would give.

    Args:
        face_from: which face is laid over the background: the target's own (the inpainter of phase 1 learns on true
            ones), the warped one, or the refined one (phase 2, and rendering).
    """
    source = network.layers(examples.source, examples.source_alpha)
    code = network.code(examples.source_window, examples.target_window)
    volume = network.features(source.person)
    warped = network.warp(source, code, volume)
    if face_from == "target":
        target = network.layers(examples.target, examples.target_alpha)
        face = Face(target.person, target.alpha)
    elif face_from == "warped":
        face = Face(warped.picture, warped.alpha)
    else:
        face = network.refine(source.person, warped, code)
    if not network.config.separate_background:
        hole = torch.zeros_like(face.picture[:, :1])
        return Made(source, code, volume, warped, face, Composite(face.picture, hole), face.picture)
    alpha = face.alpha if face_from == "target" else network.alpha_of(face)
    alpha = examples.target_alpha if alpha is None else alpha
    composite = compose(face.picture, alpha, source)
    return Made(source, code, volume, warped, face, composite, network.inpaint(composite, code).picture)


class Objective(nn.Module):
    """Network and losses in one: a batch in, the terms of equation 9 out, weighted, `total` among them."""

    def __init__(self, network: Flow3d, features: VggFeatures, weights: LossConfig) -> None:
        super().__init__()
        self.network = network
        self.vgg = features
        self.weights = weights

    def forward(self, examples: Examples, phase: Phase, step: int = 0) -> dict[str, Tensor]:
        if phase == 0:
            return _with_total(self._flow_terms(examples))
        network, weights = self.network, self.weights
        consistency = weights.consistency_every * float(step % weights.consistency_every == 0)
        refined_now = phase == 2 and network.refiner is not None
        made = made_of(network, examples, "target" if phase == 1 else "refined")
        target = network.layers(examples.target, examples.target_alpha).person
        truth = self._true(target)
        terms = {"perceptual_warp": perceptual_distance(self._seen(made.warped.picture), truth)}
        if weights.cyclic_warp and consistency:
            alpha = examples.target_alpha if made.warped.alpha is None else made.warped.alpha
            there = network.code(examples.target_window, examples.source_window)
            back = network.warp(made.source._replace(person=made.warped.picture, alpha=alpha), there)
            terms["cyclic_warp"] = consistency * F.l1_loss(back.picture, made.source.person)
        if weights.warped_volume:
            volume = network.features(target)
            volume = volume.detach() if weights.detach_volume else volume
            terms["warped_volume"] = F.mse_loss(made.warped.volume.float(), volume.float())
        if weights.features and consistency:
            again = network.decode(made.volume).picture
            terms["features"] = consistency * perceptual_distance(self._seen(again), self._true(made.source.person))
        if network.config.separate_background:
            terms["inpaint"] = perceptual_distance(self._seen(made.painted), self._true(examples.target))
        if refined_now:
            refined = self._seen(made.face.picture)
            terms["perceptual_refine"] = perceptual_distance(refined, truth)
            terms["style_refine"] = style_distance(refined[0], truth[0])
        alphas = [made.warped.alpha, made.face.alpha if refined_now else None]
        if errors := [F.l1_loss(alpha, examples.target_alpha) for alpha in alphas if alpha is not None]:
            terms["alpha"] = torch.stack(errors).sum()
        if made.warped.flow is not None:
            terms |= landmark_terms(made.warped.flow, examples.landmarks)
        pairs = [(made.warped.picture, target), (made.painted, examples.target)]
        pairs += [(made.face.picture, target)] if refined_now else []
        if weights.pixels:
            terms["pixels"] = torch.stack([F.l1_loss(picture, true) for picture, true in pairs]).sum()
        if weights.eyes_and_mouth:
            inside = boxes(examples.landmarks[:, 1], examples.target)
            terms["eyes_and_mouth"] = torch.stack([masked_l1(*pair, inside) for pair in pairs]).sum()
        return _with_total({name: getattr(weights, name) * term.float() for name, term in terms.items()})

    def _flow_terms(self, examples: Examples) -> dict[str, Tensor]:
        """Of phase 0: nothing is drawn, so neither the decoder nor VGG is asked."""
        network, weights = self.network, self.weights
        if network.projection is None:
            raise ValueError("training.phase_0 teaches the flow of carried pixels: it needs network.carry_pixels")
        source = network.layers(examples.source, examples.source_alpha)
        target = network.layers(examples.target, examples.target_alpha)
        flow = network.warping(source.person, network.code(examples.source_window, examples.target_window))
        planar = network.projection(network.move(network.features(source.person), flow), flow)
        carried = carry(torch.cat([source.person, source.alpha], dim=1), planar)
        true = torch.cat([target.person, target.alpha], dim=1)
        terms = landmark_terms(planar, examples.landmarks) | {"pixels": F.l1_loss(carried, true)}
        if weights.eyes_and_mouth:
            terms["eyes_and_mouth"] = masked_l1(carried, true, boxes(examples.landmarks[:, 1], true))
        return {name: getattr(weights, name) * term for name, term in terms.items()}

    def _seen(self, picture: Tensor) -> Pyramid:
        return pyramid(self.vgg, picture, self.weights.pyramid, self.weights.pyramid_from)

    @torch.no_grad()
    def _true(self, picture: Tensor) -> Pyramid:
        return self._seen(picture)


def _with_total(terms: dict[str, Tensor]) -> dict[str, Tensor]:
    return {**terms, "total": torch.stack(list(terms.values())).sum()}


def landmark_terms(flow: Tensor, landmarks: Tensor) -> dict[str, Tensor]:
    """How far a backward flow misses the source's landmarks from the target's, in sides of the picture.

    `landmark_flow`: mean L1 over the landmarks; `landmark_shape`: the same about the middle of their feature, which
    does not see where a mouth is, but whether it opens.

    Args:
        flow: (B, 2, h, w) in voxels.
        landmarks: (B, 2, 68, 2) of source and target in sides of the picture; those that are NaN do not count.
    """
    source, target = landmarks.unbind(1)
    known = torch.isfinite(source + target)
    with torch.autocast(flow.device.type, enabled=False):
        at = torch.where(known, 2 * target - 1, 0.0)[:, :, None]
        found = F.grid_sample(flow.float(), at, "bilinear", "border", align_corners=False)[..., 0].transpose(1, 2)
        missed = (found / flow.new_tensor(flow.shape[:1:-1]) - (source - target)).nan_to_num(0.0) * known
        about = [missed[:, part] - missed[:, part].mean(dim=1, keepdim=True) for part in FEATURES]
        counted = known.sum().clamp(min=1)
        return {
            "landmark_flow": missed.abs().sum() / counted,
            "landmark_shape": torch.cat(about, dim=1).abs().sum() / counted,
        }


def boxes(landmarks: Tensor, like: Tensor) -> Tensor:
    """Where eyes and mouth are: 1 inside their boxes and a quarter of their size around them, (B, 1, S, S).

    Args:
        landmarks: (B, 68, 2) in sides of the picture; a feature with NaN has no box.
        like: a picture (B, C, S, S).
    """
    side = like.shape[-1]
    centre = (torch.arange(side, device=like.device) + 0.5) / side
    inside = torch.zeros_like(like[:, :1])
    for part in EYES_AND_MOUTH:
        low, high = landmarks[:, part].amin(dim=1), landmarks[:, part].amax(dim=1)  # (B, 2); NaN stays NaN
        around = (high - low).amax(dim=1, keepdim=True) / 4
        within = (centre >= (low - around)[..., None]) & (centre <= (high + around)[..., None])  # (B, 2, S)
        inside = torch.maximum(inside, (within[:, 1, :, None] & within[:, 0, None, :])[:, None].to(inside.dtype))
    return inside


def masked_l1(picture: Tensor, true: Tensor, mask: Tensor) -> Tensor:
    """Mean absolute difference where the mask (B, 1, S, S) is 1; 0 where it is empty."""
    return ((picture - true).abs() * mask).sum() / (mask.sum() * picture.shape[1]).clamp(min=1)
