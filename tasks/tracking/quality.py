"""Filters on tracks, and what is left of a track that did not pass."""

from dataclasses import dataclass
from typing import Literal, Protocol

from pydantic import JsonValue

from reenactory.tasks.outcomes import Reason
from reenactory.tasks.tracking.crop_box import Picture, fit_inside, grow
from reenactory.tasks.tracking.face_tracks import Track, TrackRules


class QualityRules(Protocol):
    """The knobs of `track` about quality."""

    @property
    def faces(self) -> Literal["largest", "all", "reject"]: ...
    @property
    def max_crowded_share(self) -> float: ...
    @property
    def min_blur(self) -> float: ...
    @property
    def min_detected_share(self) -> float: ...


class TrackFilters(QualityRules, TrackRules, Protocol):
    """All knobs of `track` that decide about a track."""

    @property
    def min_frames(self) -> int: ...
    @property
    def min_side_px(self) -> int: ...
    @property
    def margin(self) -> float: ...
    @property
    def out_of_frame(self) -> Literal["reject", "fit"]: ...


@dataclass(frozen=True)
class Dropped:
    """A track that gives no clip, and why."""

    track: Track
    reason: Reason
    detail: str
    identity: str | None = None
    split: str | None = None
    utterance: str | None = None

    def facts(self) -> dict[str, JsonValue]:
        return {
            "start_frame": self.track.start_frame,
            "frame_count": self.track.frame_count,
            "reason": self.reason.value,
            "detail": self.detail,
            "identity": self.identity,
            "split": self.split,
            "utterance": self.utterance,
        }


def judge(track: Track, picture: Picture, rules: TrackFilters) -> dict[str, JsonValue] | Dropped:
    """The published filters in their order: length, size, growth inside the picture. Then ours."""
    if track.frame_count < rules.min_frames:
        detail = f"{track.frame_count} frames, min_frames is {rules.min_frames}; ended by {track.ended}"
        return Dropped(track, Reason.TOO_SHORT, detail)
    side = max(track.union[2] - track.union[0], track.union[3] - track.union[1])
    if side < rules.min_side_px:
        return Dropped(track, Reason.TOO_SMALL, f"box side {side} px, min_side_px is {rules.min_side_px}")
    box = grow(track.union, rules.margin)
    outside = box[0] < 0 or box[1] < 0 or box[2] > picture.width or box[3] > picture.height
    if outside and rules.out_of_frame == "reject":
        detail = f"crop box {box} leaves the {picture.width}x{picture.height} picture"
        return Dropped(track, Reason.BOX_LEAVES_FRAME, detail)
    return poor_quality(track, rules) or track.facts(fit_inside(box, picture) if outside else box)


def poor_quality(track: Track, rules: QualityRules) -> Dropped | None:
    """The first filter that the track does not pass."""
    crowded = (
        f"a second face in {track.crowded_share:.1%} of frames, max_crowded_share is {rules.max_crowded_share:.1%}"
    )
    rare = f"a face in {track.detected_share:.1%} of frames, min_detected_share is {rules.min_detected_share:.1%}"
    if rules.faces == "reject" and track.crowded_share > rules.max_crowded_share:
        return Dropped(track, Reason.MORE_THAN_ONE_FACE, crowded)
    if track.detected_share < rules.min_detected_share:
        return Dropped(track, Reason.FACE_TOO_RARE, rare)
    if track.blur < rules.min_blur:
        return Dropped(track, Reason.TOO_BLURRED, f"blur {track.blur}, min_blur is {rules.min_blur}")
    return None
