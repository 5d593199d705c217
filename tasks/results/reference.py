"""Which comparisons are told in full: N renderers have N(N-1)/2, and few readers want more than one row of them."""

from collections.abc import Set as AbstractSet

from reenactory.tasks.errors import WrongUseError

FLOOR = "copy"  # the renderer without motion: what a score is worth for nothing
MOST_IN_FULL = 3  # all comparisons of three renderers; from the fourth on they are six and more

Renderers = tuple[str, str]  # of run A and of run B


def in_full(compared: AbstractSet[Renderers], reference: str | None, one_run: bool) -> set[Renderers]:
    """The comparisons that get a table of their own.

    Few: all of them. Many: each renderer against the reference; of two runs, each against its namesake instead, where
    there are any and no reference was asked for.

    Args:
        compared: every comparison.
        reference: a renderer; None: `copy` where there is one, else the first.
        one_run: whether a run is compared with itself.

    Raises:
        WrongUseError: the reference is none of the renderers.
    """
    names = sorted({name for pair in compared for name in pair})
    if reference is not None and reference not in names:
        raise WrongUseError(
            f"--reference {reference}: no such renderer in what is compared; there are: {', '.join(names)}"
        )
    if reference is None and len(compared) <= MOST_IN_FULL:
        return set(compared)
    namesakes = {pair for pair in compared if pair[0] == pair[1]}
    if reference is None and not one_run and namesakes:
        return namesakes
    chosen = reference or (FLOOR if FLOOR in names else names[0])
    return {pair for pair in compared if chosen in pair}
