"""Clips of VoxCeleb's utterances: in each frame, the detection that overlaps the annotation most is the face."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import cast

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from reenactory.tasks.outcomes import Reason
from reenactory.tasks.tracking.crop_box import Picture
from reenactory.tasks.tracking.face_tracks import Faces, Track, find_tracks, iou
from reenactory.tasks.tracking.published import first_frame
from reenactory.tasks.tracking.quality import Dropped, TrackFilters, judge

Row = Mapping[str, JsonValue]

ANNOTATION_HEIGHT = 360


def annotated_clips(
    rows: Sequence[Row], picture: Picture, faces: Faces, rules: TrackFilters
) -> list[dict[str, JsonValue] | Dropped]:
    """The clips of each utterance of one video, numbered from 0, or the reason why it gives none."""
    judged: list[dict[str, JsonValue] | Dropped] = []
    for row in rows:
        verdicts = [judge(track, picture, rules) for track in _tracks(row, picture, faces, rules)]
        clips = [verdict for verdict in verdicts if not isinstance(verdict, Dropped)]
        who = {name: row[name] for name in ("identity", "split", "utterance")}
        judged += [{**clip, **who, "number": number} for number, clip in enumerate(clips)]
        if not clips:
            judged.append(_why_nothing(row, faces, [each for each in verdicts if isinstance(each, Dropped)]))
    return judged


def _span(row: Row, faces: Faces) -> tuple[int, int]:
    """From the time of the first FRAME to that of the last, which is not part of it, or to the end of the video."""
    start, stop = (first_frame(row, edge, faces.rate) for edge in ("start", "end"))
    return max(0, start), min(stop, len(faces.count))


def _tracks(row: Row, picture: Picture, faces: Faces, rules: TrackFilters) -> list[Track]:
    """Tracks of the annotated face alone; how many others there are is still counted."""
    chosen = _chosen(row, picture, faces)
    stop = _span(row, faces)[1]
    first, count = faces.first[:stop].copy(), np.zeros_like(faces.count[:stop])
    for frame, face in chosen.items():
        first[frame], count[frame] = face, 1
    extent = "annotation" if stop < len(faces.count) else faces.extent
    tracks = find_tracks(replace(faces, first=first, count=count, extent=extent), rules)
    return [_among_all(track, faces) for track in tracks]


def _among_all(track: Track, faces: Faces) -> Track:
    seen = faces.count[track.start_frame : track.start_frame + track.frame_count]
    crowded = round(float((seen > 1).mean()), 4)
    return replace(track, faces_max=int(seen.max()), crowded_share=crowded, face=None)


def _chosen(row: Row, picture: Picture, faces: Faces) -> dict[int, int]:
    """By frame, the row of the detection with the largest overlap with the annotation of that moment, if any."""
    boxes = _boxes(row, picture)
    chosen: dict[int, int] = {}
    for frame in range(*_span(row, faces)):
        annotation = boxes.get(int(frame * float(cast(float, row["fps"])) / faces.rate + 1e-9))
        rows = faces.rows(frame)
        if annotation is not None and rows.stop > rows.start:
            overlap = iou(annotation, faces.boxes[rows])
            if overlap.max() > 0:
                chosen[frame] = rows.start + int(np.argmax(overlap))
    return chosen


def _boxes(row: Row, picture: Picture) -> dict[int, NDArray[np.int64]]:
    """Annotations by FRAME, in source pixels."""
    per_pixel = picture.height / ANNOTATION_HEIGHT
    scale = np.array([picture.width, picture.height] * 2) if row["relative"] else np.full(4, per_pixel)
    boxes = (np.array(row["boxes"], np.float64) * scale).astype(np.int64)
    return dict(zip(cast(list[int], row["frames"]), boxes, strict=True))


def _why_nothing(row: Row, faces: Faces, dropped: Sequence[Dropped]) -> Dropped:
    start, stop = _span(row, faces)
    who = {name: cast(str | None, row[name]) for name in ("identity", "split", "utterance")}
    if dropped:
        longest = max(dropped, key=lambda each: each.track.frame_count)
        detail = f"{longest.detail} (longest of {len(dropped)} tracks)"
        return replace(longest, detail=detail, identity=who["identity"], split=who["split"], utterance=who["utterance"])
    nothing = Track(start, max(0, stop - start), (0, 0, 0, 0), None, 0, 0, 0.0, 0.0, 0.0, 0.0)
    if start >= stop:
        detail = f"the annotation begins at frame {start}, video has {len(faces.count)}"
        return Dropped(nothing, Reason.SPAN_OUTSIDE_VIDEO, detail, **who)
    return Dropped(nothing, Reason.NO_FACE, f"no face meets the annotation in frames {start} to {stop}", **who)
