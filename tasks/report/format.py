"""Numbers and counts as a reader wants them."""

import math
from collections.abc import Iterable
from typing import TypeGuard


def decimals_for(values: Iterable[float | None]) -> int:
    """Decimals that give the largest of the values about four digits, so that a row of a table lines up."""
    largest = max((round(abs(value), 4) for value in values if is_number(value)), default=0.0)
    return next((count for limit, count in ((100, 1), (10, 2), (1, 3)) if largest >= limit), 4)


def number(value: float | None, decimals: int | None = None) -> str:
    """A value for people; a dash where there is none."""
    if not is_number(value):
        return "–"
    return f"{value:.{decimals_for([value]) if decimals is None else decimals}f}"


def is_number(value: float | None) -> TypeGuard[float]:
    return value is not None and math.isfinite(value)


def counted(count: int, singular: str, plural: str = "") -> str:
    """`1 frame`, `2,000 frames`."""
    return f"{count:,} {singular if count == 1 else plural or singular + 's'}"
