"""Two runs on the pairs they share: paired differences with intervals, metric by metric."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from reenactory.flows.run_files import read_run_pairs, run_path
from reenactory.infra.store import Store, open_store
from reenactory.tasks.crop_mode import require_one_mode
from reenactory.tasks.dataset import read_clips
from reenactory.tasks.errors import WrongUseError
from reenactory.tasks.rendering import ClipRow, clip_rows
from reenactory.tasks.report.comparison import Side, render_comparison_page
from reenactory.tasks.results.aggregate import PairInfo
from reenactory.tasks.results.paired import Line, Scores, paired_lines, require_known


def compare(store_uri: str, run_a: str, run_b: str) -> list[Line]:
    """Every renderer of A against every renderer of B (with one run given twice: against each other, once).

    Raises:
        WrongUseError: a run has no scores, a metric is not known to this version, the two share no pair, or their
            clips are of different crop modes.
    """
    store = open_store(store_uri, create=False)
    with TemporaryDirectory() as folder:
        first = Scores(store, run_a, Path(folder))
        second = first if run_a == run_b else Scores(store, run_b, Path(folder))
        require_known(first, second)
        sources = _sources(store, run_a), _sources(store, run_b)
        require_one_mode(clip for side in sources for _, clip in side.values())
        pairs = {
            pair: PairInfo(protocol, str(clip["identity"]))
            for side in sources
            for pair, (protocol, clip) in side.items()
        }
        lines = paired_lines(first, second, pairs)
    if not lines:
        raise WrongUseError(f"runs {run_a!r} and {run_b!r} share no pair and metric: render both from one pair file")
    return lines


def write_comparison(store_uri: str, run_a: str, run_b: str, lines: Sequence[Line]) -> str:
    """Write `runs/RUN_A/compare-RUN_B.html`; returns where it is."""
    store = open_store(store_uri, create=False)
    path = run_path(run_a, f"compare-{run_b}.html")
    page = render_comparison_page(lines, _side(store, run_a), _side(store, run_b), store.uri)
    store.put(path, page.encode())
    return f"{store.uri}/{path}"


def _side(store: Store, run: str) -> Side:
    _, dataset = read_run_pairs(store, run)
    return Side(run, dataset, hashlib.sha256(store.get(run_path(run, "pairs.parquet"))).hexdigest())


def _sources(store: Store, run: str) -> dict[str, tuple[str, ClipRow]]:
    """Protocol and source clip by pair."""
    pairs, dataset = read_run_pairs(store, run)
    clips = clip_rows(read_clips(store, dataset))
    gone = sorted({pair.source_clip for pair in pairs} - set(clips))
    if gone:
        raise WrongUseError(f"dataset {dataset!r} no longer has clip {gone[0]} of run {run!r}: preprocess it again")
    return {pair.pair_id: (pair.protocol, clips[pair.source_clip]) for pair in pairs}
