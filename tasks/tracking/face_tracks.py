"""Face tracks: runs of frames in which one face stays where it began (VoxCeleb, FOMM style)."""

import json
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pydantic import JsonValue

from reenactory.tasks.crop_mode import CropMode
from reenactory.tasks.tracking.crop_box import Box


class TrackRules(Protocol):
    """The knobs of `track` that decide where a track ends."""

    @property
    def min_iou(self) -> float: ...
    @property
    def max_gap(self) -> int: ...
    @property
    def max_frames(self) -> int: ...
    @property
    def end_at_shots(self) -> bool: ...
    @property
    def faces(self) -> Literal["largest", "all", "reject"]: ...


@dataclass(frozen=True)
class Track:
    """A run of frames that show one face, and its quality."""

    start_frame: int
    frame_count: int
    union: Box
    iou_min: float | None  # overlap with the first box; None where the box was given
    face_px_min: int
    faces_max: int
    blur: float  # median sharpness of the face: lower is more blurred
    detected_share: float
    motion: float  # mean speed of the face's centre, in its widths per second
    crowded_share: float  # of frames that show more than one face
    face: int | None = None  # number of the face within its video, where all faces are followed
    ended: str = ""  # what stopped it, in words; empty where its span was given

    def facts(self, box: Box, crop_mode: CropMode = CropMode.SQUARE) -> dict[str, JsonValue]:
        """The track as a clip that is cut by `box`."""
        return {
            "start_frame": self.start_frame,
            "frame_count": self.frame_count,
            "box_ltrb": list(box),
            "crop_mode": crop_mode.value,
            "track_iou_min": self.iou_min,
            "face_px_min": self.face_px_min,
            "faces_max": self.faces_max,
            "blur": self.blur,
            "detected_share": self.detected_share,
            "motion": self.motion,
            "crowded_share": self.crowded_share,
            "face": self.face,
        }


@dataclass(frozen=True)
class Faces:
    """Detections grouped by frame: rows `first[f]` to `first[f] + count[f]` belong to frame f."""

    boxes: NDArray[np.int64]  # (N, 4), negatives clipped to 0
    sharpness: NDArray[np.float32]  # (N,)
    first: NDArray[np.int64]  # (F,)
    count: NDArray[np.int64]  # (F,)
    rate: float = 25.0  # frames per second
    shot_starts: frozenset[int] = field(default_factory=frozenset)
    extent: str = "video"  # what ends where the frames do

    @classmethod
    def of(cls, table: pa.Table, frames: int) -> "Faces":
        boxes = np.asarray(table["box_ltrb"].combine_chunks().flatten(), np.float32).reshape(-1, 4)
        frame = np.asarray(table["frame"], np.int64)
        count = np.bincount(frame, minlength=frames)
        first = np.concatenate([[0], np.cumsum(count)[:-1]]) if frames else np.zeros(0, np.int64)
        meta = table.schema.metadata
        shots = frozenset(json.loads(meta[b"shot_starts"]))
        rate = int(meta[b"fps_num"]) / int(meta[b"fps_den"])
        sharpness = np.asarray(table["sharpness"], np.float32)
        return cls(np.maximum(boxes, 0).astype(np.int64), sharpness, first, count, rate, shots)

    def rows(self, frame: int) -> slice:
        return slice(int(self.first[frame]), int(self.first[frame] + self.count[frame]))


def iou(anchor: NDArray[np.int64], boxes: NDArray[np.int64]) -> NDArray[np.float64]:
    """Overlap of one box with (N, 4) boxes; areas count inclusive pixels, as the published script does."""
    lower, upper = np.maximum(anchor[:2], boxes[:, :2]), np.minimum(anchor[2:], boxes[:, 2:])
    shared = np.prod(np.maximum(upper - lower + 1, 0), axis=1)
    areas = np.prod(boxes[:, 2:] - boxes[:, :2] + 1, axis=1)
    overlap: NDArray[np.float64] = shared / (np.prod(anchor[2:] - anchor[:2] + 1) + areas - shared)
    return overlap


def find_tracks(faces: Faces, rules: TrackRules) -> list[Track]:
    """Follow the largest face, or each: frames are compared with the track's first box, not with the frame before."""
    found: list[tuple[Track, dict[int, int]]] = []
    free = np.ones(len(faces.boxes), bool)  # rows that belong to no track yet
    frame = 0
    while frame < len(faces.count):
        anchor = _largest(faces, frame, free)
        if anchor is None:
            frame += 1
            continue
        chosen, overlaps = _follow(faces, frame, anchor, free, rules)
        ended = _what_ended(faces, chosen, free, rules)
        found.append((replace(track_of(faces, chosen, overlaps), ended=ended), chosen))
        if rules.faces == "all":
            free[list(chosen.values())] = False
        else:
            frame = max(chosen) + 1
    return _numbered(faces, found, rules) if rules.faces == "all" else [track for track, _ in found]


