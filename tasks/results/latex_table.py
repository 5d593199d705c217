"""The score table of a run for a paper: booktabs, values with intervals, definitions in the caption."""

from collections.abc import Iterator, Sequence

from reenactory.models.metrics.definition import Direction
from reenactory.tasks.results.score_table import Row, few_identities, renderers_of

ARROWS: dict[Direction, str] = {"higher": r"$\uparrow$", "lower": r"$\downarrow$", "zero": r"$\to 0$"}
TITLES = {"self": "Self re-enactment", "cross": "Cross re-enactment"}
_SPECIAL = {
    **{char: f"\\{char}" for char in "&%$#_{}"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "–": "--",
    "−": "$-$",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
}


def to_latex(rows: Sequence[Row], run: str, floor: str) -> str:
    r"""A `table` environment per protocol; needs `\usepackage{booktabs}`."""
    tables = [
        "\n".join(_table([row for row in rows if row.protocol == protocol], protocol, run, floor))
        for protocol in dict.fromkeys(row.protocol for row in rows)
    ]
    return "% needs \\usepackage{booktabs}\n" + "\n\n".join(tables) + "\n"


def _table(rows: Sequence[Row], protocol: str, run: str, floor: str) -> Iterator[str]:
    renderers = renderers_of(rows, floor)
    yield r"\begin{table}"
    yield r"\centering"
    yield rf"\caption{{{_caption(rows, protocol, run)}}}"
    yield rf"\begin{{tabular}}{{l{'r' * len(renderers)}}}"
    yield r"\toprule"
    yield f"metric & {' & '.join(map(escaped, renderers))} \\\\"
    yield r"\midrule"
    for row in rows:
        cells = " & ".join(_cell(row, renderer) for renderer in renderers)
        yield f"{_name(row)} & {cells} \\\\"
    yield r"\bottomrule"
    yield r"\end{tabular}"
    yield r"\end{table}"


def _name(row: Row) -> str:
    if row.entry is None:
        return escaped(row.metric)
    unit = f" ({escaped(row.entry.unit)})" if row.entry.unit else ""
    return f"{escaped(row.metric)} {ARROWS[row.entry.direction]}{unit}"


def _cell(row: Row, renderer: str) -> str:
    value, interval, warning = row.texts(renderer)
    mark = r"$^\dagger$" if warning else ""
    return f"{escaped(value)}{mark}" + (rf" {{\scriptsize {escaped(interval)}}}" if interval else "")


def _caption(rows: Sequence[Row], protocol: str, run: str) -> str:
    lines = [line for row in rows for line in row.lines.values()]
    frames, pairs, people = (
        max((value for line in lines if isinstance(value := line[name], int)), default=0)
        for name in ("n_frames", "n_pairs", "n_identities")
    )
    said = [
        f"{TITLES.get(protocol, protocol)}, run {run}: means over up to {frames} frames of {pairs} pairs and {people} "
        "identities, with 95 % intervals from a bootstrap over identities (1000 replicates)."
    ]
    few = few_identities(rows)
    said += [f"The intervals mean little: they are drawn from {few}."] if few else []
    warned = [
        f"{row.metric} of {renderer}: {warning}"
        for row in rows
        for renderer in sorted(row.lines)
        if (warning := row.texts(renderer)[2])
    ]
    dagger = (
        rf" $^\dagger$ No value in more than 5 \% of frames or videos: {escaped('; '.join(warned))}." if warned else ""
    )
    cautions = [f"{row.metric}: {row.entry.caution}" for row in rows if row.entry and row.entry.caution]
    named = "; ".join(rf"{escaped(row.metric)} = \texttt{{{escaped(row.definition)}}}" for row in rows)
    return f"{escaped(' '.join(said))}{dagger} {escaped(' '.join(cautions))} Definitions: {named}."


def escaped(text: str) -> str:
    """Text as LaTeX prints it."""
    return "".join(_SPECIAL.get(char, char) for char in text)
