"""Aggregates: means and bins that can be counted by hand, and shards that merge."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pytest

from reenactory.tasks.results.aggregate import AGGREGATES, PairInfo, Totals, pair_scores
from reenactory.tasks.results.bins import BINNINGS
from reenactory.tasks.score import CONDITIONS, SCHEMA

PAIRS = {f"p{n}": PairInfo("self" if n < 3 else "cross", f"id{n % 2}") for n in range(4)}


def scores(first: int, values: dict[str, Sequence[float | None]], version: int = 1) -> pa.Table:
    """Values per frame from `first` on; a metric with one value has it for the whole span."""
    rows = [
        {
            "frame": -1 if len(given) == 1 else first + index,
            "metric": metric,
            "definition": f"{metric}/v{version}",
            "value": value,
        }
        for metric, given in values.items()
        for index, value in enumerate(given)
    ]
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def conditions(first: int, gaps: Sequence[float | None], mean: float | None = None) -> pa.Table:
    rows = [{"frame": first + index, "pose_gap": gap} for index, gap in enumerate(gaps)]
    return pa.Table.from_pylist([*rows, {"frame": -1, "pose_gap": mean}], schema=CONDITIONS)


NOTHING = conditions(1, [None] * 3)


def test_means_are_over_pooled_frames_and_drops_are_counted() -> None:
    totals = Totals()
    totals.update("copy", PAIRS["p0"], scores(1, {"l1": (1.0, 2.0, None), "csim": (0.5,)}), NOTHING)
    totals.update("copy", PAIRS["p1"], scores(1, {"l1": (6.0, None, None)}), NOTHING)
    totals.update("copy", PAIRS["p3"], scores(1, {"l1": (50.0, 50.0, 50.0)}), NOTHING)
    totals.update("warp", PAIRS["p0"], scores(1, {"l1": (None, None, None)}), NOTHING)
    lines = {(line["renderer"], line["protocol"], line["metric"]): line for line in totals.lines()}
    assert set(lines) == {
        ("copy", "self", "l1"),
        ("copy", "cross", "l1"),
        ("warp", "self", "l1"),
        ("copy", "self", "csim"),
    }
    main = lines["copy", "self", "l1"]
    assert main["value"] == 3.0  # of three frames, not of two videos
    assert (main["n_frames"], main["n_pairs"], main["n_identities"], main["n_dropped"]) == (3, 2, 2, 3)
    assert main["ci_low"] == 1.5  # both draws are the first person
    assert main["ci_high"] == 6.0
    assert (main["bin_by"], main["bin"]) == (None, None)
    one = lines["copy", "cross", "l1"]
    assert (one["value"], one["ci_low"], one["ci_high"], one["n_identities"]) == (50.0, None, None, 1)
    lost = lines["warp", "self", "l1"]
    assert (lost["value"], lost["n_frames"], lost["n_dropped"]) == (None, 0, 3)
    pa.Table.from_pylist(list(lines.values()), schema=AGGREGATES)


def test_two_definitions_are_never_mixed() -> None:
    totals = Totals()
    for version in (1, 2):
        totals.update("copy", PAIRS["p0"], scores(1, {"l1": (1.0, 3.0)}, version), NOTHING)
    assert [(line["definition"], line["n_frames"]) for line in totals.lines()] == [("l1/v1", 2), ("l1/v2", 2)]


def test_frames_are_binned_by_their_own_condition_and_videos_by_the_mean() -> None:
    totals = Totals()
    table = scores(7, {"l1": (1.0, 2.0, 4.0, None, 9.0), "flicker": (3.0,)})
    totals.update("copy", PAIRS["p0"], table, conditions(7, (5.0, 10.0, 44.9, 100.0, None), 30.0))
    totals.update("copy", PAIRS["p1"], scores(0, {"l1": (8.0, 8.0)}), conditions(0, (0.0, 0.0), 0.0))
    bins = {
        (line["metric"], line["bin"]): (line["value"], line["n_frames"], line["n_dropped"], line["n_pairs"])
        for line in totals.lines()
        if line["bin_by"] == "pose_gap"
    }
    assert bins == {
        ("l1", "0-10 deg"): (17 / 3, 3, 0, 2),
        ("l1", "10-20 deg"): (2.0, 1, 0, 1),
        ("l1", "30-45 deg"): (4.0, 1, 0, 1),
        ("l1", "45+ deg"): (None, 0, 1, 1),  # the frame without a face of the driver is in no bin
        ("flicker", "30-45 deg"): (3.0, 1, 0, 1),
    }


def test_bins_cover_everything_from_nought_on() -> None:
    for binning in BINNINGS:
        assert len(binning.labels) == len(binning.edges) + 1
        values = np.array([0.0, *binning.edges, 1e9, np.nan])
        assert binning.places(values).tolist() == [*range(len(binning.edges) + 1), len(binning.edges), -1]


def test_merged_shards_equal_the_single_process() -> None:
    rng = np.random.default_rng(0)
    renders = [
        ("copy", PairInfo("self", f"id{n % 7}"), scores(1, {"l1": tuple(rng.normal(size=9))}), rng.uniform(0, 60, 9))
        for n in range(30)
    ]

    def collected(part: Sequence[int]) -> Totals:
        totals = Totals()
        for index in part:
            renderer, pair, table, gaps = renders[index]
            totals.update(renderer, pair, table, conditions(1, gaps.tolist(), 20.0))
        return totals

    whole, merged = collected(range(30)), collected(range(20, 30))
    for part in (range(7), range(7, 20)):
        merged.merge(collected(part))
    for mine, other in zip(whole.lines(), merged.lines(), strict=True):
        for name, value in mine.items():
            assert other[name] == (pytest.approx(value, rel=1e-9) if isinstance(value, float) else value)


def test_a_pair_has_its_means_and_conditions() -> None:
    table = scores(1, {"l1": (1.0, 3.0, None), "csim": (None, None, None), "flicker": (2.0,)})
    rows = pair_scores("copy", "p0", table, conditions(1, (5.0, 15.0, None), 10.0)).to_pylist()
    told = {
        row["metric"]: (row["value"], row["n_frames"], row["n_dropped"], row["pose_gap"], row["yaw"]) for row in rows
    }
    assert told == {
        "l1": (2.0, 2, 1, 10.0, None),
        "csim": (None, 0, 3, 10.0, None),
        "flicker": (2.0, 1, 0, 10.0, None),
    }
