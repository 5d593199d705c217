"""The time left: none before there is a pace, none where only what is late is left."""

import pytest

from reenactory.infra import progress
from reenactory.infra.progress import Tally


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(progress.time, "monotonic", made.monotonic)
    return made


def tally(clock: Clock) -> Tally:
    """Ten seconds of work done in twenty."""
    made = Tally("test", estimate=40.0, started=clock.now)
    made.expect(10.0)
    made.begin("a", 10.0)
    clock.now += 20.0
    made.end("a", 10.0)
    return made


def test_the_estimate_of_all_work_counts_until_more_is_known(clock: Clock) -> None:
    made = tally(clock)
    assert made.seconds_left() == pytest.approx(60.0)  # 30 s of work at half the pace
    made.expect(50.0)
    assert made.seconds_left() == pytest.approx(100.0)


def test_closing_work_is_named_and_counted(clock: Clock) -> None:
    made = tally(clock)
    made.estimate = 0.0
    with made.working("writing the report", 10.0):
        clock.now += 5.0
        assert made.seconds_left() == pytest.approx(25.0 * 5.0 / 15.0)
        assert "running 1, longest 0:05: writing the report" in made.line()
    assert made.finished == 20.0
    assert made.running == {}


def test_what_is_late_has_no_time_left(clock: Clock) -> None:
    made = tally(clock)
    made.estimate = 0.0
    with made.working("writing the report", 10.0):
        clock.now += 11.0
        assert made.seconds_left() is None
        assert "left" not in made.line()
        made.expect(30.0)  # something else waits: there is a pace to speak of again
        assert made.seconds_left() is not None
