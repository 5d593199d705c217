"""When a number must not stand alone in a table: too much was dropped, or too few people are behind it."""

MOST_DROPPED = 0.05  # share of values above which a mean is marked: what was dropped is rarely what was easy
FEW_IDENTITIES = 5  # below, a bootstrap over identities has almost nothing to draw from


def drop_caution(kept: int, dropped: int) -> str:
    """What to say of a mean over `kept` values when `dropped` had none; empty where few or none were dropped."""
    rate = dropped / (kept + dropped) if dropped else 0.0
    return f"{100 * rate:.1f} % dropped" if rate > MOST_DROPPED else ""


def identity_caution(identities: int) -> str:
    """What to say of an interval over so many people; empty where they are enough."""
    if identities >= FEW_IDENTITIES:
        return ""
    return "1 identity" if identities == 1 else f"{identities} identities"
