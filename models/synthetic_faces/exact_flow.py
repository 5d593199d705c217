"""The flow between two frames of a synthetic clip, as its meshes know it."""

from typing import NamedTuple

import torch
from torch import Tensor

from reenactory.models.face_maps.flow import computed_flow
from reenactory.models.face_maps.settings import OcclusionSettings
from reenactory.models.face_maps.visibility import view_source, visible_from_source
from reenactory.models.rasterizer.rasterize import rasterize
from reenactory.models.synthetic_faces.studio import SyntheticClip


class ExactFlow(NamedTuple):
    """flow (S, S, 2) float32, backward, in pixels, 0 beside the person: the room stands still. visible (S, S) bool:
    the source frame shows what the target frame has there; beside the person True where there is none in it either."""

    flow: Tensor
    visible: Tensor


@torch.inference_mode()
def exact_flow(clip: SyntheticClip, source: int, target: int) -> ExactFlow:
    """Where in frame `source` the point was that frame `target` shows at each pixel."""
    side = clip.frames.shape[1]
    one, other = clip.uvz[source : source + 1], clip.uvz[target : target + 1]
    seen = rasterize(other, clip.triangles, (side, side))
    flow = computed_flow(seen, clip.triangles, one, other)[0]
    view = view_source(one, clip.triangles, (side, side), OcclusionSettings(occlusion_rule="depth"))
    on_person = visible_from_source(view, seen, clip.triangles)[0]
    room = rasterize(one, clip.triangles, (side, side)).triangle[0] < 0
    return ExactFlow(flow, torch.where(seen.triangle[0] >= 0, on_person, room))
