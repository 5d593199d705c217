"""A row of the score table as a drawing: each renderer's value and interval on one axis, better to the right."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from reenactory.tasks.report.colours import colour_of

WIDTH = 100.0  # of the axis, in the drawing's units
MARGIN = 4.0


class Mark(NamedTuple):
    """One renderer on the axis; `low` and `high` are equal where there is no interval."""

    colour: str
    at: float
    low: float
    high: float


class Estimate(NamedTuple):
    """A value and the ends of its interval, None where it has none."""

    value: float
    low: float | None
    high: float | None


def folded(estimate: Estimate) -> Estimate:
    """Distances from zero, for a metric whose best value that is: an interval that holds zero begins there."""
    if estimate.low is None or estimate.high is None:
        return Estimate(abs(estimate.value), None, None)
    near, far = sorted((abs(estimate.low), abs(estimate.high)))
    return Estimate(abs(estimate.value), 0.0 if estimate.low <= 0.0 <= estimate.high else near, far)


def marks(renderers: Sequence[str], estimates: Mapping[str, Estimate], lower_is_better: bool) -> list[Mark]:
    """Places on an axis that just holds all values and intervals; none where all of them are the same number."""
    ends = [end for estimate in estimates.values() for end in estimate if end is not None]
    first, last = min(ends, default=0.0), max(ends, default=0.0)
    if first == last:
        return []

    def place(value: float) -> float:
        share = (value - first) / (last - first)
        return round(MARGIN + (WIDTH - 2 * MARGIN) * (1 - share if lower_is_better else share), 1)

    placed: list[Mark] = []
    for renderer in renderers:
        estimate = estimates.get(renderer)
        if estimate is None:
            continue
        low, high = (estimate.value if end is None else end for end in (estimate.low, estimate.high))
        placed.append(Mark(colour_of(renderer), place(estimate.value), *sorted((place(low), place(high)))))
    return placed
