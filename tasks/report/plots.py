"""Where a method is good and how evenly: its scores by how hard the frames are, and their spread over the pairs."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from reenactory.models.metrics.definition import ARROWS
from reenactory.models.metrics.registry import KNOWN
from reenactory.tasks.report.choice import SHOWN
from reenactory.tasks.report.colours import colour_of
from reenactory.tasks.report.format import decimals_for, number
from reenactory.tasks.report.run import RunData
from reenactory.tasks.results.bins import BINNINGS, Binning

WIDTH, HEIGHT = 400.0, 100.0  # of a drawing, in its own units; the page stretches it
MOST_DOTS = 60  # of a renderer: beyond, the quartiles say it better
ROW = 14.0  # height of a renderer in a picture of spreads
TITLES = {
    "pose_gap": "By the angle between the head poses of source and driver",
    "yaw": "By the driver's yaw, to either side",
    "motion": "By the driver's motion from frame to frame",
}


class Point(NamedTuple):
    """A renderer's mean in one bin; `low` and `high` are the ends of its interval, equal where there is none."""

    x: float
    y: float
    low: float
    high: float


class BinLine(NamedTuple):
    renderer: str
    colour: str
    points: list[Point]

    @property
    def path(self) -> str:
        return " ".join(f"{point.x},{point.y}" for point in self.points)


class BinPlot(NamedTuple):
    """One metric over the bins of a condition."""

    metric: str
    arrow: str
    low: str
    high: str
    lines: list[BinLine]


class BinPlots(NamedTuple):
    """All metrics of a protocol over one condition."""

    title: str
    bins: list[str]
    plots: list[BinPlot]


class Spread(NamedTuple):
    """A renderer's means per pair: the whole range, the middle half, the median, and the pairs if they are few."""

    renderer: str
    colour: str
    y: float
    ends: tuple[float, float]
    quartiles: tuple[float, float]
    median: float
    dots: list[float]


class SpreadPlot(NamedTuple):
    """One metric over the pairs of a protocol."""

    metric: str
    arrow: str
    low: str
    high: str
    height: float
    spreads: list[Spread]


def bin_plots(data: RunData, protocol: str) -> list[BinPlots]:
    """The conditions of which at least two bins have frames."""
    made = [_binned(data, protocol, binning) for binning in BINNINGS]
    return [plots for plots in made if len(plots.bins) > 1 and plots.plots]


def spread_plots(data: RunData, protocol: str) -> list[SpreadPlot]:
    """The metrics that at least two pairs have."""
    names = [pair.pair_id for pair in data.pairs if pair.protocol == protocol]
    made = [_spreads(data, metric, names) for metric in SHOWN[protocol]]
    return [plot for plot in made if plot is not None]


def _binned(data: RunData, protocol: str, binning: Binning) -> BinPlots:
    found = {
        (str(line["metric"]), str(line["renderer"]), str(line["bin"])): line
        for line in data.binned
        if (line["protocol"], line["bin_by"]) == (protocol, binning.by) and line["value"] is not None
    }
    bins = [label for label in binning.labels if any(key[2] == label for key in found)]
    plots: list[BinPlot] = []
    for metric in SHOWN[protocol]:
        lines = {name: [found.get((metric, name, label)) for label in bins] for name in data.renderers}
        ends = [
            float(str(line[name]))
            for row in lines.values()
            for line in row
            if line is not None
            for name in ("value", "ci_low", "ci_high")
            if line[name] is not None
        ]
        if not ends:
            continue
        low, high = _span(ends)
        drawn = [BinLine(name, colour_of(name), _points(row, low, high)) for name, row in lines.items()]
        plots.append(BinPlot(metric, _arrow(metric), *_labels(low, high), [line for line in drawn if line.points]))
    return BinPlots(TITLES[binning.by], bins, plots)


def _points(row: Sequence[dict[str, object] | None], low: float, high: float) -> list[Point]:
    points: list[Point] = []
    for place, line in enumerate(row):
        if line is None:
            continue
        value = float(str(line["value"]))
        ends = [value if line[name] is None else float(str(line[name])) for name in ("ci_low", "ci_high")]
        x = round(WIDTH * (place + 0.5) / len(row), 1)
        points.append(Point(x, *(_place(number, high, low, HEIGHT) for number in (value, *ends))))
    return points


def _spreads(data: RunData, metric: str, pairs: Sequence[str]) -> SpreadPlot | None:
    known = {
        name: np.array([data.mean[key] for pair in pairs if (key := (name, pair, metric)) in data.mean])
        for name in data.renderers
    }
    known = {name: values for name, values in known.items() if len(values) > 1}
    if not known:
        return None
    low, high = _span([float(end) for values in known.values() for end in (values.min(), values.max())])
    spreads: list[Spread] = []
    for place, (name, values) in enumerate(known.items()):
        marks = np.quantile(values, (0, 0.25, 0.5, 0.75, 1))
        first, lower, median, upper, last = (_place(float(mark), low, high, WIDTH) for mark in marks)
        dots = [_place(float(value), low, high, WIDTH) for value in values] if len(values) <= MOST_DOTS else []
        y = ROW * (place + 0.5)
        spreads.append(Spread(name, colour_of(name), y, (first, last), (lower, upper), median, dots))
    return SpreadPlot(metric, _arrow(metric), *_labels(low, high), ROW * len(known), spreads)


def _span(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def _place(value: float, first: float, last: float, size: float) -> float:
    return round(size * (value - first) / (last - first), 1)


def _labels(low: float, high: float) -> tuple[str, str]:
    decimals = decimals_for((low, high))
    return number(low, decimals), number(high, decimals)


def _arrow(metric: str) -> str:
    return ARROWS[KNOWN[metric].direction]
