"""Two runs on the pairs they share: paired differences with intervals, metric by metric."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from reenactory.flows.run_files import read_run_pairs, run_path
from reenactory.infra.store import Store, open_store
from reenactory.tasks.crop_mode import require_one_mode
from reenactory.tasks.dataset import read_clips
from reenactory.tasks.errors import WrongUseError
from reenactory.tasks.pairs import Pair
from reenactory.tasks.rendering import ClipRow, clip_rows, clips_sha256
from reenactory.tasks.report.comparison import Side, render_comparison_page
from reenactory.tasks.report.extremes import Extremes
from reenactory.tasks.report.run import Artefacts, read_run
from reenactory.tasks.results.aggregate import PairInfo
from reenactory.tasks.results.paired import Line, Scores, paired_lines, require_known


class Compared(NamedTuple):
    """One of the two runs, and the clips of its dataset as they are now."""

    run: str
    dataset: str
    pairs: dict[str, Pair]
    clips: Mapping[str, ClipRow]


def compare(store_uri: str, run_a: str, run_b: str) -> list[Line]:
    """Every renderer of A against every renderer of B (with one run given twice: against each other, once).

    Raises:
        WrongUseError: a run has no scores, a metric is not known to this version, the two share no pair, or their
            clips are of different crop modes or were cut otherwise.
    """
    store = open_store(store_uri, create=False)
    with TemporaryDirectory() as folder:
        first = Scores(store, run_a, Path(folder))
        second = first if run_a == run_b else Scores(store, run_b, Path(folder))
        require_known(first, second)
        sides = _read(store, run_a), _read(store, run_b)
        require_one_mode(side.clips[pair.source_clip] for side in sides for pair in side.pairs.values())
        _require_same_pictures(*sides)
        pairs = {
            name: PairInfo(pair.protocol, str(side.clips[pair.source_clip]["identity"]))
            for side in sides
            for name, pair in side.pairs.items()
        }
        lines = paired_lines(first, second, pairs)
    if not lines:
        raise WrongUseError(f"runs {run_a!r} and {run_b!r} share no pair and metric: render both from one pair file")
    return lines


def cautions(store_uri: str, run_a: str, run_b: str) -> list[str]:
    """What a reader must know of the two runs: whose dataset was made anew since it was scored."""
    store = open_store(store_uri, create=False)
    found: list[str] = []
    for run in dict.fromkeys((run_a, run_b)):
        summary, side = run_path(run, "summary-evaluate.json"), _read(store, run)
        listed = json.loads(store.get(summary)).get("pairs") if store.exists(summary) else None
        if listed and listed["clips_sha256"] != clips_sha256(list(side.pairs.values()), side.clips):
            found.append(
                f"Run {run} was scored on other clips than dataset {side.dataset} holds now: its scores are of the "
                "clips before. Evaluate it again."
            )
    return found


def write_comparison(
    store_uri: str, run_a: str, run_b: str, lines: Sequence[Line], reference: str | None = None
) -> str:
    """Write `runs/RUN_A/compare-RUN_B.html`; returns where it is. `reference`: see `in_full`."""
    store = open_store(store_uri, create=False)
    path = run_path(run_a, f"compare-{run_b}.html")
    sides = _side(store, run_a), _side(store, run_b)
    known = all(store.exists(run_path(run, "pair_scores.parquet")) for run in (run_a, run_b))
    with TemporaryDirectory() as cache:
        artefacts = Artefacts(store, Path(cache))
        extremes = Extremes(read_run(store, run_a), read_run(store, run_b), artefacts) if known else None
        page = render_comparison_page(lines, *sides, store.uri, extremes, cautions(store_uri, run_a, run_b), reference)
    store.put(path, page.encode())
    return f"{store.uri}/{path}"


def _side(store: Store, run: str) -> Side:
    _, dataset = read_run_pairs(store, run)
    return Side(run, dataset, hashlib.sha256(store.get(run_path(run, "pairs.parquet"))).hexdigest())


def _read(store: Store, run: str) -> Compared:
    pairs, dataset = read_run_pairs(store, run)
    clips = clip_rows(read_clips(store, dataset))
    gone = sorted({name for pair in pairs for name in (pair.source_clip, pair.driving_clip)} - set(clips))
    if gone:
        raise WrongUseError(f"dataset {dataset!r} no longer has clip {gone[0]} of run {run!r}: preprocess it again")
    return Compared(run, dataset, {pair.pair_id: pair for pair in pairs}, clips)


def _require_same_pictures(a: Compared, b: Compared) -> None:
    """A clip's name says where in its video it lies, not how it was cut out: boxes may differ under one name.

    Raises:
        WrongUseError: a clip of a pair that both runs have is not the same in both datasets.
    """
    shared = [a.pairs[name] for name in a.pairs.keys() & b.pairs.keys()]
    named = {name for pair in shared for name in (pair.source_clip, pair.driving_clip)}
    other = sorted(name for name in named if a.clips[name]["crop_key"] != b.clips[name]["crop_key"])
    if other:
        raise WrongUseError(
            f"{len(other)} clip(s) of the pairs that both runs have were cut otherwise in dataset {a.dataset!r} than "
            f"in {b.dataset!r}, e.g. {other[0]}: one name, other pictures. Score both methods on one of the two"
        )
