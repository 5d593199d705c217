"""Named sets of knobs: two for the published clips, one for video as it comes."""

from collections.abc import Mapping
from enum import StrEnum


class Preset(StrEnum):
    """Where the knobs start from; each single knob can still be set."""

    FOMM = "fomm"
    FOMM_EXACT = "fomm-exact"
    IN_THE_WILD = "in-the-wild"


# The published numbers are the defaults of the stages themselves. They drop nearly all low-resolution or tightly framed
# video: faces of 256 px with the grown box inside the picture. In the wild, smaller faces are enlarged, the square is
# shifted inside the picture, and more of the head is kept. The published script further looks at every frame, at 25 of
# them per second, and knows nothing of shots: what a reproduction of published clips wants, and nobody else.
KNOBS: Mapping[Preset, Mapping[str, Mapping[str, object]]] = {
    Preset.FOMM: {},
    Preset.FOMM_EXACT: {"detect": {"fps": 25.0, "stride": 1}, "track": {"end_at_shots": False}},
    Preset.IN_THE_WILD: {"track": {"min_side_px": 96, "margin": 0.3, "out_of_frame": "fit"}},
}


def merged(preset: Preset, params: Mapping[str, Mapping[str, object]]) -> dict[str, dict[str, object]]:
    """The preset's knobs by stage, with those of `params` over them."""
    start = KNOBS[preset]
    return {stage: {**start.get(stage, {}), **params.get(stage, {})} for stage in sorted({*start, *params})}
