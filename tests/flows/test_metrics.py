"""`reenactory metrics list`: everything that a number means, for people and for programs."""

import json

import pytest

from reenactory.flows.metrics import metrics_json, metrics_text
from reenactory.models.metrics.registry import DEFINITIONS
from reenactory.models.weights import sha256_of
from reenactory.tasks.errors import WrongUseError


def test_every_metric_is_told_in_full_to_a_program() -> None:
    rows = json.loads(metrics_json(None))
    assert [row["name"] for row in rows] == [entry.name for entry in DEFINITIONS]
    assert all(row["formula"] and row["inputs"] and row["used_by"] for row in rows)
    (lpips,) = json.loads(metrics_json(["lpips"]))
    assert lpips["weights"] == {"lpips_alex": sha256_of("lpips_alex")}
    assert (lpips["direction"], lpips["protocols"], lpips["range"]) == ("lower", ["self"], [0.0, None])


@pytest.mark.parametrize("width", [60, 100, 300])
def test_every_metric_is_told_in_full_to_a_person(width: int) -> None:
    text = metrics_text(None, width)
    assert all(len(line) <= min(width, 120) or len(line.split()) == 1 for line in text.splitlines()[1:] if width > 90)
    said = " ".join(text.split())
    for entry in DEFINITIONS:
        assert all(" ".join(part.split()) in said for part in (entry.definition, entry.formula, entry.caution))
        assert all(sha256_of(name) in text for name in entry.weights)


def test_an_unknown_metric_is_wrong_use() -> None:
    with pytest.raises(WrongUseError, match="no metric is called 'aed'; there are: psnr"):
        metrics_text(["aed", "psnr"], 80)
