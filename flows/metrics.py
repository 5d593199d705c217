"""`reenactory metrics list`: the registry of metrics as a person, or a program, reads it."""

import json
import textwrap
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from typing import get_args

from reenactory.models.metrics.definition import ARROWS, WORDS, Definition
from reenactory.models.metrics.registry import DEFINITIONS, KNOWN
from reenactory.models.weight_files import WeightMissing
from reenactory.models.weights import sha256_of
from reenactory.tasks.errors import WrongUseError
from reenactory.tasks.extractors import ExtractorName, extractor_class

LABEL = 12  # columns of a line's name
READABLE = 120  # longest line that the eye follows back


def metrics_text(names: Sequence[str] | None, width: int) -> str:
    """A paragraph per metric, at most `width` wide.

    Raises:
        WrongUseError: no metric has such a name, nor one with it as a part.
    """
    return "\n\n".join("\n".join(_lines(entry, min(width, READABLE))) for entry in _chosen(names))


def metrics_json(names: Sequence[str] | None) -> str:
    """A JSON array of the metrics, weights with their sha256. Errors as `metrics_text`."""
    return json.dumps([_row(entry) for entry in _chosen(names)], indent=1, ensure_ascii=False)


def _chosen(names: Sequence[str] | None) -> list[Definition]:
    wanted = {metric for name in names or KNOWN for metric in _called(name)}
    return [entry for entry in DEFINITIONS if entry.name in wanted]


def _called(name: str) -> list[str]:
    """The metric of that name, else all whose names have it as a part."""
    part = name.strip().lower()
    found = [part] if part in KNOWN else [metric for metric in KNOWN if part and part in metric]
    if not found:
        near = get_close_matches(part, KNOWN, cutoff=0.5)
        meant = f"did you mean {' or '.join(near)}?" if near else f"there are: {', '.join(KNOWN)}"
        raise WrongUseError(f"no metric has {name!r} in its name; {meant}")
    return found


def _row(entry: Definition) -> dict[str, object]:
    return {
        "name": entry.name,
        "definition": entry.definition,
        "formula": entry.formula,
        "direction": entry.direction,
        "range": list(entry.range),
        "unit": entry.unit,
        "per": entry.per,
        "protocols": list(entry.protocols),
        "optional": entry.optional,
        "inputs": entry.inputs,
        "caution": entry.caution,
        "used_by": [{"paper": use.paper, "tables": use.tables, "note": use.note} for use in entry.used_by],
        "weights": {name: sha256_of(name) for name in entry.weights},
        "extractor_weights": _extractor_weights(entry),
    }


def _extractor_weights(entry: Definition) -> dict[str, dict[str, str | None]]:
    """What a fitted metric depends on besides, by face3d.extractor; None for a file of the user's that is not named."""
    names = get_args(ExtractorName) if entry.fitted else ()
    return {name: {weight: _known_sha256(weight) for weight in extractor_class(name).weights} for name in names}


def _known_sha256(weight: str) -> str | None:
    try:
        return sha256_of(weight)
    except WeightMissing:
        return None


def _lines(entry: Definition, width: int) -> Iterator[str]:
    title = f"{entry.name} {ARROWS[entry.direction]}"
    yield f"{title}  one value per {entry.per}, {' and '.join(entry.protocols)} pairs{_optional(entry)}"
    parts = {
        "definition": [entry.definition],
        "formula": [entry.formula],
        "range": [f"{entry.range_text}; {WORDS[entry.direction]}"],
        "inputs": [entry.inputs],
        "weights": [*(f"{name} sha256 {sha256_of(name)}" for name in entry.weights), *_extractor_texts(entry)],
        "used by": [str(use) for use in entry.used_by],
        "no value": [f"where {entry.why_missing}"],
        "caution": [entry.caution] if entry.caution else [],
    }
    for label, texts in parts.items():
        for index, text in enumerate(texts):
            first = f"  {label if not index else '':{LABEL}}"
            rest = " " * len(first)
            yield textwrap.fill(
                text,
                width,
                initial_indent=first,
                subsequent_indent=rest,
                break_on_hyphens=False,
                break_long_words=False,
            )


def _extractor_texts(entry: Definition) -> Iterator[str]:
    for extractor, weights in _extractor_weights(entry).items():
        told = [
            f"{name} sha256 {known}" if known else f"{name}, a file of your own that is not named here"
            for name, known in weights.items()
        ]
        yield f"with face3d.extractor={extractor}: {' and '.join(told) or 'nothing more'}"


def _optional(entry: Definition) -> str:
    return f"; only with --set score.{entry.name}=true" if entry.optional else ""
