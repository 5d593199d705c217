"""Which pairs are shown when there are too many: the best, the middle and the worst, by a metric."""

from collections.abc import Sequence
from typing import NamedTuple

from reenactory.models.metrics.registry import KNOWN
from reenactory.tasks.pairs import Pair
from reenactory.tasks.report.run import FLOOR, RunData

MOST_PAIRS = 24
MOST_RENDERERS = 12  # in a pair's sheet
MOST_STRIPS = 150  # of pairs in the whole page: at 25 to 40 KB each it stays near 5 MB
RANKING = ("lpips", "aed_l1", "akd", "psnr", "csim")  # the first that a protocol has


class Chosen(NamedTuple):
    """A pair to show, and its place when pairs were chosen."""

    pair: Pair
    place: str


class Ranked(NamedTuple):
    """A protocol's pairs from best to worst; those without a value last."""

    protocol: str
    metric: str  # empty: nothing was scored
    pairs: list[Pair]


def limit(data: RunData) -> int:
    """How many pairs' sheets fit."""
    rows = 2 + min(MOST_RENDERERS, len(data.renderers))
    return max(2, min(MOST_PAIRS, MOST_STRIPS // rows))


def ranked(data: RunData) -> list[Ranked]:
    return [_rank(data, protocol) for protocol in ("self", "cross") if _of(data, protocol)]


def choose(data: RunData) -> list[Chosen]:
    """All pairs in the run's order where they fit, else best, middle and worst of each protocol."""
    most = limit(data)
    if len(data.pairs) <= most:
        return [Chosen(pair, "") for ranking in ranked(data) for pair in _of(data, ranking.protocol)]
    rankings = ranked(data)
    return [chosen for ranking in rankings for chosen in _extremes(ranking, max(1, most // len(rankings)))]


def _extremes(ranking: Ranked, most: int) -> list[Chosen]:
    count = len(ranking.pairs)
    if count <= most:
        places = list(range(count))
    else:
        third = most // 3
        middle = (count - third) // 2
        best = range(most - 2 * third)
        places = sorted({*best, *range(middle, middle + third), *range(count - third, count)})
    return [Chosen(ranking.pairs[place], _place(place, count, ranking.metric)) for place in places]


def _place(place: int, count: int, metric: str) -> str:
    return f"rank {place + 1:,} of {count:,} by {metric}" if metric else ""


def _rank(data: RunData, protocol: str) -> Ranked:
    pairs = _of(data, protocol)
    names = {pair.pair_id for pair in pairs}
    scored = {metric for _, pair_id, metric in data.mean if pair_id in names}
    metric = next((name for name in RANKING if name in scored), "")
    sign = -1 if metric and KNOWN[metric].direction == "higher" else 1
    judged = [name for name in data.renderers if name != FLOOR] or data.renderers

    def badness(pair: Pair) -> tuple[bool, float, str]:
        found = [data.mean[key] for name in judged if (key := (name, pair.pair_id, metric)) in data.mean]
        return not found, sign * sum(found) / max(1, len(found)), pair.pair_id

    return Ranked(protocol, metric, sorted(pairs, key=badness))


def _of(data: RunData, protocol: str) -> Sequence[Pair]:
    return [pair for pair in data.pairs if pair.protocol == protocol]
