"""Aggregates: means that can be counted by hand, and one FID whichever way it is taken."""

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray

from reenactory.models.metrics.frechet import fid
from reenactory.tasks import aggregate as module
from reenactory.tasks.aggregate import AGGREGATES, SCORES, Features, PairInfo, aggregate, pooled_fid

PAIRS = {f"p{n}": PairInfo("self" if n < 3 else "cross", f"id{n % 2}") for n in range(4)}


def scores(*rows: tuple[str, str, int, str, float | None]) -> pa.Table:
    names = ("renderer", "pair_id", "frame", "metric", "value")
    made = [{**dict(zip(names, row, strict=True)), "run": "r", "definition": f"{row[3]}/v1"} for row in rows]
    return pa.Table.from_pylist(made, schema=SCORES)


def test_means_are_over_pooled_frames_and_drops_are_counted() -> None:
    table = scores(
        ("copy", "p0", 1, "l1", 1.0),
        ("copy", "p0", 2, "l1", 2.0),
        ("copy", "p0", 3, "l1", None),
        ("copy", "p1", 1, "l1", 6.0),
        ("copy", "p3", 1, "l1", 50.0),
        ("warp", "p0", 1, "l1", None),
        ("copy", "p0", 1, "csim", 0.5),
    )
    lines = {(line["renderer"], line["protocol"], line["metric"]): line for line in aggregate(table, PAIRS)}
    assert set(lines) == {
        ("copy", "self", "l1"),
        ("copy", "cross", "l1"),
        ("warp", "self", "l1"),
        ("copy", "self", "csim"),
    }
    main = lines["copy", "self", "l1"]
    assert main["value"] == 3.0  # of three frames, not of two videos
    assert (main["n_frames"], main["n_pairs"], main["n_identities"], main["n_dropped"]) == (3, 2, 2, 1)
    assert main["ci_low"] == 1.5  # both draws are the first person
    assert main["ci_high"] == 6.0
    one = lines["copy", "cross", "l1"]
    assert (one["value"], one["ci_low"], one["ci_high"], one["n_identities"]) == (50.0, None, None, 1)
    lost = lines["warp", "self", "l1"]
    assert (lost["value"], lost["n_frames"], lost["n_dropped"]) == (None, 0, 1)
    pa.Table.from_pylist(list(lines.values()), schema=AGGREGATES)


def test_two_definitions_are_never_mixed() -> None:
    table = scores(("copy", "p0", 1, "l1", 1.0), ("copy", "p0", 2, "l1", 3.0))
    other = table.set_column(5, "definition", pa.array(["l1/v2"] * 2))
    lines = aggregate(pa.concat_tables([table, other]), PAIRS)
    assert [(line["definition"], line["n_frames"]) for line in lines] == [("l1/v1", 2), ("l1/v2", 2)]


def features(seed: int, frames: int, size: int = 6) -> NDArray[np.float32]:
    chance = np.random.default_rng(seed)
    return (chance.normal(size=(frames, size)) @ chance.normal(size=(size, size)) + seed).astype(np.float32)


def store_of(lengths: dict[str, int]) -> dict[str, Features]:
    return {
        pair: Features(features(seed, frames), features(seed + 50, frames))
        for seed, (pair, frames) in enumerate(lengths.items())
    }


def joined(parts: dict[str, Features], ids: list[str]) -> float:
    return fid(np.concatenate([parts[i].real for i in ids]), np.concatenate([parts[i].generated for i in ids]))


def test_pooled_fid_is_that_of_all_frames_together() -> None:
    parts = store_of({"p0": 20, "p1": 0, "p2": 15, "p3": 1})
    asked: list[tuple[str, str]] = []

    def load(renderer: str, pair: str) -> Features:
        asked.append((renderer, pair))
        return parts[pair]

    cross, own = pooled_fid([("copy", pair) for pair in parts], PAIRS, load)
    assert (own["protocol"], own["n_frames"], own["n_pairs"], own["n_dropped"]) == ("self", 35, 3, 0)
    assert own["value"] == pytest.approx(joined(parts, ["p0", "p2"]), rel=1e-9)
    assert (cross["value"], cross["n_frames"]) == (None, 1)  # one frame has no covariance
    assert len(asked) == len(set(asked)) == 4


@pytest.mark.parametrize("limit", [10, 44, 45, 60, 1000])
def test_running_sums_give_the_same_fid(monkeypatch: pytest.MonkeyPatch, limit: int) -> None:
    parts = store_of({"p0": 20, "p1": 25, "p2": 30})
    monkeypatch.setattr(module, "GRAM_LIMIT", limit)
    monkeypatch.setattr(module, "INTERVAL_LIMIT", 0)
    (line,) = pooled_fid([("copy", pair) for pair in parts], PAIRS, lambda renderer, pair: parts[pair])
    assert line["n_frames"] == 75
    assert line["value"] == pytest.approx(joined(parts, ["p0", "p1", "p2"]), rel=1e-6)


def test_more_than_2048_frames() -> None:
    parts = store_of({"p0": 900, "p1": 900, "p2": 900})
    (line,) = pooled_fid([("copy", pair) for pair in parts], PAIRS, lambda renderer, pair: parts[pair])
    assert line["n_frames"] == 2700
    assert line["value"] == pytest.approx(joined(parts, ["p0", "p1", "p2"]), rel=1e-6)
    assert line["ci_low"] is None
