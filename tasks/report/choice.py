"""Which pairs are shown when there are too many: the best, the middle and the worst, metric by metric."""

from typing import NamedTuple

from reenactory.models.metrics.registry import lookup
from reenactory.tasks.pairs import Pair
from reenactory.tasks.report.run import RunData
from reenactory.tasks.results.reference import FLOOR

MOST_PAIRS = 30
MOST_RENDERERS = 12  # in a pair's sheet
MOST_STRIPS = 150  # of pairs in the whole page: at 25 to 40 KB each it stays near 5 MB
SHOWN = {  # where room is short, the first have it
    "self": ("lpips", "psnr", "csim", "aed_l1", "akd", "ssim"),
    "cross": ("aed_l1", "csim", "apd_l1_angles", "akd"),
}
PLACES = ("best", "middle", "worst")


class Example(NamedTuple):
    """A pair at one of PLACES."""

    place: str
    pair: Pair
    value: float  # mean over the methods, the floor being none


class Examples(NamedTuple):
    """The pairs of a protocol at PLACES by one metric."""

    protocol: str
    metric: str
    found: list[Example]


class Chosen(NamedTuple):
    """A pair to show, and what it is an example of."""

    pair: Pair
    places: list[str]


def limit(data: RunData) -> int:
    """How many pairs' sheets fit."""
    rows = 2 + min(MOST_RENDERERS, len(data.renderers))
    return max(2, min(MOST_PAIRS, MOST_STRIPS // rows))


def examples(data: RunData) -> list[Examples]:
    """Of each protocol and metric that at least three pairs have a value of."""
    made: list[Examples] = []
    for protocol, metrics in SHOWN.items():
        for metric in metrics:
            ordered = by_quality(data, protocol, metric)
            if len(ordered) >= len(PLACES):
                chosen = (ordered[0], ordered[len(ordered) // 2], ordered[-1])
                found = [Example(place, *entry) for place, entry in zip(PLACES, chosen, strict=True)]
                made.append(Examples(protocol, metric, found))
    return made


def choose(data: RunData) -> list[Chosen]:
    """All pairs in the run's order where they fit, else the examples, as many as fit in each protocol."""
    places: dict[str, list[str]] = {}
    for group in examples(data):
        for example in group.found:
            places.setdefault(example.pair.pair_id, []).append(f"{example.place} {group.metric}")
    protocols = [protocol for protocol in SHOWN if any(pair.protocol == protocol for pair in data.pairs)]
    most = limit(data)
    if len(data.pairs) <= most:
        pairs = [pair for protocol in protocols for pair in data.pairs if pair.protocol == protocol]
    else:
        by_id = {pair.pair_id: pair for pair in data.pairs}
        # Unscored pairs are no examples of anything: a run without scores shows its first ones.
        ordered = [*(by_id[name] for name in places), *data.pairs]
        each = max(1, most // len(protocols))
        pairs = [
            pair
            for protocol in protocols
            for pair in list(dict.fromkeys(pair for pair in ordered if pair.protocol == protocol))[:each]
        ]
    return [Chosen(pair, places.get(pair.pair_id, [])) for pair in pairs]


def by_quality(data: RunData, protocol: str, metric: str) -> list[tuple[Pair, float]]:
    """The pairs of a protocol that have a value of the metric, from best to worst, with its mean over the methods."""
    judged = [name for name in data.renderers if name != FLOOR] or data.renderers
    found: list[tuple[Pair, float]] = []
    for pair in data.pairs:
        values = [data.mean[key] for name in judged if (key := (name, pair.pair_id, metric)) in data.mean]
        if pair.protocol == protocol and values:
            found.append((pair, sum(values) / len(values)))
    return sorted(found, key=lambda entry: (lookup(metric).distance(entry[1]), entry[0].pair_id))


def worst_first(data: RunData) -> list[Pair]:
    """All pairs, each protocol's by its first metric; those without a value last."""
    ordered: list[Pair] = []
    for protocol, metrics in SHOWN.items():
        pairs = [pair for pair in data.pairs if pair.protocol == protocol]
        ranked = next((known for metric in metrics if (known := by_quality(data, protocol, metric))), [])
        ordered += dict.fromkeys([*(pair for pair, _ in reversed(ranked)), *pairs])
    return ordered
