"""Which differences between renderers are shown, not merely there: what a table may emphasise."""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from reenactory.infra.store import Store
from reenactory.tasks.report.run import RunData
from reenactory.tasks.results.aggregate import PairInfo
from reenactory.tasks.results.paired import Line, Scores, paired_lines


class Shown(NamedTuple):
    """One renderer is better than another, and the paired interval of their difference does not hold zero."""

    protocol: str
    definition: str
    better: str
    worse: str


def shown_differences(store: Store, data: RunData, cache: Path) -> frozenset[Shown]:
    """Of every two renderers of the run, by a bootstrap over the identities of the frames that both have."""
    pairs = {pair.pair_id: PairInfo(pair.protocol, str(data.clip[pair.source_clip]["identity"])) for pair in data.pairs}
    scores = Scores(store, data.run, cache)
    return frozenset(_shown(paired_lines(scores, scores, pairs)))


def _shown(lines: Iterable[Line]) -> Iterable[Shown]:
    for line in lines:
        if line.verdict == "A better":
            yield Shown(line.protocol, line.definition, line.renderer_a, line.renderer_b)
        elif line.verdict == "A worse":
            yield Shown(line.protocol, line.definition, line.renderer_b, line.renderer_a)
