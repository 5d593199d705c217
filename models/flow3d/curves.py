"""A training's log as a picture: loss and scores over steps, drawn with OpenCV alone."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Line = Mapping[str, float]
Colour = tuple[int, int, int]

_WIDTH, _HEIGHT = 420, 260  # of one panel
_LEFT, _RIGHT, _TOP, _BOTTOM = 58, 12, 30, 26  # around its axes
_INK, _GRID = (40, 40, 40), (225, 225, 225)
_OURS, _COPY = (31, 119, 180), (150, 150, 150)
_TICKS = 4
_SMOOTH = 0.05  # of the loss's points, averaged for the strong line


class _Curve(NamedTuple):
    """values over steps, both (N,); `faint`: drawn behind, as what another curve is the mean of."""

    steps: NDArray[np.float64]
    values: NDArray[np.float64]
    colour: Colour
    faint: bool = False


def draw_curves(lines: Sequence[Line]) -> NDArray[np.uint8]:
    """Loss, perceptual distance and PSNR of held-out people (beside the unchanged source's, in grey), examples/s.

    Args:
        lines: of `log.jsonl`, in their order.

    Returns:
        (520, 840, 3) uint8 RGB. A panel without numbers says so.
    """
    loss = _curve(lines, "total", _OURS)
    panels = [
        _panel("loss (its mean over 1/20 of the steps)", [loss._replace(faint=True), _smoothed(loss)]),
        _panel("perceptual distance, held out", [_curve(lines, n, c) for n, c in _beside_copy("perceptual")]),
        _panel("PSNR in dB, held out", [_curve(lines, n, c) for n, c in _beside_copy("psnr")]),
        _panel("examples/s", [_curve(lines, "examples_per_second", _OURS)]),
    ]
    return np.concatenate([np.concatenate(panels[:2], axis=1), np.concatenate(panels[2:], axis=1)])


def _beside_copy(name: str) -> list[tuple[str, Colour]]:
    return [(f"copy_{name}", _COPY), (name, _OURS)]


def _curve(lines: Sequence[Line], name: str, colour: Colour) -> _Curve:
    found = [(line["step"], line[name]) for line in lines if name in line and np.isfinite(line[name])]
    table = np.array(found, np.float64).reshape(-1, 2)
    return _Curve(table[:, 0], table[:, 1], colour)


def _smoothed(curve: _Curve) -> _Curve:
    width = max(1, round(_SMOOTH * len(curve.values)))
    kernel = np.full(width, 1 / width)
    if len(curve.values) < 2 * width or width == 1:
        return curve
    return curve._replace(
        steps=np.convolve(curve.steps, kernel, "valid"), values=np.convolve(curve.values, kernel, "valid")
    )


def _panel(title: str, curves: Sequence[_Curve]) -> NDArray[np.uint8]:
    import cv2

    picture = np.full((_HEIGHT, _WIDTH, 3), 255, np.uint8)

    def write(text: str, column: int, row: int) -> None:
        cv2.putText(picture, text, (column, row), cv2.FONT_HERSHEY_SIMPLEX, 0.4, _INK, 1, cv2.LINE_AA)

    write(title, _LEFT, 19)
    drawn = [curve for curve in curves if len(curve.values)]
    if not drawn:
        write("nothing yet", _LEFT, _HEIGHT // 2)
        return picture
    # The first steps of a loss are many times the rest: they may leave the panel.
    values = np.concatenate([curve.values for curve in drawn])
    low, high = (float(bound) for bound in np.percentile(values, (0, 98)))
    high = high if high > low else low + max(abs(low), 1e-6) * 0.1
    last = max(1.0, *(float(curve.steps[-1]) for curve in drawn))
    inner = (_WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM)

    def place(step: float, value: float) -> tuple[int, int]:
        share = min(max((value - low) / (high - low), -0.02), 1.02)
        return round(_LEFT + inner[0] * step / last), round(_TOP + inner[1] * (1 - share))

    for tick in range(_TICKS + 1):
        level, step = low + (high - low) * tick / _TICKS, last * tick / _TICKS
        row, column = place(0, level)[1], place(step, low)[0]
        cv2.line(picture, (_LEFT, row), (_WIDTH - _RIGHT, row), _GRID, 1)
        write(f"{level:.4g}", 6, row + 4)
        write(f"{step:.0f}", min(column - 10, _WIDTH - 50), _HEIGHT - 8)
    for curve in drawn:
        colour = tuple((255 * 2 + channel) // 3 for channel in curve.colour) if curve.faint else curve.colour
        points = [place(float(step), float(value)) for step, value in zip(curve.steps, curve.values, strict=True)]
        for start, end in pairwise(points):
            cv2.line(picture, start, end, colour, 1, cv2.LINE_AA)
        if len(points) == 1:
            cv2.circle(picture, points[0], 3, colour, -1, cv2.LINE_AA)
    return picture
