"""Every metric there is: the one place where tables, comparisons and `reenactory metrics list` look them up."""

import re

from reenactory.models.metrics.definition import Definition
from reenactory.models.metrics.entries_face import FACE_METRICS
from reenactory.models.metrics.entries_image import IMAGE_METRICS
from reenactory.models.metrics.entries_set import SET_METRICS
from reenactory.models.metrics.entries_time import TIME_METRICS

DEFINITIONS: tuple[Definition, ...] = (*IMAGE_METRICS, *FACE_METRICS, *TIME_METRICS, *SET_METRICS)

KNOWN: dict[str, Definition] = {entry.name: entry for entry in DEFINITIONS}
PLACE: dict[str, int] = {entry.name: place for place, entry in enumerate(DEFINITIONS)}
"""Where a metric stands in a table."""

_QUALIFIER_VALUE = re.compile(r"[a-z0-9][a-z0-9._+-]*")


def lookup(name: str) -> Definition:
    """The definition of one metric.

    Raises:
        KeyError: no metric has this name; the message lists those that exist.
    """
    if name not in KNOWN:
        raise KeyError(f"no metric is called {name!r}; known: {', '.join(sorted(KNOWN))}")
    return KNOWN[name]


def definition_for(
    name: str, *, extractor: str | None = None, embedder: str | None = None, reference: str | None = None
) -> str:
    """The full definition string of a metric, with the networks behind it named.

    Qualifiers that the metric does not have are ignored, so that one call serves every metric of a run.

    Args:
        name: metric name, such as ``aed_l1``.
        extractor: what made coefficients and landmarks, such as ``mediapipe-1.2.2``.
        embedder: identity network, such as ``sface-2021dec-int8bq``.
        reference: ``target`` or ``source``.

    Raises:
        KeyError: unknown metric.
        ValueError: a qualifier that the metric needs is missing, or is not lower-case ``[a-z0-9._+-]``.
    """
    entry = lookup(name)
    given = {"extractor": extractor, "embedder": embedder, "reference": reference}
    values: dict[str, str] = {}
    for qualifier in entry.qualifiers:
        value = given[qualifier]
        if value is None or not _QUALIFIER_VALUE.fullmatch(value):
            raise ValueError(
                f"definition of {name}: {qualifier} must be lower-case letters, digits and . _ + -; got {value!r}"
            )
        values[qualifier] = value
    return entry.definition.format(**values)
