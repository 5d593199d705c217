"""face3d: per frame, the face's coefficients, pose, crop alignment and landmarks; null where no face was found."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from pydantic import Field

from reenactory.models import weights as catalogue
from reenactory.tasks.outcomes import Made, Outcome, Reason, Rejected
from reenactory.tasks.stage import Runtime, StageParams

if TYPE_CHECKING:
    from reenactory.models.face_mesh.landmarker import FaceLandmarker, Landmarks

VERSION = 1
EXTRACTOR = "mediapipe-face-landmarker"

SCHEMA = pa.schema(
    [
        ("frame", pa.int32()),
        ("detected", pa.bool_()),
        ("id", pa.list_(pa.float32(), 80)),  # null: this extractor has no identity model
        ("exp", pa.list_(pa.float32(), 64)),  # 0:52 the landmarker's expression scores in its own order, then zeros
        ("tex", pa.list_(pa.float32(), 80)),  # null: no texture model
        ("angles", pa.list_(pa.float32(), 3)),  # pitch, yaw, roll in radians
        ("gamma", pa.list_(pa.float32(), 27)),  # null: no light model
        ("trans", pa.list_(pa.float32(), 3)),  # model units, camera at distance 10, focal length 1015 at 224 px
        ("crop", pa.list_(pa.float32(), 3)),  # s, tx, ty of the 224 alignment
        ("landmarks", pa.list_(pa.float32(), 136)),  # x, y of 68 points, pixels of the crop
        ("extractor", pa.string()),
    ]
)


class Params(StageParams):
    """How faces are fitted."""

    min_confidence: float = Field(
        default=0.5,
        gt=0,
        lt=1,
        description="Lower finds more turned and blurred faces, and more that are none.",
    )
    require_face: bool = Field(
        default=True,
        description="Reject a clip in which no frame has a face. Off for renders: there, a lost face is a result.",
    )


@dataclass(frozen=True)
class Item:
    """Frames (T, H, W, 3) uint8 RGB of one clip or render."""

    scratch: Path
    frames: NDArray[np.uint8]


@dataclass(frozen=True)
class Models:
    landmarker: "FaceLandmarker"
    extractor: str


def weights(params: Params) -> Sequence[str]:
    return ("face_landmarker",)


def load(params: Params, runtime: Runtime) -> Models:
    from reenactory.models.face_mesh.landmarker import FaceLandmarker

    path = catalogue.locate("face_landmarker")
    extractor = f"{EXTRACTOR}+{catalogue.sha256_of('face_landmarker')[:12]}"
    return Models(FaceLandmarker(path, params.min_confidence), extractor)


def run(item: Item, params: Params, models: Models) -> Sequence[Outcome]:
    found = models.landmarker.detect(item.frames)
    frames = len(item.frames)
    if params.require_face and not found.detected.any():
        return (Rejected(Reason.NO_FACE, f"no face in any of the {frames} frames of the clip"),)
    table = _table(found, item.frames.shape[1:3], models.extractor)
    pq.write_table(table, item.scratch / "coefficients.parquet", compression="zstd")
    np.save(item.scratch / "mesh.npy", found.points, allow_pickle=False)
    files = {name: item.scratch / name for name in ("coefficients.parquet", "mesh.npy")}
    detected = int(found.detected.sum())
    return (Made(files, frames, {"detected": detected, "extractor": models.extractor}),)


def _table(found: "Landmarks", size: tuple[int, int], extractor: str) -> pa.Table:
    from reenactory.models.face_mesh.pose import align, angles_from_rotation, translation
    from reenactory.models.face_mesh.topology import LANDMARKS_68

    seen = found.detected
    landmarks = found.points[:, LANDMARKS_68, :2]
    alignment = align(landmarks, size[0])
    crop = np.concatenate([alignment.scale[:, None], alignment.centre], axis=1)
    exp = np.pad(found.scores, ((0, 0), (0, 64 - found.scores.shape[1])))
    columns: dict[str, pa.Array] = {
        "frame": pa.array(np.arange(len(seen), dtype=np.int32)),
        "detected": pa.array(seen),
        "exp": _rows(exp, seen),
        "angles": _rows(angles_from_rotation(found.rotation), seen),
        "trans": _rows(translation(landmarks, found.rotation, alignment, size), seen),
        "crop": _rows(crop, seen),
        "landmarks": _rows(landmarks.reshape(len(seen), 136), seen),
        "extractor": pa.array([extractor] * len(seen)),
    }
    nothing = {name: pa.nulls(len(seen), SCHEMA.field(name).type) for name in SCHEMA.names if name not in columns}
    return pa.table({name: {**columns, **nothing}[name] for name in SCHEMA.names}, schema=SCHEMA)


def _rows(values: NDArray[np.floating], seen: NDArray[np.bool_]) -> pa.Array:
    """(T, C) as fixed-size lists of float32; null, not NaN, where no face was found."""
    width = values.shape[1]
    flat = pa.array(np.ascontiguousarray(values, np.float32).reshape(-1))
    return pa.FixedSizeListArray.from_arrays(flat, width, mask=pa.array(~seen))


def column(table: pa.Table, name: str) -> NDArray[np.float32]:
    """A list column of a face3d table as (T, C) float32, NaN in the rows that are null."""
    array = table[name].combine_chunks()
    values = np.full((len(array), array.type.list_size), np.nan, np.float32)
    present = np.asarray(array.is_valid())
    values[present] = np.asarray(array.drop_null().flatten(), np.float32).reshape(-1, array.type.list_size)
    return values


def windows(table: pa.Table, radius: int = 13) -> NDArray[np.float32]:
    """Motion descriptors of a clip in windows of 2 radius + 1 frames, formed at read time.

    Args:
        table: the face3d rows of one clip, in frame order.
        radius: 13 gives the 27 frames of PIRenderer and 3DFlowRenderer; 0 a single frame.

    Returns:
        (T, 73, 2 radius + 1) float32: expression 64, angles 3, translation 3, crop 3 (raw values); frame indices are
        clamped at the clip's ends. NaN in the columns of frames where no face was found.
    """
    descriptor = np.concatenate([column(table, name) for name in ("exp", "angles", "trans", "crop")], axis=1)
    offsets = np.arange(-radius, radius + 1)
    indices = np.clip(np.arange(len(descriptor))[:, None] + offsets, 0, len(descriptor) - 1)  # (T, 2r+1)
    gathered: NDArray[np.float32] = descriptor[indices]  # (T, 2r+1, 73)
    return gathered.transpose(0, 2, 1)
