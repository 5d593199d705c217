"""aggregate: per-frame scores of a run -> one line per renderer, protocol and metric, with its interval."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from reenactory.models.metrics.bootstrap import cluster_bootstrap
from reenactory.models.metrics.fid_interval import fid_interval
from reenactory.models.metrics.frechet import FeatureStats, fid, frechet_distance
from reenactory.models.metrics.means import Interval
from reenactory.models.metrics.registry import definition_for

SEED = 0  # of the bootstrap
INTERVAL_LIMIT = 500  # frames up to which a pooled FID gets an interval: 1000 replicates then take 10 to 14 s
INTERVAL_PEOPLE = 5  # fewer have a handful of distinct resamples: two gave an interval from -87 to 149 around 26
GRAM_LIMIT = 2048  # frames up to which FID is computed from the features themselves (no 2048 x 2048 square root)

SCORES = pa.schema(
    [
        ("run", pa.string()),
        ("renderer", pa.string()),
        ("pair_id", pa.string()),
        ("frame", pa.int32()),  # -1 = the whole span
        ("metric", pa.string()),
        ("definition", pa.string()),
        ("value", pa.float64()),  # null = dropped
    ]
)

AGGREGATES = pa.schema(
    [
        ("renderer", pa.string()),
        ("protocol", pa.string()),
        ("metric", pa.string()),
        ("definition", pa.string()),
        ("value", pa.float64()),
        ("ci_low", pa.float64()),  # null: fewer than two identities (five for a pooled FID), or a FID of many
        ("ci_high", pa.float64()),
        ("n_frames", pa.int64()),
        ("n_pairs", pa.int64()),
        ("n_identities", pa.int64()),
        ("n_dropped", pa.int64()),
    ]
)


class PairInfo(NamedTuple):
    """What aggregation needs to know of a pair."""

    protocol: str
    identity: str  # of the source: the person whose face is shown


class Features(NamedTuple):
    """Inception features of one render and of the frames that drove it; valid frames only."""

    real: NDArray[np.float32]
    generated: NDArray[np.float32]


def aggregate(scores: pa.Table, pairs: Mapping[str, PairInfo]) -> list[dict[str, object]]:
    """Means over pooled frames with intervals from a bootstrap clustered by identity."""
    frame = scores.to_pandas()
    frame["protocol"] = frame["pair_id"].map({pair_id: info.protocol for pair_id, info in pairs.items()})
    frame["identity"] = frame["pair_id"].map({pair_id: info.identity for pair_id, info in pairs.items()})
    groups = frame.groupby(["renderer", "protocol", "metric", "definition"], sort=True)
    return [_line(dict(zip(groups.keys, names, strict=True)), rows) for names, rows in groups]


def _line(names: dict[str, object], rows: pd.DataFrame) -> dict[str, object]:
    values = rows["value"].to_numpy(np.float64)
    interval = cluster_bootstrap(values, rows["identity"].tolist(), seed=SEED)
    return {
        **names,
        "value": _number(interval.mean),
        "ci_low": _number(interval.ci_low),
        "ci_high": _number(interval.ci_high),
        "n_frames": interval.n,
        "n_pairs": int(rows["pair_id"].nunique()),
        "n_identities": interval.n_clusters,
        "n_dropped": interval.n_dropped,
    }


def pooled_fid(
    renders: Sequence[tuple[str, str]],
    pairs: Mapping[str, PairInfo],
    load: Callable[[str, str], Features],
) -> list[dict[str, object]]:
    """FID of all rendered frames of a renderer and protocol against all frames that drove them.

    Args:
        renders: (renderer, pair_id).
        load: the features of one of them; called once each, so that they need not all be in memory.
    """
    groups: dict[tuple[str, str], list[str]] = defaultdict(list)
    for renderer, pair_id in renders:
        groups[renderer, pairs[pair_id].protocol].append(pair_id)
    return [_fid_line(*names, ids, pairs, load) for names, ids in sorted(groups.items())]


def _fid_line(
    renderer: str,
    protocol: str,
    ids: Sequence[str],
    pairs: Mapping[str, PairInfo],
    load: Callable[[str, str], Features],
) -> dict[str, object]:
    interval = _fid({pair_id: pairs[pair_id].identity for pair_id in sorted(ids)}, lambda pair: load(renderer, pair))
    return {
        "renderer": renderer,
        "protocol": protocol,
        "metric": "fid_pooled",
        "definition": definition_for("fid_pooled"),
        "value": _number(interval.mean),
        "ci_low": _number(interval.ci_low),
        "ci_high": _number(interval.ci_high),
        "n_frames": interval.n,
        "n_pairs": len(ids),
        "n_identities": interval.n_clusters,
        "n_dropped": 0,
    }


def _fid(identities: Mapping[str, str], load: Callable[[str], Features]) -> Interval:
    """FID of pairs (id -> identity): with an interval while frames are few, from running sums when they are many."""
    few: list[tuple[Features, str]] = []
    sums: list[tuple[FeatureStats, FeatureStats]] = []
    count = 0
    for pair_id, identity in identities.items():
        part = load(pair_id)
        count += len(part.generated)
        few.append((part, identity))
        if count > GRAM_LIMIT:
            sums = [_sums([features for features, _ in few], sums)]
            few = []
    people = len(set(identities.values()))
    if sums:
        real, generated = _sums([features for features, _ in few], sums) if few else sums[0]
        return Interval(frechet_distance(real, generated), np.nan, np.nan, count, 0, people)
    if count < 2:
        return Interval(np.nan, np.nan, np.nan, count, 0, people)
    merged = _joined([features for features, _ in few])
    if count > INTERVAL_LIMIT or people < INTERVAL_PEOPLE:
        return Interval(fid(*merged), np.nan, np.nan, count, 0, people)
    clusters = [identity for features, identity in few for _ in features.generated]
    return fid_interval(*merged, clusters, seed=SEED)


def _joined(parts: Sequence[Features]) -> Features:
    return Features(*(np.concatenate(side) for side in zip(*parts, strict=True)))


def _sums(
    parts: Sequence[Features], earlier: Sequence[tuple[FeatureStats, FeatureStats]]
) -> tuple[FeatureStats, FeatureStats]:
    joined = _joined(parts)
    real, generated = FeatureStats.of(joined.real), FeatureStats.of(joined.generated)
    for before in earlier:
        real, generated = before[0].merge(real), before[1].merge(generated)
    return real, generated


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
