"""Two runs on the pairs they share: paired differences with intervals, metric by metric."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from rich.table import Table

from reenactory.flows.run_files import read_run_pairs, run_path
from reenactory.infra.store import Store, open_store
from reenactory.infra.tables import get_table
from reenactory.models.metrics.bootstrap import PairedDifference, paired_bootstrap
from reenactory.models.metrics.definition import lookup
from reenactory.tasks.aggregate import SEED
from reenactory.tasks.crop_mode import require_one_mode
from reenactory.tasks.dataset import read_clips
from reenactory.tasks.errors import WrongUseError
from reenactory.tasks.rendering import ClipRow, clip_rows

KEYS = ["pair_id", "frame", "metric", "definition"]


class Line(NamedTuple):
    """One metric of one renderer of each run, on the frames that both have. Only equal definitions are compared."""

    protocol: str
    metric: str
    definition: str
    renderer_a: str
    renderer_b: str
    mean_a: float
    mean_b: float
    paired: PairedDifference


def compare(store_uri: str, run_a: str, run_b: str) -> list[Line]:
    """Every renderer of A against every renderer of B (with one run given twice: against each other, once).

    Raises:
        WrongUseError: a run has no scores, the two share no pair, or their clips are of different crop modes.
    """
    store = open_store(store_uri)
    first, second = _scores(store, run_a), _scores(store, run_b)
    sources = _sources(store, run_a), _sources(store, run_b)
    require_one_mode(clip for side in sources for _, clip in side.values())
    identities = {
        pair: (protocol, str(clip["identity"])) for side in sources for pair, (protocol, clip) in side.items()
    }
    lines: list[Line] = []
    for name_a in sorted(first["renderer"].unique()):
        for name_b in sorted(second["renderer"].unique()):
            if run_a == run_b and name_a >= name_b:
                continue
            a, b = first[first["renderer"] == name_a], second[second["renderer"] == name_b]
            lines += _lines(name_a, name_b, a.merge(b, on=KEYS, suffixes=("_a", "_b")), identities)
    if not lines:
        raise WrongUseError(f"runs {run_a!r} and {run_b!r} share no pair and metric: render both from one pair file")
    return lines


def _scores(store: Store, run: str) -> pd.DataFrame:
    path = run_path(run, "scores.parquet")
    if not store.exists(path):
        raise WrongUseError(f"run {run!r} has no scores in {store.uri}; make them with `reenactory evaluate`")
    scores: pd.DataFrame = get_table(store, path).to_pandas()
    return scores


def _sources(store: Store, run: str) -> dict[str, tuple[str, ClipRow]]:
    """Protocol and source clip by pair."""
    pairs, dataset = read_run_pairs(store, run)
    clips = clip_rows(read_clips(store, dataset))
    gone = sorted({pair.source_clip for pair in pairs} - set(clips))
    if gone:
        raise WrongUseError(f"dataset {dataset!r} no longer has clip {gone[0]} of run {run!r}: preprocess it again")
    return {pair.pair_id: (pair.protocol, clips[pair.source_clip]) for pair in pairs}


def _lines(name_a: str, name_b: str, both: pd.DataFrame, identities: dict[str, tuple[str, str]]) -> list[Line]:
    both = both.assign(
        protocol=both["pair_id"].map(lambda pair: identities[pair][0]),
        identity=both["pair_id"].map(lambda pair: identities[pair][1]),
    )
    lines: list[Line] = []
    for names, rows in both.groupby(["protocol", "metric", "definition"], sort=True):
        protocol, metric, definition = map(str, names)
        a, b = rows["value_a"].to_numpy(np.float64), rows["value_b"].to_numpy(np.float64)
        direction = lookup(metric).direction
        paired = paired_bootstrap(a, b, rows["identity"].tolist(), direction=direction, seed=SEED)
        kept = ~(np.isnan(a) | np.isnan(b))
        mean_a, mean_b = (float(side[kept].mean()) if kept.any() else np.nan for side in (a, b))
        lines.append(Line(protocol, metric, definition, name_a, name_b, mean_a, mean_b, paired))
    return lines


def render_comparison(lines: list[Line]) -> Table:
    """A table for the terminal. `won` is the share of frames (videos, for FID) on which A is better."""
    table = Table("protocol", "metric", "A", "B", "mean A", "mean B", "A - B [95 %]", "A won", "n", "identities")
    for line in lines:
        gap = line.paired.difference
        interval = "" if np.isnan(gap.ci_low) else f" [{gap.ci_low:+.4g}, {gap.ci_high:+.4g}]"
        table.add_row(
            line.protocol,
            line.metric,
            line.renderer_a,
            line.renderer_b,
            f"{line.mean_a:.4g}",
            f"{line.mean_b:.4g}",
            f"{gap.mean:+.4g}{interval}",
            f"{line.paired.share_won:.0%}",
            str(gap.n),
            str(gap.n_clusters),
        )
    table.caption = "Paired on frames that both runs scored with the same definition; intervals resample identities."
    return table
