"""score: every metric of every frame of one rendered pair, with its definition beside each number."""

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
from reenactory.models.metrics.registry import lookup
from reenactory.tasks.errors import WrongUseError
from reenactory.tasks.face3d import column
from reenactory.tasks.measures import Column, face_columns, image_columns, span_columns
from reenactory.tasks.outcomes import Made, Outcome
from reenactory.tasks.stage import Runtime, StageParams

if TYPE_CHECKING:
    from reenactory.models.metrics.lpips import Lpips

VERSION = 2

SCHEMA = pa.schema(
    [
        ("frame", pa.int32()),  # of the driving clip; -1 = the whole span
        ("metric", pa.string()),
        ("definition", pa.string()),
        ("value", pa.float64()),  # null: this frame was dropped (nothing rendered, or no face found)
    ]
)

CONDITIONS = pa.schema(
    [
        ("frame", pa.int32()),  # of the driving clip; -1 = mean over the span
        ("pose_gap", pa.float64()),  # degrees from the source's head pose to the driver's; null = no face
        ("yaw", pa.float64()),  # degrees, how far the driver's head is turned to either side
        ("motion", pa.float64()),  # the driver's landmarks from frame to frame, % of the eye distance
    ]
)

NETWORKS = {"lpips": "lpips_alex", "lpips_vgg": "lpips_vgg16"}  # metric and its weights


class Params(StageParams):
    """Which metrics; a metric's definition string says the rest."""

    lpips_vgg: bool = Field(
        default=False,
        description="LPIPS with VGG-16 as well: 0.6 s per frame on a core, over four times all other metrics together.",
    )


@dataclass(frozen=True)
class Item:
    """A render, the frames that drove it, and what the networks saw in both. T frames each, one of the source."""

    scratch: Path
    protocol: str
    driving_start: int
    rendered: NDArray[np.uint8]
    driving: NDArray[np.uint8]
    valid: NDArray[np.bool_]
    rendered_face: pa.Table
    driving_face: pa.Table
    source_face: pa.Table
    rendered_embedding: NDArray[np.float32]
    driving_embedding: NDArray[np.float32]
    source_embedding: NDArray[np.float32]  # (1, D)
    rendered_inception: NDArray[np.float32]
    driving_inception: NDArray[np.float32]
    source_frame: NDArray[np.uint8]  # (1, H, W, 3)
    source_alpha: NDArray[np.uint8]  # (1, H, W)
    driving_alpha: NDArray[np.uint8]  # (T, H, W)


@dataclass(frozen=True)
class Models:
    networks: "tuple[tuple[str, Lpips], ...]"


def weights(params: Params) -> Sequence[str]:
    return [NETWORKS[metric] for metric in _networks(params)]


def load(params: Params, runtime: Runtime) -> Models:
    import torch

    from reenactory.models.metrics.lpips import Lpips

    torch.set_num_threads(runtime.threads)
    device = torch.device(runtime.device)
    return Models(tuple((metric, Lpips(catalogue.locate(NETWORKS[metric]), device)) for metric in _networks(params)))


def run(item: Item, params: Params, models: Models) -> Sequence[Outcome]:
    _check_extractors(item)
    columns = [
        *(image_columns(item, models.networks) if item.protocol == "self" else ()),
        *face_columns(item),
        *span_columns(item),
    ]
    files = {name: item.scratch / name for name in ("scores.parquet", "conditions.parquet")}
    scores = pa.concat_tables(_table(each, item) for each in columns)
    pq.write_table(scores, files["scores.parquet"], compression="zstd")
    pq.write_table(_conditions(item), files["conditions.parquet"], compression="zstd")
    lost = int(item.valid.sum()) - int(np.asarray(item.rendered_face["detected"])[item.valid].sum())
    facts = {"valid": int(item.valid.sum()), "faces_lost": lost}
    return (Made(files, len(item.rendered), facts),)


def _networks(params: Params) -> list[str]:
    return ["lpips", "lpips_vgg"] if params.lpips_vgg else ["lpips"]


def _check_extractors(item: Item) -> None:
    names = set(item.rendered_face["extractor"].to_pylist()) | set(item.driving_face["extractor"].to_pylist())
    if len(names) != 1:
        raise WrongUseError(f"coefficients of different extractors cannot be compared: {', '.join(sorted(names))}")


def _table(measured: Column, item: Item) -> pa.Table:
    count = len(measured.values)
    whole = lookup(measured.metric).per != "frame"
    frames = [-1] if whole else np.arange(item.driving_start, item.driving_start + count)
    return pa.table(
        {
            "frame": pa.array(frames, pa.int32()),
            "metric": [measured.metric] * count,
            "definition": [measured.definition] * count,
            "value": pa.array(measured.values, mask=np.isnan(measured.values)),
        },
        schema=SCHEMA,
    )


def _conditions(item: Item) -> pa.Table:
    """How hard each driving frame is, for tables by bin; the same whatever rendered it."""
    from reenactory.models.metrics import conditions

    angles = column(item.driving_face, "angles")
    found = {
        "pose_gap": conditions.pose_gap(column(item.source_face, "angles")[0], angles),
        "yaw": conditions.yaw(angles),
        "motion": conditions.motion(column(item.driving_face, "landmarks").reshape(-1, 68, 2)),
    }
    frames = np.arange(item.driving_start, item.driving_start + len(angles), dtype=np.int32)
    columns = {name: np.append(values, _mean(values)) for name, values in found.items()}
    return pa.table(
        {
            "frame": np.append(frames, np.int32(-1)),
            **{name: pa.array(values, mask=np.isnan(values)) for name, values in columns.items()},
        },
        schema=CONDITIONS,
    )


def _mean(values: NDArray[np.float64]) -> float:
    return float(np.nanmean(values)) if np.isfinite(values).any() else float("nan")
