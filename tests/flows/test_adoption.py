"""evaluate --renders: how a folder fits a pair list, before anything is scored."""

from pathlib import Path

import numpy as np
import pytest
from pictures import write_png

from reenactory.flows.adoption import Brought, adopt_renders
from reenactory.flows.evaluate import EvaluateRequest, evaluate
from reenactory.flows.workplace import Where, Workplace, workplace
from reenactory.infra.store import open_store
from reenactory.infra.tables import get_table
from reenactory.tasks.errors import WrongUseError
from reenactory.tasks.pairs import make_pair, to_table
from reenactory.tasks.scoring import Scoring

PAIRS = [make_pair("self", "c", 0, "c", start, 2, 0) for start in range(1, 6)]
NAMES = [pair.pair_id for pair in PAIRS]
JOBS = Scoring({"c": {"crop_px": 16, "fps_num": 25, "fps_den": 1}})


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REENACTORY_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def theirs(tmp_path: Path) -> Path:
    """Grids of two panels as frames of three pairs, one of them a frame short; and what nobody asked for."""
    folder = tmp_path / "theirs"
    for name, count in ((NAMES[0], 2), (NAMES[1], 2), (NAMES[2], 1), ("self-other", 2)):
        for number in range(count):
            write_png(folder / name / f"{number:04d}.png", np.full((16, 32, 3), 40 * number, np.uint8))
    (folder / "log.txt").touch()
    return folder


def adopt(folder: Path, **brought: str) -> Workplace:
    with workplace(
        Where(store=str(folder / "store"), workers=0, device="cpu"), "test", "runs/r", new_store=True
    ) as place:
        adopt_renders(place, JOBS, "r", Brought(str(folder / "theirs"), "theirs", **brought), PAIRS)
    return place


@pytest.mark.usefixtures("theirs")
def test_every_pair_is_a_row_and_every_file_is_accounted_for(tmp_path: Path) -> None:
    place = adopt(tmp_path, panel="2/2")
    rows = {row["pair_id"]: row for row in get_table(place.store, "runs/r/renders/theirs.parquet").to_pylist()}
    assert [rows[name]["reason"] for name in NAMES] == [None, None, "FRAME_COUNT_DIFFERS", *["NOT_RENDERED"] * 2]
    assert place.notes == [
        "renders: 3 of 5 pairs",
        f"missing: 2 ({NAMES[3]}, {NAMES[4]})",
        "surplus, not used: 2 (self-other, log.txt)",
    ]


@pytest.mark.usefixtures("theirs")
def test_another_panel_is_another_render(tmp_path: Path) -> None:
    keys = []
    for panel in ("1/2", "2/2"):
        rows = get_table(adopt(tmp_path, panel=panel).store, "runs/r/renders/theirs.parquet").to_pylist()
        keys.append(rows[0]["render_key"])
    assert len(set(keys)) == 2
    whole = get_table(adopt(tmp_path).store, "runs/r/renders/theirs.parquet").to_pylist()[0]
    assert (whole["reason"], whole["detail"]) == ("SIZE_DIFFERS", "32x16, the pair's frames are 16x16")


def test_what_cannot_be_taken_in_is_said(tmp_path: Path, theirs: Path) -> None:
    with pytest.raises(WrongUseError, match="--panel 3/2: panels are counted from 1 to 2"):
        adopt(tmp_path, panel="3/2")
    (theirs / f"{NAMES[0]}.mp4").touch()
    with pytest.raises(WrongUseError, match=f"two renders of pair {NAMES[0]}: .*; leave one"):
        adopt(tmp_path)
    for name in NAMES[:3]:
        (theirs / name).rename(theirs / f"x-{name}")
    (theirs / f"{NAMES[0]}.mp4").unlink()
    with pytest.raises(WrongUseError, match=rf"nothing is named after a pair of run 'r', e\.g\. {NAMES[0]}\.mp4 or a"):
        adopt(tmp_path)


def test_pairs_that_cannot_be_scored_leave_no_run_behind(tmp_path: Path) -> None:
    from pyarrow import csv

    csv.write_csv(to_table(PAIRS, ""), tmp_path / "pairs.csv")
    (tmp_path / "store").mkdir()
    asked = {"store": str(tmp_path / "store"), "run": "r", "pairs": str(tmp_path / "pairs.csv"), "workers": 0}
    with pytest.raises(WrongUseError, match=r"does not say which dataset its clips are of; give --dataset"):
        evaluate(EvaluateRequest.model_validate(asked))
    assert not open_store(str(tmp_path / "store")).exists("runs/r/pairs.parquet")
