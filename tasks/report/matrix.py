"""Every comparison of a page as one cell: on how many metrics a renderer is shown to be better, and worse."""

from collections.abc import Sequence
from typing import NamedTuple


class Compared(NamedTuple):
    """What one table of the page came to."""

    number: int  # of the table on the page, from 1
    renderer_a: str
    renderer_b: str
    better: int  # metrics on which A is shown to be better
    worse: int
    metrics: int


class Cell(NamedTuple):
    """The renderer of the row against that of the column."""

    number: int
    better: int
    worse: int
    metrics: int


class Matrix(NamedTuple):
    """One protocol."""

    title: str
    columns: list[str]
    rows: list[tuple[str, list[Cell | None]]]  # None: not compared
    few_identities: str  # nothing can be shown; empty where it can


def matrix(title: str, compared: Sequence[Compared], one_run: bool, few_identities: str) -> Matrix:
    """`one_run`: both sides are the same run, so a comparison is read from either side."""
    cells = {(one.renderer_a, one.renderer_b): Cell(one.number, *one[3:]) for one in compared}
    if one_run:
        turned = {(one.renderer_b, one.renderer_a): one for one in compared}
        cells |= {key: Cell(one.number, one.worse, one.better, one.metrics) for key, one in turned.items()}
    down, across = (list(dict.fromkeys(sorted(key[side] for key in cells))) for side in (0, 1))
    return Matrix(title, across, [(a, [cells.get((a, b)) for b in across]) for a in down], few_identities)
