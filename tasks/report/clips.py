"""The clips of a run as a person checks them: the crop, the matte, the landmarks, the fitted face."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from reenactory.infra.records import Record
from reenactory.tasks.face3d import column
from reenactory.tasks.rendering import ClipRow
from reenactory.tasks.report.fitted import FittedFaces
from reenactory.tasks.report.format import counted, number
from reenactory.tasks.report.run import Artefacts, RunData, clip_rate
from reenactory.tasks.report.tiles import Frames, Strip, over_checkerboard, sampled, strip, with_landmarks

MOST_CLIPS = 12
TILE_PX = 144


class Sample(NamedTuple):
    """What is known of one sampled frame."""

    frame: int
    detected: bool
    pose: list[str]  # yaw, pitch, roll in degrees; empty where no face was found


class ClipSheet(NamedTuple):
    """One clip."""

    clip_id: str
    facts: list[tuple[str, str]]
    samples: list[Sample]
    rows: list[tuple[str, Strip | None]]


class ClipSheets(NamedTuple):
    """The clips that are shown, and how many there are."""

    sheets: list[ClipSheet]
    total: int


def clip_sheets(data: RunData, artefacts: Artefacts) -> ClipSheets:
    """Clips that the run's pairs use, then others of the dataset, up to MOST_CLIPS."""
    used = {clip for pair in data.pairs for clip in (pair.source_clip, pair.driving_clip)}
    ordered = sorted(data.clip, key=lambda clip_id: (clip_id not in used, clip_id))
    faces = FittedFaces()
    return ClipSheets([_sheet(data.clip[name], artefacts, faces) for name in ordered[:MOST_CLIPS]], len(ordered))


def _sheet(clip: ClipRow, artefacts: Artefacts, faces: FittedFaces) -> ClipSheet:
    indices = sampled(int(str(clip["frame_count"])))
    frames = artefacts.frames("crop", clip["crop_key"], "clip.mp4", indices)
    alphas = artefacts.frames("matte", clip["matte_key"], "alpha.mkv", indices)
    face = artefacts.table("face3d", clip["face3d_key"], "coefficients.parquet")
    rows = [
        ("crop", strip(frames, TILE_PX)),
        ("matte", strip(over_checkerboard(frames, alphas), TILE_PX)),
        ("landmarks", strip(_landmarked(frames, face, indices), TILE_PX)),
    ]
    fitted = strip(faces.draw(frames, face, indices), TILE_PX)
    rows += [("fitted face", fitted)] if fitted else []
    matte = artefacts.record("matte", clip["matte_key"])
    return ClipSheet(str(clip["clip_id"]), _facts(clip, matte, face), _samples(face, indices), rows)


def _landmarked(frames: Frames | None, face: pa.Table | None, indices: Sequence[int]) -> Frames | None:
    if face is None:
        return None
    return with_landmarks(frames, column(face, "landmarks").reshape(-1, 68, 2)[list(indices)], TILE_PX)


def _samples(face: pa.Table | None, indices: Sequence[int]) -> list[Sample]:
    if face is None:
        return [Sample(index, False, []) for index in indices]
    detected, angles = face["detected"].to_pylist(), np.degrees(column(face, "angles"))
    return [Sample(index, bool(detected[index]), _pose(angles[index].tolist())) for index in indices]


def _pose(angles: Sequence[float]) -> list[str]:
    """Yaw, pitch, roll from pitch, yaw, roll in degrees."""
    if not np.isfinite(angles).all():
        return []
    pitch, yaw, roll = (f"{round(angle):+d}°".replace("+0°", "0°").replace("-", "−") for angle in angles)
    return [yaw, pitch, roll]


def _facts(clip: ClipRow, matte: Record | None, face: pa.Table | None) -> list[tuple[str, str]]:
    rate = float(clip_rate(clip))
    frames = int(str(clip["frame_count"]))
    facts = [
        ("identity", str(clip["identity"])),
        ("length", f"{counted(frames, 'frame')}, {frames / rate:.1f} s"),
        ("rate", f"{rate:.4g} per second"),
        ("video", f"{clip['video_id']}, from frame {clip['start_frame']:,}"),
        ("picture", f"{clip['width']} × {clip['height']} px"),
        ("crop", f"{_box_side(clip)} → {clip['crop_px']} px"),
        ("smallest face", f"{clip['face_px_min']} px"),
        ("most faces", str(clip["faces_max"])),
        ("lowest IoU", number(_float(clip["track_iou_min"]), 2)),
        ("sharpness", number(_float(clip["blur"]), 0)),
    ]
    if face is not None:
        found = sum(bool(seen) for seen in face["detected"].to_pylist())
        facts.append(("face found", f"{found:,} of {face.num_rows:,} frames"))
    for name, label, decimals in (("alpha_mean", "matte covers", 2), ("alpha_change", "matte flicker", 4)):
        if matte is not None and name in matte.facts:
            facts.append((label, number(_float(matte.facts[name]), decimals)))
    return facts


def _box_side(clip: ClipRow) -> str:
    box = clip["box_ltrb"]
    if not isinstance(box, Sequence):
        return "–"
    left, top, right, bottom = box
    return f"{right - left:.0f} × {bottom - top:.0f}"


def _float(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None
