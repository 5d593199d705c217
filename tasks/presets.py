"""Named sets of knobs: one for the published clips, one for video as it comes."""

from collections.abc import Mapping
from enum import StrEnum


class Preset(StrEnum):
    """Where the knobs start from; each single knob can still be set."""

    FOMM = "fomm"
    IN_THE_WILD = "in-the-wild"


# The published numbers are the defaults of the stages themselves. They drop nearly all low-resolution or tightly framed
# video: faces of 256 px with the grown box inside the picture. In the wild, smaller faces are enlarged, the square is
# shifted inside the picture, and more of the head is kept.
KNOBS: Mapping[Preset, Mapping[str, Mapping[str, object]]] = {
    Preset.FOMM: {},
    Preset.IN_THE_WILD: {"track": {"min_side_px": 96, "margin": 0.3, "out_of_frame": "fit"}},
}


def merged(preset: Preset, params: Mapping[str, Mapping[str, object]]) -> dict[str, dict[str, object]]:
    """The preset's knobs by stage, with those of `params` over them."""
    start = KNOBS[preset]
    return {stage: {**start.get(stage, {}), **params.get(stage, {})} for stage in sorted({*start, *params})}
