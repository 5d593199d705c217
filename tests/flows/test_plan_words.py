"""The words under a plan: how long, for how much, and of estimates only where there are any."""

from collections import Counter

import pytest

from reenactory.flows.plan import render_plan
from reenactory.tasks.running.planning import STAGES, Plan

ESTIMATED = "Frames of videos whose clips are not known yet are estimated from file sizes."


def words(to_compute: dict[str, int], empty: int = 0) -> str:
    frames = Counter({stage: 36_000 * count for stage, count in to_compute.items()})
    made = Plan(29, 2, empty=empty, to_compute=Counter(to_compute), frames=frames)
    made.seconds_per_frame, made.measured = dict.fromkeys(STAGES, 0.1), dict.fromkeys(STAGES, True)
    return str(render_plan(made).caption)


def test_what_is_all_there_is_not_estimated() -> None:
    assert words({}) == words({"track": 0}) == "29 videos, 2 workers: nothing left to compute."


def test_only_videos_without_known_clips_are_estimated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REENACTORY_PRICE_PER_HOUR", "1.8")
    told = "29 videos, 2 workers: about 30 min, cost 1.80."
    assert words({"matte": 1}) == told
    assert words({"track": 1}) == f"{told} {ESTIMATED}"


def test_empty_files_are_work_left(monkeypatch: pytest.MonkeyPatch) -> None:
    told = words({}, empty=2)
    assert "nothing left" not in told
    assert told.endswith("2 will be rejected, for they are empty (EMPTY_FILE).")
