"""`reenactory metrics list`: everything that a number means, for people and for programs."""

import json
from pathlib import Path
from typing import get_args

import pytest

from reenactory.flows.metrics import metrics_json, metrics_text
from reenactory.models.metrics.registry import DEFINITIONS
from reenactory.models.weights import sha256_of
from reenactory.tasks.errors import WrongUseError
from reenactory.tasks.extractors import ExtractorName, extractor_class


def test_every_metric_is_told_in_full_to_a_program() -> None:
    rows = json.loads(metrics_json(None))
    assert [row["name"] for row in rows] == [entry.name for entry in DEFINITIONS]
    assert all(row["formula"] and row["inputs"] and row["used_by"] for row in rows)
    (lpips,) = json.loads(metrics_json(["lpips"]))
    assert lpips["weights"] == {"lpips_alex": sha256_of("lpips_alex")}
    assert (lpips["direction"], lpips["protocols"], lpips["range"]) == ("lower", ["self"], [0.0, None])


def test_a_fitted_metric_tells_the_weights_of_every_extractor() -> None:
    aed, akd = json.loads(metrics_json(["aed_l1", "akd"]))
    assert aed["weights"] == akd["weights"] == {"face_landmarker": sha256_of("face_landmarker")}
    assert {name: list(weights) for name, weights in aed["extractor_weights"].items()} == {
        name: list(extractor_class(name).weights) for name in get_args(ExtractorName)
    }
    assert aed["extractor_weights"]["open"] == {"open_face_model": sha256_of("open_face_model")}
    assert akd["extractor_weights"] == {}  # landmarks are the landmarker's, whatever fits coefficients to them
    text = " ".join(metrics_text(["aed_l1"], 100).split())
    assert "aed_l1 ↓ one value per frame, self and cross pairs" in text
    assert "with face3d.extractor=mediapipe: nothing more" in text
    assert f"with face3d.extractor=open: open_face_model sha256 {sha256_of('open_face_model')}" in text


def test_a_file_of_the_users_own_is_told_by_name_and_once_given_by_digest(
    monkeypatch: pytest.MonkeyPatch, deep3d_checkpoint: Path
) -> None:
    monkeypatch.delenv("REENACTORY_WEIGHTS", raising=False)
    (row,) = json.loads(metrics_json(["apd_l1_angles"]))
    assert row["extractor_weights"]["deep3d"] == {"deep3d_epoch20": None}
    assert "deep3d_epoch20, a file of your own that is not named here" in " ".join(
        metrics_text(["apd_l1_angles"], 100).split()
    )
    monkeypatch.setenv("REENACTORY_WEIGHTS", json.dumps({"deep3d_epoch20": str(deep3d_checkpoint)}))
    (row,) = json.loads(metrics_json(["apd_l1_angles"]))
    assert row["extractor_weights"]["deep3d"] == {"deep3d_epoch20": sha256_of("deep3d_epoch20")}


@pytest.mark.parametrize("width", [60, 100, 300])
def test_every_metric_is_told_in_full_to_a_person(width: int) -> None:
    text = metrics_text(None, width)
    assert all(len(line) <= min(width, 120) or len(line.split()) == 1 for line in text.splitlines()[1:] if width > 90)
    said = " ".join(text.split())
    for entry in DEFINITIONS:
        assert all(" ".join(part.split()) in said for part in (entry.definition, entry.formula, entry.caution))
        assert all(sha256_of(name) in text for name in entry.weights)


def test_a_part_of_a_name_tells_every_metric_that_has_it() -> None:
    told = [row["name"] for row in json.loads(metrics_json(["AED", "psnr"]))]
    assert told == [entry.name for entry in DEFINITIONS if "aed" in entry.name or entry.name == "psnr"]
    assert len(told) > 2
    assert [row["name"] for row in json.loads(metrics_json(["lpips"]))] == ["lpips"]  # a whole name is that one alone


def test_an_unknown_metric_is_wrong_use_and_the_near_ones_are_named() -> None:
    with pytest.raises(WrongUseError, match=r"no metric has 'lpisp' in its name; did you mean lpips"):
        metrics_text(["lpisp", "psnr"], 80)
    with pytest.raises(WrongUseError, match=r"no metric has '' in its name; there are: psnr"):
        metrics_text([""], 80)