def _largest(faces: Faces, frame: int, free: NDArray[np.bool_]) -> int | None:
    rows = [row for row in range(*faces.rows(frame).indices(len(free))) if free[row]]
    areas = np.prod(faces.boxes[rows][:, 2:] - faces.boxes[rows][:, :2], axis=1)
    return rows[int(np.argmax(areas))] if rows else None


def _follow(
    faces: Faces, start: int, anchor: int, free: NDArray[np.bool_], rules: TrackRules
) -> tuple[dict[int, int], list[float]]:
    """The rows of one track by frame, and their overlaps with its first box."""
    chosen, overlaps = {start: anchor}, [1.0]
    frame, latest = start + 1, start
    while frame < len(faces.count) and frame - start < rules.max_frames and frame - latest <= rules.max_gap + 1:
        if rules.end_at_shots and frame in faces.shot_starts:
            break
        best, overlap = _nearest(faces, frame, anchor, free)
        if overlap >= rules.min_iou:
            chosen[frame] = best
            latest = frame
            overlaps.append(overlap)
        frame += 1
    return chosen, overlaps


def _nearest(faces: Faces, frame: int, anchor: int, free: NDArray[np.bool_]) -> tuple[int, float]:
    """The row of the face that overlaps the anchor most, and how much: -1 where none is left."""
    rows = faces.rows(frame)
    if rows.stop == rows.start:
        return -1, -1.0
    overlap = np.where(free[rows], iou(faces.boxes[anchor], faces.boxes[rows]), -1.0)
    best = int(np.argmax(overlap))
    return rows.start + best, float(overlap[best])


def _what_ended(faces: Faces, chosen: dict[int, int], free: NDArray[np.bool_], rules: TrackRules) -> str:
    """What was wrong with the first frame that did not join. Where gaps are allowed, it is what the gap began with."""
    start, frame = min(chosen), max(chosen) + 1
    if frame >= len(faces.count):
        return f"the end of the {faces.extent}"
    where = f"at {frame / faces.rate:.2f} s (frame {frame})"
    if frame - start >= rules.max_frames:
        return f"max_frames {rules.max_frames} {where}"
    if rules.end_at_shots and frame in faces.shot_starts:
        return f"a cut to another shot {where}"
    _, overlap = _nearest(faces, frame, chosen[start], free)
    if overlap < 0:
        return f"a frame without the face {where}"
    return f"a face that overlaps the track's first box by {overlap:.2f} only {where}, min_iou is {rules.min_iou}"


def _numbered(faces: Faces, found: list[tuple[Track, dict[int, int]]], rules: TrackRules) -> list[Track]:
    """A face keeps its number where its next track begins right after, in the same place and shot; else it is new."""
    numbered: list[Track] = []
    ends: dict[int, dict[int, int]] = {}  # by frame: last row of each track that ends there, and its face
    number = 0
    for track, chosen in sorted(found, key=lambda pair: pair[0].start_frame):
        before = ends.get(track.start_frame - 1, {})
        cut = rules.end_at_shots and track.start_frame in faces.shot_starts
        first = faces.boxes[chosen[track.start_frame]]
        overlap = dict(zip(before, iou(first, faces.boxes[list(before)]), strict=True)) if before and not cut else {}
        best = max(overlap, key=lambda row: overlap[row], default=-1)
        if best >= 0 and overlap[best] >= max(rules.min_iou, 0.25):
            face = before.pop(best)
        else:
            face, number = number, number + 1
        numbered.append(replace(track, face=face))
        last = max(chosen)
        ends.setdefault(last, {})[chosen[last]] = face
    return numbered


def track_of(faces: Faces, chosen: dict[int, int], overlaps: list[float]) -> Track:
    """Quality of a track from its rows by frame."""
    start, stop = min(chosen), max(chosen) + 1
    rows = list(chosen.values())
    boxes = faces.boxes[rows]
    left, top = boxes[:, :2].min(axis=0).tolist()
    right, bottom = boxes[:, 2:].max(axis=0).tolist()
    return Track(
        start,
        stop - start,
        (left, top, right, bottom),
        round(min(overlaps), 4),
        int(np.max(boxes[:, 2:] - boxes[:, :2], axis=1).min()),
        int(faces.count[start:stop].max()),
        round(float(np.median(faces.sharpness[rows])), 2),
        round(len(rows) / (stop - start), 4),
        motion(boxes, np.array(list(chosen)), faces.rate),
        round(float((faces.count[start:stop] > 1).mean()), 4),
    )


def motion(boxes: NDArray[np.int64], frames: NDArray[np.int64], rate: float) -> float:
    """Mean speed of the boxes' centre, in their mean width per second; 0 for a single frame."""
    if len(boxes) < 2:
        return 0.0
    way = np.linalg.norm(np.diff((boxes[:, :2] + boxes[:, 2:]) / 2, axis=0), axis=1).sum()
    width = max(1.0, float((boxes[:, 2] - boxes[:, 0]).mean()))
    return round(float(way / width * rate / (frames[-1] - frames[0])), 4)
