"""The pairs on which two renderers differ most, either way, as strips: what a mean difference looks like."""

from collections.abc import Container, Iterator, Sequence
from typing import NamedTuple

from reenactory.models.metrics.definition import ARROWS
from reenactory.models.metrics.registry import lookup
from reenactory.tasks.pairs import Pair
from reenactory.tasks.report.format import decimals_for, number
from reenactory.tasks.report.run import Artefacts, RunData
from reenactory.tasks.report.tiles import Strip, sampled, strip

JUDGED_BY = {"self": ("lpips", "csim"), "cross": ("aed_l1", "csim")}  # likeness or motion, and identity
MOST_SHEETS = 24  # of a page, at 0.1 MB each
TILE_PX = 160


class Shot(NamedTuple):
    """One renderer's row."""

    side: str  # A or B
    renderer: str
    strip: Strip | None  # None: the store no longer has its frames
    values: list[tuple[str, str]]  # metric, mean over the pair


class Extreme(NamedTuple):
    """One pair."""

    pair: Pair
    places: list[str]  # `A better by most: lpips ↓ 0.0512 against 0.1207`
    indices: list[int]  # of the driving clip
    source: Strip | None
    driving: Strip | None
    shots: list[Shot]


class Versus(NamedTuple):
    """A renderer of run A against one of run B, in one protocol."""

    protocol: str
    renderer_a: str
    renderer_b: str


class Extremes:
    """Makes the sheets of a page until it has enough of them."""

    def __init__(self, a: RunData, b: RunData, artefacts: Artefacts) -> None:
        self._sides, self._artefacts = (a, b), artefacts
        self._left = MOST_SHEETS

    def of(self, versus: Versus, comparable: Container[str]) -> list[Extreme]:
        """At most two pairs by each metric of JUDGED_BY; none where the page is full or nothing differs.

        Args:
            versus: who is compared.
            comparable: metrics that both runs have by one definition.
        """
        places: dict[str, list[str]] = {}
        for metric in (metric for metric in JUDGED_BY[versus.protocol] if metric in comparable):
            for pair_id, place in self._found(versus, metric):
                places.setdefault(pair_id, []).append(place)
        pairs = {pair.pair_id: pair for pair in self._sides[0].pairs}
        chosen = list(places.items())[: self._left]
        self._left -= len(chosen)
        return [self._sheet(versus, pairs[pair_id], said) for pair_id, said in chosen]

    def _found(self, versus: Versus, metric: str) -> Iterator[tuple[str, str]]:
        """The pair that A is better on by most, and the one that B is, where there are such."""
        entry, known = lookup(metric), self._values(versus, metric)
        decimals = decimals_for([value for both in known.values() for value in both])
        gaps = {name: entry.distance(a) - entry.distance(b) for name, (a, b) in known.items()}  # below 0: A is better
        for side, sign in (("A", 1), ("B", -1)):
            gap, name = min(((sign * gap, name) for name, gap in gaps.items()), default=(0.0, ""))
            if gap < 0:
                a, b = (number(value, decimals) for value in known[name])
                yield name, f"{side} better by most: {metric} {ARROWS[entry.direction]} {a} against {b}"

    def _values(self, versus: Versus, metric: str) -> dict[str, tuple[float, float]]:
        """Means of A and B by pair, of the pairs that both have a value of."""
        a, b = self._sides
        found: dict[str, tuple[float, float]] = {}
        for pair in a.pairs:
            keys = (versus.renderer_a, pair.pair_id, metric), (versus.renderer_b, pair.pair_id, metric)
            if pair.protocol == versus.protocol and keys[0] in a.mean and keys[1] in b.mean:
                found[pair.pair_id] = a.mean[keys[0]], b.mean[keys[1]]
        return found

    def _sheet(self, versus: Versus, pair: Pair, places: Sequence[str]) -> Extreme:
        data, artefacts = self._sides[0], self._artefacts
        local = sampled(pair.driving_count)
        indices = [pair.driving_start + index for index in local]
        crops = [data.clip[name]["crop_key"] for name in (pair.source_clip, pair.driving_clip)]
        still, driving = (
            strip(artefacts.frames("crop", key, "clip.mp4", wanted), TILE_PX)
            for key, wanted in zip(crops, ([pair.source_frame], indices), strict=True)
        )
        shots = [
            self._shot("A", self._sides[0], versus.renderer_a, pair, local),
            self._shot("B", self._sides[1], versus.renderer_b, pair, local),
        ]
        return Extreme(pair, list(places), indices, still, driving, shots)

    def _shot(self, side: str, data: RunData, renderer: str, pair: Pair, local: list[int]) -> Shot:
        row = data.render[renderer, pair.pair_id]
        frames = self._artefacts.frames(str(row["stage"]), row["render_key"], "frames.mp4", local)
        values = [
            (metric, number(data.mean.get((renderer, pair.pair_id, metric)), data.decimals.get(metric)))
            for metric in JUDGED_BY[pair.protocol]
        ]
        return Shot(side, renderer, strip(frames, TILE_PX), values)
