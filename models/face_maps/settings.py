"""How hidden parts of the source are told, as a value that a stage's Params can hold: it changes every pixel of O_c."""

from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

OcclusionRule = Literal["triangle_set", "one_ring", "depth"]


@dataclass(frozen=True)
class OcclusionSettings:
    """Which points of the face the source picture shows; see visibility.py for the rules and how often each errs.

    Attributes:
        occlusion_rule: "triangle_set" = the triangle wins a pixel of the source; "one_ring" = it or one that shares a
            corner with it does; "depth" = the point is as near as the source's depth picture at its place.
        source_raster_scale: the source is rasterized this much finer than the picture. 1 with "triangle_set" is the
            paper's own rule. None: 5, and of the sets so much finer that a triangle has 16 pixels on average.

    Raises:
        ValueError: the rule is unknown or the scale below 1.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}  # inside Params an unknown key is an error

    occlusion_rule: OcclusionRule = "triangle_set"
    source_raster_scale: int | None = None

    def __post_init__(self) -> None:
        if self.occlusion_rule not in get_args(OcclusionRule):
            raise ValueError(
                f"occlusion_rule: expected one of {', '.join(get_args(OcclusionRule))}, got {self.occlusion_rule!r}"
            )
        if self.source_raster_scale is not None and self.source_raster_scale < 1:
            raise ValueError(f"source_raster_scale: expected at least 1 or None, got {self.source_raster_scale}")
