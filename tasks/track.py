"""track: detections of a video -> the clips to cut: one face track each, with one fixed box (VoxCeleb, FOMM style)."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

import pyarrow as pa
from pydantic import Field, JsonValue

from reenactory.tasks.outcomes import Made, Outcome, Reason, Rejected
from reenactory.tasks.stage import Runtime, StageParams
from reenactory.tasks.tracking.annotated import annotated_clips
from reenactory.tasks.tracking.crop_box import Picture
from reenactory.tasks.tracking.face_tracks import Faces, find_tracks
from reenactory.tasks.tracking.published import published_clips
from reenactory.tasks.tracking.quality import Dropped, judge

VERSION = 3
SCHEMA = None


class Params(StageParams):
    """The filters of the published VoxCeleb preprocessing; the defaults are its numbers."""

    min_iou: float = Field(
        default=0.25,
        ge=0,
        le=1,
        description="A frame joins the track while its box overlaps the track's first box (the anchor) this much.",
    )
    max_gap: int = Field(
        default=0,
        ge=0,
        description="Frames in a row that may lack a matching face without ending the track. 0 = as published.",
    )
    end_at_shots: bool = Field(
        default=True,
        description="A cut to another shot ends the track, also where a face happens to be in the same place. The "
        "published script has no such rule: false to do without.",
    )
    min_frames: int = Field(default=64, ge=1, description="Shorter tracks are dropped (TOO_SHORT).")
    max_frames: int = Field(default=1024, ge=1, description="Longer tracks are cut into clips of this length.")
    min_side_px: int = Field(
        default=256,
        ge=1,
        description="The longer side of the track's box, before it grows, in source pixels (TOO_SMALL). Lower it for "
        "low-resolution video: crops are then enlarged.",
    )
    margin: float = Field(default=0.1, ge=0, description="Growth of the longer side on each side, as a share of it.")
    out_of_frame: Literal["reject", "fit"] = Field(
        default="reject",
        description="What to do when the grown box leaves the picture: 'reject' as published (BOX_LEAVES_FRAME), or "
        "'fit': shift the square inside, and shrink it to the picture's shorter side where it must. No pixel is "
        "invented.",
    )
    faces: Literal["largest", "all", "reject"] = Field(
        default="largest",
        description="Videos with several faces: 'largest' follows the largest one, as a script without annotations "
        "would; 'all' gives each face its clips, with an identity of its own; 'reject' drops tracks in which a second "
        "face is seen for more than max_crowded_share (MORE_THAN_ONE_FACE).",
    )
    max_crowded_share: float = Field(
        default=0.1,
        ge=0,
        le=1,
        description="With faces = 'reject': share of a track's frames that may show a second face. 0 where a single "
        "wrong detection may cost a clip.",
    )
    min_blur: float = Field(
        default=0.0,
        ge=0,
        description="Tracks whose column blur (sharpness of the face) is below are dropped (TOO_BLURRED). 0 = off.",
    )
    min_detected_share: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="Tracks with a face in a smaller share of frames are dropped (FACE_TOO_RARE). Of use with a "
        "max_gap, or with metadata. 0 = off.",
    )


@dataclass(frozen=True)
class Item:
    """Detections of one video; `given` are its clips in a metadata file, or its utterances."""

    scratch: Path
    detections: pa.Table
    given: tuple[dict[str, JsonValue], ...] = ()


def weights(params: Params) -> Sequence[str]:
    return ()


def load(params: Params, runtime: Runtime) -> None:
    return None


def run(item: Item, params: Params, models: None) -> Sequence[Outcome]:
    meta = {key.decode(): value.decode() for key, value in item.detections.schema.metadata.items()}
    picture = Picture(int(meta["width"]), int(meta["height"]))
    frames = int(meta["frames"])
    faces = Faces.of(item.detections, frames)
    if item.given:
        annotated = "utterance" in item.given[0]
        judged = (
            annotated_clips(item.given, picture, faces, params)
            if annotated
            else published_clips(item.given, meta, faces, params)
        )
    elif not faces.count.any():
        return (Rejected(Reason.NO_FACE, f"no face in any of {frames} frames"),)
    else:
        judged = [judge(track, picture, params) for track in find_tracks(faces, params)]
    clips = [clip for clip in judged if isinstance(clip, dict)]
    dropped = [verdict for verdict in judged if isinstance(verdict, Dropped)]
    if not clips and not item.given:
        return (_why_nothing(dropped),)
    path = item.scratch / "tracks.json"
    listed = [each.facts() for each in dropped]
    path.write_text(json.dumps({"clips": clips, "dropped": listed}, indent=1, sort_keys=True))
    facts: dict[str, JsonValue] = {
        "clips": cast(JsonValue, clips),
        "dropped": len(dropped),
        "frames_dropped": sum(each.track.frame_count for each in dropped),
        # A clip that somebody asked for is missed by name; a track of one frame is not.
        "missed": cast(JsonValue, listed if item.given else []),
    }
    return (Made({"tracks.json": path}, frames, facts),)


def _why_nothing(dropped: Sequence[Dropped]) -> Rejected:
    """The verdict on the longest track: what a person would have to change to get a clip from this video."""
    longest = max(dropped, key=lambda each: each.track.frame_count)
    where = f"(longest of {len(dropped)} tracks, from frame {longest.track.start_frame})"
    return Rejected(longest.reason, f"{longest.detail} {where}")


def clips_of(facts: dict[str, JsonValue]) -> Iterator[dict[str, JsonValue]]:
    """The clips in a track record's facts, in order."""
    yield from cast(list[dict[str, JsonValue]], facts["clips"])


def missed_of(facts: dict[str, JsonValue]) -> Iterator[dict[str, JsonValue]]:
    """The asked-for clips that could not be cut, with their reasons."""
    yield from cast(list[dict[str, JsonValue]], facts["missed"])
