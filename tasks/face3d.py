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
from reenactory.models.extractors.protocol import Extractor, Fit
from reenactory.tasks.extractors import DEFAULT, LANDMARKER, ExtractorName, extractor_class, extractor_id
from reenactory.tasks.outcomes import Made, Outcome, Reason, Rejected
from reenactory.tasks.stage import Runtime, StageParams

if TYPE_CHECKING:
    from reenactory.models.face_mesh.landmarker import FaceLandmarker

VERSION = 2

SCHEMA = pa.schema(
    [
        ("frame", pa.int32()),
        ("detected", pa.bool_()),
        ("id", pa.list_(pa.float32(), 80)),  # null where the extractor has no identity model; tex and gamma likewise
        ("exp", pa.list_(pa.float32(), 64)),
        ("tex", pa.list_(pa.float32(), 80)),
        ("angles", pa.list_(pa.float32(), 3)),  # pitch, yaw, roll in radians
        ("gamma", pa.list_(pa.float32(), 27)),
        ("trans", pa.list_(pa.float32(), 3)),  # model units, camera at distance 10, focal length 1015 at 224 px
        ("crop", pa.list_(pa.float32(), 3)),  # s, tx, ty of the 224 alignment
        ("landmarks", pa.list_(pa.float32(), 136)),  # x, y of 68 points, pixels of the crop
        ("extractor", pa.string()),
    ]
)


class Params(StageParams):
    """How faces are fitted."""

    extractor: ExtractorName = Field(
        default=DEFAULT,
        description="mediapipe: expression scores and pose of the landmarker; open: the open face model fitted to "
        "landmarks and pixels; deep3d: Deep3DFaceRecon's 257 coefficients, with your own checkpoint (--weights "
        "deep3d_epoch20=PATH). Their numbers are never mixed.",
    )
    smoothing: float = Field(
        default=0.0,
        ge=0,
        allow_inf_nan=False,
        description="Weight of the second differences of expression, angles and translation over time: 1 leaves a "
        "third of the jitter. Blinks keep their height, but speech loses up to 7 % of its range: see docs/face3d.md.",
    )
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
    extractor: Extractor
    extractor_id: str


def weights(params: Params) -> Sequence[str]:
    return (LANDMARKER, *extractor_class(params.extractor).weights)


def load(params: Params, runtime: Runtime) -> Models:
    from reenactory.models.face_mesh.landmarker import FaceLandmarker

    chosen = extractor_class(params.extractor)
    paths = {name: catalogue.locate(name) for name in chosen.weights}
    landmarker = FaceLandmarker(catalogue.locate(LANDMARKER), params.min_confidence)
    identifier = extractor_id(params.extractor, params.smoothing)
    return Models(landmarker, chosen(runtime.device, runtime.threads, paths), identifier)


def run(item: Item, params: Params, models: Models) -> Sequence[Outcome]:
    found = models.landmarker.detect(item.frames)
    fit = models.extractor.fit(item.frames, found)
    if params.smoothing:
        from reenactory.models.extractors.smoothing import smoothed

        fit = smoothed(fit, params.smoothing)
    table = to_table(fit, models.extractor_id)
    frames, detected = len(item.frames), int(np.asarray(table["detected"]).sum())
    if params.require_face and not detected:
        return (Rejected(Reason.NO_FACE, f"no face in any of the {frames} frames of the clip"),)
    pq.write_table(table, item.scratch / "coefficients.parquet", compression="zstd")
    np.save(item.scratch / "mesh.npy", found.points, allow_pickle=False)
    files = {name: item.scratch / name for name in ("coefficients.parquet", "mesh.npy")}
    return (Made(files, frames, {"detected": detected, "extractor": models.extractor_id}),)


def to_table(fit: Fit, extractor: str) -> pa.Table:
    """Rows of one clip. A frame counts as detected where all that its extractor models is a number."""
    columns = {name: values for name, values in fit._asdict().items() if values is not None}
    seen = np.logical_and.reduce([np.isfinite(values).all(axis=1) for values in columns.values()])
    arrays: dict[str, pa.Array] = {name: _rows(values, seen) for name, values in columns.items()}
    arrays["frame"] = pa.array(np.arange(len(seen), dtype=np.int32))
    arrays["detected"] = pa.array(seen)
    arrays["extractor"] = pa.array([extractor] * len(seen))
    nothing = {name: pa.nulls(len(seen), SCHEMA.field(name).type) for name in SCHEMA.names if name not in arrays}
    return pa.table({name: {**arrays, **nothing}[name] for name in SCHEMA.names}, schema=SCHEMA)


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
