"""Over time: how driver and renders move, and how a metric runs. A strip of six frames cannot show it."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from reenactory.models.metrics.definition import ARROWS
from reenactory.models.metrics.registry import lookup
from reenactory.models.metrics.temporal import mouth_opening
from reenactory.tasks.face3d import column
from reenactory.tasks.report.format import decimals_for

WIDTH, HEIGHT = 400.0, 100.0  # of the drawing, in its own units; the page stretches it
MOST_POINTS = 160  # of a line: more cannot be told apart at the width it is shown

Series = NDArray[np.float32]


class Line(NamedTuple):
    """One series; a part ends where no face was found."""

    colour: str
    parts: list[str]  # points of a polyline each


class Chart(NamedTuple):
    """A quantity over the frames of a pair."""

    title: str
    unit: str
    low: str
    high: str
    zero: float | None  # height of the zero line where it is in the picture
    lines: list[Line]


def yaw(face: pa.Table) -> Series:
    """(T,) degrees, NaN where no face was found."""
    return np.degrees(column(face, "angles")[:, 1])


def opening(face: pa.Table) -> Series:
    """(T,) mouth opening over the eye distance, NaN where no face was found."""
    return mouth_opening(column(face, "landmarks").reshape(-1, 68, 2)).astype(np.float32)


def charts(faces: Sequence[pa.Table | None], colours: Sequence[str]) -> list[Chart]:
    """Charts of the faces that there are, each in its colour; none where no frame of any has a face."""
    quantities = (("yaw", "degrees", yaw, 1, 5.0), ("mouth opening", "of the eye distance", opening, 2, 0.1))
    drawn = [
        _chart(title, unit, [None if face is None else measure(face) for face in faces], colours, decimals, span)
        for title, unit, measure, decimals, span in quantities
    ]
    return [chart for chart in drawn if chart is not None]


def score_chart(metrics: Sequence[str], scores: Sequence[pa.Table | None], colours: Sequence[str]) -> Chart | None:
    """The first of the metrics that the renders have frames of; None where they have none.

    Args:
        metrics: by name, the most telling first.
        scores: tables of the stage `score`, one per render.
        colours: of the renders.
    """
    for metric in metrics:
        series = [None if table is None else _frames(table, metric) for table in scores]
        known = [values[np.isfinite(values)] for values in series if values is not None]
        largest = max((float(values.max()) for values in known if len(values)), default=None)
        if largest is not None:
            entry = lookup(metric)
            title, unit = f"{metric} {ARROWS[entry.direction]}", entry.unit or "of each frame"
            return _chart(title, unit, series, colours, decimals_for([largest]), 0.05 * abs(largest))
    return None


def _frames(table: pa.Table, metric: str) -> Series:
    """(T,) values of the frames, in order; NaN where a frame was dropped."""
    rows = table.filter((pc.field("metric") == metric) & (pc.field("frame") >= 0)).sort_by("frame")
    return np.asarray(rows["value"].to_numpy(zero_copy_only=False), np.float32)


def _chart(
    title: str, unit: str, series: Sequence[Series | None], colours: Sequence[str], decimals: int, least_span: float
) -> Chart | None:
    known = [values for values in series if values is not None and np.isfinite(values).any()]
    if not known:
        return None
    low = min(float(np.nanmin(values)) for values in known)
    high = max(float(np.nanmax(values)) for values in known)
    if high - low < least_span:  # hardly anything moves: a flat line, not noise at full height
        middle = (low + high) / 2
        low = max(0.0, middle - least_span / 2) if low >= 0 else middle - least_span / 2
        high = low + least_span
    lines = [
        Line(colour, _parts(values, low, high))
        for colour, values in zip(colours, series, strict=True)
        if values is not None and np.isfinite(values).any()
    ]
    zero = round(_height(0.0, low, high), 1) if low < 0 < high else None
    return Chart(title, unit, _label(low, decimals), _label(high, decimals), zero, lines)


def _label(value: float, decimals: int) -> str:
    return f"{value:.{decimals}f}".replace("-", "−")


def _parts(values: Series, low: float, high: float) -> list[str]:
    count = len(values)
    chosen = np.unique(np.rint(np.linspace(0, count - 1, min(count, MOST_POINTS))).astype(int))
    parts: list[list[str]] = [[]]
    for index in chosen:
        if not np.isfinite(values[index]):
            parts.append([])
            continue
        x = WIDTH * index / max(1, count - 1)
        parts[-1].append(f"{x:.1f},{_height(float(values[index]), low, high):.1f}")
    # A lone point is written twice: with round caps a line of no length is a dot.
    return [" ".join(part if len(part) > 1 else part * 2) for part in parts if part]


def _height(value: float, low: float, high: float) -> float:
    return HEIGHT * (high - value) / (high - low)
