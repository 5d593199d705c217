"""pool: FID and KID of all frames that renderers made for one set of pairs, against all frames that drove them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from pydantic import Field

from reenactory.models.metrics.registry import definition_for
from reenactory.tasks.outcomes import Made, Outcome
from reenactory.tasks.results.aggregate import SEED, number
from reenactory.tasks.stage import Runtime, StageParams

if TYPE_CHECKING:
    from reenactory.models.metrics.pooled import PooledFeatures, SetDistance

VERSION = 1

SCHEMA = pa.schema(
    [
        ("metric", pa.string()),
        ("definition", pa.string()),
        ("value", pa.float64()),
        ("ci_low", pa.float64()),
        ("ci_high", pa.float64()),
        ("n_frames", pa.int64()),
        ("n_identities", pa.int64()),
        ("n_dropped", pa.int64()),
        ("route", pa.string()),  # how the value and its interval were computed
    ]
)


class Params(StageParams):
    """The definitions of the metrics say the rest."""

    seed: int = Field(default=SEED, description="Of the bootstrap.")


@dataclass(frozen=True)
class Item:
    """P pairs and the frames of one renderer per key, renderer after renderer; read pair by pair, none is kept."""

    scratch: Path
    pairs: tuple[str, ...]  # P names
    people: tuple[str, ...]  # P identities, of the sources
    dropped: tuple[int, ...]  # P: frames that were not rendered, the same ones by every renderer
    valid: Sequence[NDArray[np.bool_]]  # P of (T,): read where frames are dropped
    real: Sequence[NDArray[np.float32]]  # P of (T, D)
    generated: Sequence[NDArray[np.float32]]  # of all renderers that were asked for: P of (T, D) each
    per_key: tuple[dict[str, int], ...]  # which renderer, by place


def weights(params: Params) -> Sequence[str]:
    return ()


def load(params: Params, runtime: Runtime) -> None:
    return None


def run(item: Item, params: Params, models: None) -> Sequence[Outcome]:
    return list(_outcomes(item, params))


def _outcomes(item: Item, params: Params) -> Iterator[Outcome]:
    from reenactory.models.metrics.pooled import pooled_fid, pooled_kid

    real = _pooled(item, item.real)
    for wanted in item.per_key:
        place = wanted["renderer"]
        made = item.generated[place * len(item.pairs) : (place + 1) * len(item.pairs)]
        generated = _pooled(item, made)
        again = partial(_together, item, made)
        found = {
            "fid_pooled": pooled_fid(real, generated, again, params.seed),
            "kid": pooled_kid(real, generated, params.seed),
        }
        path = item.scratch / f"{place}.parquet"
        rows = [_row(name, distance) for name, distance in found.items()]
        pq.write_table(pa.Table.from_pylist(rows, schema=SCHEMA), path, compression="zstd")
        yield Made({"pooled.parquet": path}, generated.count)


def _pooled(item: Item, features: Sequence[NDArray[np.float32]]) -> "PooledFeatures":
    from reenactory.models.metrics.pooled import PooledFeatures

    side = PooledFeatures()
    for place, (pair, person, dropped) in enumerate(zip(item.pairs, item.people, item.dropped, strict=True)):
        side.update(pair, person, _rendered(item, features, place), dropped)
    return side


def _together(
    item: Item, made: Sequence[NDArray[np.float32]]
) -> Iterator[tuple[str, NDArray[np.float32], NDArray[np.float32]]]:
    for place, person in enumerate(item.people):
        yield person, _rendered(item, item.real, place), _rendered(item, made, place)


def _rendered(item: Item, features: Sequence[NDArray[np.float32]], place: int) -> NDArray[np.float32]:
    """Features of the frames of a pair that were rendered."""
    return features[place][item.valid[place]] if item.dropped[place] else features[place]


def _row(metric: str, distance: "SetDistance") -> dict[str, object]:
    found = distance.found
    return {
        "metric": metric,
        "definition": definition_for(metric),
        "value": number(found.mean),
        "ci_low": number(found.ci_low),
        "ci_high": number(found.ci_high),
        "n_frames": found.n,
        "n_identities": found.n_clusters,
        "n_dropped": found.n_dropped,
        "route": distance.route,
    }
