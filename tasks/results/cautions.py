"""When a number must not stand alone: much was dropped, others were scored on more, or few people are behind it."""

from collections.abc import Iterable, Mapping

MOST_DROPPED = 0.05  # share of values above which a mean is marked: what was dropped is rarely what was easy
FEW_IDENTITIES = 5  # below, a bootstrap over identities has almost nothing to draw from, and nothing may stand out


def drop_caution(kept: int, dropped: int) -> str:
    """What to say of a mean over `kept` values when `dropped` had none; empty where few or none were dropped."""
    rate = dropped / (kept + dropped) if dropped else 0.0
    return f"{100 * rate:.1f} % dropped" if rate > MOST_DROPPED else ""


def line_caution(line: Mapping[str, object], row: Iterable[Mapping[str, object]]) -> str:
    """What to say of one aggregate beside the others of its row (itself among them); empty where all is well."""
    kept, dropped, pairs = (_count(line, name) for name in ("n_frames", "n_dropped", "n_pairs"))
    most = max((_count(other, "n_pairs") for other in row), default=pairs)
    # Means over other pairs are not comparable, and a distance between sets grows as the sets shrink.
    fewer = f"{pairs} of {most} pairs" if pairs < most else ""
    return "; ".join(filter(None, (drop_caution(kept, dropped), fewer)))


def _count(line: Mapping[str, object], name: str) -> int:
    value = line.get(name)
    return value if isinstance(value, int) else 0


def too_few(identities: int) -> bool:
    """Whether so many people cannot show any difference, whatever an interval over them says."""
    return identities < FEW_IDENTITIES


def identity_caution(identities: int) -> str:
    """What to say of an interval over so many people; empty where they are enough."""
    if not too_few(identities):
        return ""
    return "1 identity" if identities == 1 else f"{identities} identities"
