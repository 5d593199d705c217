"""score: every metric of every frame of one rendered pair, with its definition beside each number."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from reenactory.models import weights as catalogue
from reenactory.tasks.errors import WrongUseError
from reenactory.tasks.face3d import column
from reenactory.tasks.features import EMBEDDER
from reenactory.tasks.outcomes import Made, Outcome
from reenactory.tasks.stage import Runtime, StageParams

if TYPE_CHECKING:
    from reenactory.models.metrics.lpips import Lpips

VERSION = 1

SCHEMA = pa.schema(
    [
        ("frame", pa.int32()),  # of the driving clip; -1 = the whole span
        ("metric", pa.string()),
        ("definition", pa.string()),
        ("value", pa.float64()),  # null: this frame was dropped (nothing rendered, or no face found)
    ]
)

PIXEL_METRICS = ("psnr", "ssim", "ssim_uniform7", "l1", "lpips")
FACE_METRICS = ("csim", "aed_l1", "aed_l2", "apd_l1_angles", "apd_l2_angles", "akd")


class Params(StageParams):
    """No knobs: a metric's definition string says all."""


@dataclass(frozen=True)
class Item:
    """A render, the frames that drove it, and what the networks saw in both. T frames each."""

    scratch: Path
    protocol: str
    driving_start: int
    rendered: NDArray[np.uint8]
    driving: NDArray[np.uint8]
    valid: NDArray[np.bool_]
    rendered_face: pa.Table
    driving_face: pa.Table
    rendered_embedding: NDArray[np.float32]
    driving_embedding: NDArray[np.float32]
    source_embedding: NDArray[np.float32]  # (1, D)
    rendered_inception: NDArray[np.float32]
    driving_inception: NDArray[np.float32]


class Column(NamedTuple):
    """One metric over the frames."""

    metric: str
    definition: str
    values: NDArray[np.float64]  # (T,), NaN = dropped


@dataclass(frozen=True)
class Models:
    lpips: "Lpips"


def weights(params: Params) -> Sequence[str]:
    return ("lpips_alex",)


def load(params: Params, runtime: Runtime) -> Models:
    import torch

    from reenactory.models.metrics.lpips import Lpips

    torch.set_num_threads(runtime.threads)
    return Models(Lpips(catalogue.locate("lpips_alex"), torch.device(runtime.device)))


def run(item: Item, params: Params, models: Models) -> Sequence[Outcome]:
    _check_extractors(item)
    columns = [*(_pixel_columns(item, models) if item.protocol == "self" else ()), *_face_columns(item)]
    tables = [_table(column, item) for column in columns]
    tables.append(_fid_row(item))
    path = item.scratch / "scores.parquet"
    pq.write_table(pa.concat_tables(tables), path, compression="zstd")
    lost = int(item.valid.sum()) - int(np.asarray(item.rendered_face["detected"])[item.valid].sum())
    facts = {"valid": int(item.valid.sum()), "faces_lost": lost}
    return (Made({"scores.parquet": path}, len(item.rendered), facts),)


def _check_extractors(item: Item) -> None:
    names = set(item.rendered_face["extractor"].to_pylist()) | set(item.driving_face["extractor"].to_pylist())
    if len(names) != 1:
        raise WrongUseError(f"coefficients of different extractors cannot be compared: {', '.join(sorted(names))}")


def _pixel_columns(item: Item, models: Models) -> Iterator[Column]:
    """Against the true frame: only where there is one, in self re-enactment."""
    from reenactory.models.metrics import image
    from reenactory.models.metrics.registry import definition_for

    measures = (image.psnr, image.ssim_gaussian, image.ssim_uniform7, image.l1, models.lpips.distances)
    for name, measure in zip(PIXEL_METRICS, measures, strict=True):
        values = np.full(len(item.valid), np.nan)
        values[item.valid] = measure(item.rendered[item.valid], item.driving[item.valid])
        yield Column(name, definition_for(name), values)


def _face_columns(item: Item) -> Iterator[Column]:
    """Identity against the source (cross) or the true frame (self); motion against the driver."""
    from reenactory.models.metrics import faces
    from reenactory.models.metrics.registry import definition_for
    from reenactory.models.metrics.sface import csim

    extractor = str(item.driving_face["extractor"][0])
    reference = "target" if item.protocol == "self" else "source"
    compared = item.driving_embedding if item.protocol == "self" else item.source_embedding
    made, wanted = item.rendered_face, item.driving_face
    to_256 = 256 / item.rendered.shape[1]
    points = [column(table, "landmarks").reshape(-1, 68, 2) * to_256 for table in (made, wanted)]
    exp = [column(table, "exp") for table in (made, wanted)]
    angles = [column(table, "angles") for table in (made, wanted)]
    results = (
        csim(item.rendered_embedding, np.broadcast_to(compared, item.rendered_embedding.shape)),
        faces.aed_l1(*exp),
        faces.aed_l2(*exp),
        faces.apd_l1_angles(*angles),
        faces.apd_l2_angles(*angles),
        faces.akd(points[0], points[1]),
    )
    for name, values in zip(FACE_METRICS, results, strict=True):
        definition = definition_for(name, extractor=extractor, embedder=EMBEDDER, reference=reference)
        yield Column(name, definition, np.where(item.valid, values, np.nan))


def _table(column: Column, item: Item) -> pa.Table:
    frames = len(column.values)
    return pa.table(
        {
            "frame": pa.array(np.arange(item.driving_start, item.driving_start + frames, dtype=np.int32)),
            "metric": [column.metric] * frames,
            "definition": [column.definition] * frames,
            "value": pa.array(column.values, mask=np.isnan(column.values)),
        },
        schema=SCHEMA,
    )


def _fid_row(item: Item) -> pa.Table:
    """FID of this video against the driving video: one value for the whole span, null below two frames."""
    from reenactory.models.metrics.frechet import fid
    from reenactory.models.metrics.registry import definition_for

    value = None
    if item.valid.sum() >= 2:
        value = fid(item.driving_inception[item.valid], item.rendered_inception[item.valid])
    row = {"frame": -1, "metric": "fid_per_video", "definition": definition_for("fid_per_video"), "value": value}
    return pa.Table.from_pylist([row], schema=SCHEMA)
