"""Clips of the published metadata: its spans and boxes, rescaled to the rate and size of the video at hand."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal, cast

import numpy as np
from pydantic import JsonValue

from reenactory.tasks.crop_mode import CropMode
from reenactory.tasks.outcomes import Reason
from reenactory.tasks.tracking.crop_box import Box
from reenactory.tasks.tracking.face_tracks import Faces, Track, iou, track_of
from reenactory.tasks.tracking.quality import Dropped, QualityRules, poor_quality

Row = Mapping[str, JsonValue]


def published_clips(
    rows: Sequence[Row], meta: Mapping[str, str], faces: Faces, rules: QualityRules
) -> list[dict[str, JsonValue] | Dropped]:
    """A clip, or a reason, for each row of one video. Two rows of one span and box are one clip."""
    judged: list[dict[str, JsonValue] | Dropped] = []
    seen: set[tuple[int, int, Box]] = set()
    for row in rows:
        track = _track(row, meta, faces)
        found = _fault(track, meta, len(faces.count)) or poor_quality(track, rules)
        place = track.start_frame, track.frame_count, track.union
        if found is None and place in seen:
            found = Dropped(track, Reason.DUPLICATE_ROW, f"another row has this span and the box {track.union}")
        seen.add(place)
        identity, split = (cast(str | None, row[name]) for name in ("identity", "split"))
        clip: dict[str, JsonValue] = {
            **track.facts(track.union, CropMode.PUBLISHED_METADATA),
            "identity": identity,
            "split": split,
        }
        judged.append(clip if found is None else replace(found, identity=identity, split=split))
    return judged


def first_frame(row: Row, edge: Literal["start", "end"], rate: float) -> int:
    """The first frame at `rate` that is not before a metadata row's start or end, which are counted at its own fps."""
    return int(np.ceil(int(cast(int, row[edge])) * rate / float(cast(float, row["fps"])) - 1e-9))


def _track(row: Row, meta: Mapping[str, str], faces: Faces) -> Track:
    """Frame i at rate f belongs to a row when start * f <= i * fps < end * f. Quality: the face in the box."""
    start, stop = (first_frame(row, edge, faces.rate) for edge in ("start", "end"))
    scale = [int(meta[side]) / float(cast(float, row[side])) for side in ("width", "height")]
    box = np.array([int(value * scale[axis % 2]) for axis, value in enumerate(cast(list[float], row["box_ltrb"]))])
    chosen = _faces_in(box, start, stop, faces)
    left, top, right, bottom = box.tolist()
    own = Track(start, stop - start, (left, top, right, bottom), None, 0, 0, 0.0, 0.0, 0.0, 0.0)
    if not chosen:
        return own
    seen = track_of(faces, chosen, [1.0])
    share = round(len(chosen) / (stop - start), 4)
    return replace(
        seen, start_frame=start, frame_count=stop - start, union=own.union, iou_min=None, detected_share=share
    )


def _faces_in(box: np.ndarray[tuple[int], np.dtype[np.int64]], start: int, stop: int, faces: Faces) -> dict[int, int]:
    """By frame, the row of the face that overlaps the box most."""
    chosen: dict[int, int] = {}
    for frame in range(max(0, start), min(stop, len(faces.count))):
        rows = faces.rows(frame)
        overlap = iou(box, faces.boxes[rows])
        if len(overlap) and overlap.max() > 0:
            chosen[frame] = rows.start + int(np.argmax(overlap))
    return chosen


def _fault(track: Track, meta: Mapping[str, str], frames: int) -> Dropped | None:
    stop = track.start_frame + track.frame_count
    if track.start_frame < 0 or stop > frames or track.frame_count < 1:
        detail = f"metadata names frames {track.start_frame} to {stop}, video has {frames}"
        return Dropped(track, Reason.SPAN_OUTSIDE_VIDEO, detail)
    left, top, right, bottom = track.union
    width, height = int(meta["width"]), int(meta["height"])
    if not (0 <= left < right <= width and 0 <= top < bottom <= height):
        detail = f"metadata box {track.union} does not lie in the {width}x{height} picture"
        return Dropped(track, Reason.BOX_LEAVES_FRAME, detail)
    return None
