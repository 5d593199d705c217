"""The tables beside the report: what a spreadsheet and LaTeX get."""

import csv
import io
import re

from reenactory.models.metrics.registry import definition_for
from reenactory.tasks.results.latex_table import escaped, to_latex
from reenactory.tasks.results.score_table import CSV_COLUMNS, Aggregate, renderers_of, score_rows, to_csv


def line(renderer: str, metric: str, value: float | None, protocol: str = "self", **more: object) -> Aggregate:
    definition = definition_for(metric, extractor="e_1", embedder="s", reference="target")
    counts = {"n_frames": 90, "n_pairs": 3, "n_identities": 6, "n_dropped": 0}
    names = {"renderer": renderer, "protocol": protocol, "metric": metric, "definition": definition}
    interval = {"ci_low": None, "ci_high": None, "bin_by": None, "bin": None}
    return {**names, **counts, **interval, "value": value, **more}


LINES = [
    line("warp_2", "akd", 2.345, protocol="cross"),
    line("warp_2", "csim", 0.5, n_frames=94, n_dropped=6),
    line("copy", "csim", None, n_frames=0, n_dropped=100, n_identities=0),
    line("copy", "psnr", 20.123456789, ci_low=19.0, ci_high=21.55555),
    line("warp_2", "psnr", 99.0, bin_by="yaw", bin="0-15 deg"),
]


def test_rows_follow_the_registry_and_leave_bins_out() -> None:
    rows = score_rows(LINES)
    assert [(row.protocol, row.metric) for row in rows] == [("self", "psnr"), ("self", "csim"), ("cross", "akd")]
    assert renderers_of(rows, "copy") == ["copy", "warp_2"]
    assert rows[0].texts("copy") == ("20.12", "[19.00, 21.56]", "")
    assert rows[0].texts("warp_2") == ("–", "", "")
    assert rows[1].texts("warp_2") == ("0.5000", "", "6.0 % dropped")


def test_a_spreadsheet_has_every_digit_and_every_warning() -> None:
    rows = list(csv.DictReader(io.StringIO(to_csv(score_rows(LINES)))))
    assert tuple(rows[0]) == CSV_COLUMNS
    assert [(row["renderer"], row["metric"]) for row in rows] == [
        ("copy", "psnr"),
        ("copy", "csim"),
        ("warp_2", "csim"),
        ("warp_2", "akd"),
    ]
    assert float(rows[0]["value"]) == 20.123456789
    assert (rows[0]["direction"], rows[0]["unit"], rows[0]["warning"]) == ("higher", "dB", "")
    assert (rows[1]["value"], rows[1]["warning"]) == ("", "100.0 % dropped; 0 identities")
    assert rows[2]["warning"] == "6.0 % dropped"


def test_latex_is_whole_and_its_caption_defines_every_metric() -> None:
    rows = score_rows(LINES)
    text = to_latex(rows, "a_run", "copy")
    assert text.count(r"\begin{table}") == text.count(r"\end{table}") == 2
    assert text.count("{") - text.count(r"\{") == text.count("}") - text.count(r"\}")
    assert all(escaped(row.definition) in text for row in rows)
    assert r"psnr $\uparrow$ (dB) & 20.12 {\scriptsize [19.00, 21.56]} & -- \\" in text
    assert r"0.5000$^\dagger$" in text and r"csim of warp\_2: 6.0 \% dropped" in text
    assert "carry the driver's face shape" in text
    bare = re.sub(r"\\.|\$[^$]*\$", "", text.replace("% needs", ""))
    table_rows = [row for row in bare.splitlines() if "&" in row]
    assert len(table_rows) == 2 + 3  # a head and a row per metric
    assert not re.search(r"[%#_~^]", bare)


def test_what_latex_reads_as_a_command_is_escaped() -> None:
    assert escaped(r"50 % a_b {c} \d ~") == r"50 \% a\_b \{c\} \textbackslash{}d \textasciitilde{}"
