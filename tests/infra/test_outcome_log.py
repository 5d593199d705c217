"""Outcomes of a run: counted and written as they come."""

from pathlib import Path

import pytest

from reenactory.infra import outcome_log
from reenactory.infra.outcome_log import OutcomeLog
from reenactory.infra.store import open_store
from reenactory.infra.tables import get_table


def row(number: int, reason: str | None = None) -> dict[str, object]:
    outcome = "rejected" if reason else "done"
    return {"item": f"clip {number}", "outcome": outcome, "reason": reason, "detail": f"why {number}", "crop_px": 256}


def test_counts_and_examples_by_reason(tmp_path: Path) -> None:
    log = OutcomeLog(open_store(str(tmp_path)), "r", "f")
    log.add([row(0), row(1, "TOO_SHORT")])
    log.add(row(number, "NO_FACE") for number in range(2, 7))
    assert (log.done, list(log.rejected.items())) == (1, [("NO_FACE", 5), ("TOO_SHORT", 1)])
    assert log.examples["NO_FACE"] == ["clip 2: why 2", "clip 3: why 3", "clip 4: why 4"]
    assert log.examples["TOO_SHORT"] == ["clip 1: why 1"]


def test_every_row_is_in_one_part_and_an_earlier_pass_leaves_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outcome_log, "PART_ROWS", 4)
    store = open_store(str(tmp_path))
    for count, parts in ((11, 3), (2, 1)):
        log, other = OutcomeLog(store, "r", "f"), OutcomeLog(store, "r", "another flow")
        for number in range(count):
            log.add([row(number)])
        log.close()
        other.add([row(99)])
        other.close()
        tables = [get_table(store, path) for path in store.list("runs/r/outcomes/")]
        items = sorted(item for table in tables for item in table["item"].to_pylist())
        assert items == sorted(["clip 99", *(f"clip {number}" for number in range(count))])
        assert len(tables) == parts + 1
