"""The published VoxCeleb metadata file: which frames and boxes of which video make a clip."""

import math
import re
from collections import defaultdict
from collections.abc import Hashable, Iterator, Mapping
from pathlib import Path

import pandas as pd
from pydantic import JsonValue

from reenactory.infra.addresses import fits_in_a_line

COLUMNS = ("video_id", "start", "end", "bbox", "fps", "width", "height")
LEAST_SIZE, MOST = 1e-3, 1e9  # of numbers in a row: beyond them, frame numbers and pixels overflow
BOX = re.compile("-".join([r"(\d+(?:\.\d+)?)"] * 4))


class UnusableMetadataError(ValueError):
    """A metadata file that cannot be read as such; the message says what is missing."""


def read_metadata(path: Path) -> dict[str, tuple[dict[str, JsonValue], ...]]:
    """Rows by video id: start, end (frames at fps, end exclusive), fps, width, height, box_ltrb in that picture size.

    Raises:
        UnusableMetadataError: no CSV file, a column or a number is missing, or a box is not `left-top-right-bottom`.
    """
    try:
        table = pd.read_csv(path, dtype={"video_id": str, "bbox": str, "person_id": str, "partition": str})
    except (OSError, ValueError) as error:  # pandas' own parser errors are ValueErrors
        raise UnusableMetadataError(f"{path}: not a metadata CSV that can be read ({error})") from error
    missing = [name for name in COLUMNS if name not in table.columns]
    if missing:
        raise UnusableMetadataError(f"{path}: column(s) {', '.join(missing)} missing; needs {', '.join(COLUMNS)}")
    rows: dict[str, list[dict[str, JsonValue]]] = defaultdict(list)
    for line, row in enumerate(table.to_dict("records"), start=2):
        try:
            rows[str(row["video_id"])].append(_row(row))
        except ValueError as error:
            raise UnusableMetadataError(f"{path}:{line}: {error}") from error
    return {video: tuple(sorted(found, key=lambda row: int(str(row["start"])))) for video, found in rows.items()}


def _row(row: Mapping[Hashable, object]) -> dict[str, JsonValue]:
    sizes = {name: _number(row, name) for name in ("fps", "width", "height")}
    if min(sizes.values()) <= LEAST_SIZE:
        raise ValueError(f"fps, width and height must be above {LEAST_SIZE:g}, got {sizes}")
    return {
        "start": int(_number(row, "start")),
        "end": int(_number(row, "end")),
        **sizes,
        "box_ltrb": list(_box(str(row["bbox"]))),
        "identity": _text(row, "person_id"),
        "split": _text(row, "partition"),
    }


def _number(row: Mapping[Hashable, object], name: str) -> float:
    try:
        value = float(str(row[name]))
    except ValueError:
        value = math.nan
    if not abs(value) <= MOST:  # nor NaN
        raise ValueError(f"{name} {repr(row[name])[:80]} is not a number up to {MOST:g}")
    return value


def _text(row: Mapping[Hashable, object], name: str) -> str | None:
    """None where the column or the value is missing: a missing person is nobody, not somebody called nan."""
    value = row.get(name)
    if not isinstance(value, str):
        return None
    if not fits_in_a_line(value):
        raise ValueError(f"{name} {value[:80]!r} has control characters")
    return value


def _box(text: str) -> Iterator[float]:
    parts = BOX.fullmatch(text)
    if parts is None:
        raise ValueError(f"bbox {text!r} is not left-top-right-bottom")
    left, top, right, bottom = (float(part) for part in parts.groups())
    if max(right, bottom) > MOST:
        raise ValueError(f"bbox {text[:80]!r} is beyond {MOST:g}")
    if left >= right or top >= bottom:
        raise ValueError(f"bbox {text!r} is empty: left-top-right-bottom are edges, not sizes")
    yield from (left, top, right, bottom)
