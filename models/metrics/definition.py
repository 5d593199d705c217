"""What is said of a metric: a stable definition string, its formula, which way is better, and who reports it."""

from dataclasses import dataclass
from string import Formatter
from typing import Literal

Direction = Literal["higher", "lower", "zero"]
Protocol = Literal["self", "cross"]

ARROWS: dict[Direction, str] = {"higher": "↑", "lower": "↓", "zero": "→0"}
WORDS: dict[Direction, str] = {
    "higher": "higher is better",
    "lower": "lower is better",
    "zero": "nearer to zero is better",
}
BOTH: tuple[Protocol, ...] = ("self", "cross")


@dataclass(frozen=True)
class Use:
    """A paper that reports the quantity: which tables, and what differs or is left unsaid there."""

    paper: str
    tables: str = ""
    note: str = ""

    def __str__(self) -> str:
        tables = f" ({self.tables})" if self.tables else ""
        return f"{self.paper}{tables}{': ' if self.note else ''}{self.note}"


@dataclass(frozen=True)
class Definition:
    """One metric. Two numbers may be compared only if their definition strings are equal.

    Attributes:
        name: column name, such as ``psnr``.
        definition: unique stable string, or a template of one: ``{extractor}`` stands for the face coefficients
            and landmarks used, ``{embedder}`` for the identity network, ``{reference}`` for what is compared with.
        formula: how one value is computed.
        range: smallest and largest value; None is unbounded.
        direction: which way is better; ``zero``: the sign says on which side of the reference a method errs.
        unit: unit of the value.
        per: what has one value: a frame, a video (of one pair), or the set of all frames of a run.
        inputs: what the function takes.
        used_by: papers that report this quantity.
        protocols: where it is computed.
        weights: names in the weight catalogue that the value depends on, whatever the extractor.
        fitted: it compares coefficients, so it depends on the weights of the extractor that fitted them as well.
        optional: computed only when asked for.
        caution: what a reader must know before the number is believed; empty where there is nothing.
        caution_for: the protocols whose numbers the caution is about.
        missing: where a frame, or video, has no value, beside what was not rendered; empty: nowhere.
    """

    name: str
    definition: str
    formula: str
    range: tuple[float | None, float | None]
    direction: Direction
    unit: str
    per: Literal["frame", "video", "set"]
    inputs: str
    used_by: tuple[Use, ...]
    protocols: tuple[Protocol, ...] = BOTH
    weights: tuple[str, ...] = ()
    fitted: bool = False
    optional: bool = False
    caution: str = ""
    caution_for: tuple[Protocol, ...] = BOTH
    missing: str = ""

    @property
    def why_missing(self) -> str:
        """Where values are missing by definition, in words that go on from `no value where`."""
        return f"{self.missing}, or nothing was rendered" if self.missing else "nothing was rendered"

    @property
    def qualifiers(self) -> tuple[str, ...]:
        """Names that the definition string leaves open, in order of appearance."""
        return tuple(field for _, field, _, _ in Formatter().parse(self.definition) if field)

    @property
    def range_text(self) -> str:
        """`0 to 100 dB`, `0 to unbounded`, `unbounded`."""
        if self.range == (None, None):
            return f"unbounded{', ' if self.unit else ''}{self.unit}"
        low, high = ("unbounded" if end is None else f"{end:g}" for end in self.range)
        return f"{low} to {high}{' ' if self.unit else ''}{self.unit}"

    def distance(self, value: float) -> float:
        """How bad a value is, on a scale where lower is better: what two values are ranked by."""
        match self.direction:
            case "higher":
                return -value
            case "lower":
                return value
            case "zero":
                return abs(value)
