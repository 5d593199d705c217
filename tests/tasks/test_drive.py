"""The driver: nothing twice, nothing lost, and counts that add up."""

from dataclasses import replace

import pytest
from fakes import FakePool, drive, fake_stage, install, job

from reenactory.infra.entries import Entry
from reenactory.infra.index import RecordIndex
from reenactory.infra.pool import WorkerCrashError
from reenactory.infra.store import Store, StoreFailed
from reenactory.models.weights import WeightMissing
from reenactory.tasks.outcomes import Reason
from reenactory.tasks.running.drive import STORE_AWAY
from reenactory.tasks.stage import Chain


@pytest.fixture(autouse=True)
def stages(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, {name: fake_stage(name) for name in ("one", "two")})


def test_a_second_drive_computes_nothing(store: Store) -> None:
    chains = [(job("one", word), job("two", word)) for word in ("a", "b", "faceless")]
    first = drive(store, FakePool(store)).run(chains)
    assert first.computed == {"one": 3, "two": 2}
    assert +first.cached == {}
    assert (first.frames, first.failures) == ({"one": 20, "two": 20}, [])
    pool = FakePool(store)
    second = drive(store, pool).run(chains)
    assert pool.asked == []
    assert +second.computed == {}
    assert second.cached == {"one": 3, "two": 2}


def test_what_tells_lengths_goes_first_and_then_the_longest(store: Store) -> None:
    """At the end, when other workers have nothing more to do, only a short one runs."""
    lengths = {"a": 5, "b": 30, "c": 20}

    def follow(chain: Chain, entries: dict[str, Entry]) -> list[Chain]:
        word = chain[0].label.removeprefix("one ")
        return [(replace(job("two", word), frames=lengths[word]),)] if chain[0].stage == "one" else []

    pool = FakePool(store)
    pool.slots = 1
    drive(store, pool, follow).run([(job("one", word),) for word in lengths])
    assert [chain[0].label for chain in pool.asked] == ["one a", "one b", "one c", "two b", "two c", "two a"]


def test_a_rejection_ends_its_chain(store: Store) -> None:
    chain = (job("one", "faceless"), job("two", "faceless"))
    drive(store, FakePool(store)).run([chain])
    index = RecordIndex(store)
    refused = index.get("one", chain[0].keys[0])
    assert refused is not None
    assert (refused.outcome, refused.reason, refused.detail) == ("rejected", "NO_FACE", "nobody there")
    assert index.get("two", chain[1].keys[0]) is None


def test_only_the_missing_keys_and_jobs_are_worked_on(store: Store) -> None:
    drive(store, FakePool(store)).run([(job("one", "a", "c"),), (job("two", "z"),)])
    pool = FakePool(store)
    ledger = drive(store, pool).run([(job("one", "a", "b", "c", "d"),), (job("two", "z"), job("one", "z"))])
    asked = sorted(pool.asked, key=lambda chain: chain[0].label)
    assert [[part["word"] for part in each.per_key] for chain in asked for each in chain] == [["b", "d"], []]
    assert [each.stage for each in asked[1]] == ["one"]
    assert ledger.computed == {"one": 3}
    assert +ledger.cached == {"one": 2, "two": 1}
    names = {entry.facts["word"] for entry in RecordIndex(store).entries("one")}
    assert names <= {"a", "b", "c", "d", "z"}
    index = RecordIndex(store)
    full = job("one", "a", "b", "c", "d")
    found = [index.get("one", key) for key in full.keys]
    assert [entry.facts["word"] for entry in found if entry] == ["a", "b", "c", "d"]  # each under its own key


def test_a_finished_chain_is_followed_whether_computed_or_cached(store: Store) -> None:
    def follow(chain: Chain, entries: dict[str, Entry]) -> list[Chain]:
        (entry,) = entries.values()
        return [(job("two", str(entry.facts["word"])),)] if chain[0].stage == "one" else []

    for expected in ({"one": 2, "two": 2}, {}):
        ledger = drive(store, FakePool(store), follow).run([(job("one", "a"),), (job("one", "b"),)])
        assert +ledger.computed == expected
    assert ledger.cached == {"one": 2, "two": 2}


def test_a_failure_is_tried_once_more(store: Store) -> None:
    pool = FakePool(store, {"one a": [ConnectionError("away")]})
    ledger = drive(store, pool).run([(job("one", "a"),), (job("one", "b"),)])
    assert ledger.failures == []
    assert ledger.computed == {"one": 2}
    assert [chain[0].label for chain in pool.asked].count("one a") == 2


def test_two_failures_are_one_failed_item_and_no_record(store: Store) -> None:
    pool = FakePool(store, {"one a": [ConnectionError("away")] * 5})
    ledger = drive(store, pool).run([(job("one", "a"), job("two", "a")), (job("one", "b"),)])
    assert [(failure.label, failure.message) for failure in ledger.failures] == [("one a", "ConnectionError: away")]
    assert ledger.computed == {"one": 1}
    assert RecordIndex(store).get("one", job("one", "a").keys[0]) is None
    again = drive(store, FakePool(store)).run([(job("one", "a"), job("two", "a"))])
    assert again.computed == {"one": 1, "two": 1}


def test_an_item_that_kills_workers_is_quarantined_and_counted_once(store: Store) -> None:
    drive(store, FakePool(store)).run([(job("one", "a"),)])
    chain = (job("one", "a"), job("two", "a"))
    pool = FakePool(store, {"two a": [WorkerCrashError("2 workers died on it alone")]})
    ledger = drive(store, pool).run([chain])
    assert +ledger.computed == {"two": 1}
    assert +ledger.cached == {"one": 1}
    assert ledger.failures == []
    refused = RecordIndex(store).get("two", chain[1].keys[0])
    assert refused is not None
    assert (refused.reason, refused.detail) == ("WORKER_CRASH", "2 workers died on it alone")
    pool = FakePool(store)
    drive(store, pool).run([chain])
    assert pool.asked == []
    retried = drive(store, pool, retry=[Reason.WORKER_CRASH]).run([chain])
    assert retried.computed == {"two": 1}
    found = RecordIndex(store).get("two", chain[1].keys[0])
    assert found is not None
    assert found.outcome == "done"


def test_only_the_job_that_was_running_is_blamed(store: Store) -> None:
    """The worker had written the first job's record before it died in the second."""
    chain = (job("one", "a"), job("two", "a"))
    pool = FakePool(store, {"one a": [WorkerCrashError("died")]})
    running = drive(store, pool)
    original = running.pool.submit

    def submit(request: Chain) -> object:
        FakePool(store).submit(request[:1])
        return original(request)

    running.pool.submit = submit  # type: ignore[method-assign, assignment]
    running.run([chain])
    found = [RecordIndex(store).get(each.stage, each.keys[0]) for each in chain]
    assert [entry.reason for entry in found if entry] == [None, "WORKER_CRASH"]


def test_a_missing_weight_ends_the_run(store: Store) -> None:
    pool = FakePool(store, {"one a": [WeightMissing("yunet is missing")]})
    with pytest.raises(WeightMissing):
        drive(store, pool).run([(job("one", "a"),)])


def test_progress_comes_to_its_end(store: Store) -> None:
    running = drive(store, FakePool(store, {"one b": [OSError("away")]}))
    running.run([(job("one", word),) for word in ("a", "b", "faceless")])
    assert running.tally.finished == pytest.approx(running.tally.expected)
    assert running.tally.running == {}
    assert running.tally.outcomes["finished"] == 3


def test_what_another_run_made_while_a_chain_waited_is_not_made_again(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reenactory.tasks.running.drive.LOOK_AGAIN_S", -1.0)
    pool = FakePool(store)
    running = drive(store, pool)
    submit = pool.submit

    def submit_and_be_overtaken(request: Chain) -> object:
        drive(store, FakePool(store)).run([(job("one", "b"),)])  # another run, with an index of its own
        return submit(request)

    pool.submit = submit_and_be_overtaken  # type: ignore[method-assign, assignment]
    pool.slots = 1
    ledger = running.run([(job("one", "a"),), (job("one", "b"),)])
    assert [chain[0].label for chain in pool.asked] == ["one a"]
    assert (+ledger.computed, +ledger.cached) == ({"one": 1}, {"one": 1})


def test_a_store_that_is_away_ends_the_run_instead_of_failing_every_item(store: Store) -> None:
    pool = FakePool(store, {f"one {number}": [StoreFailed("s3://b: away")] * 2 for number in range(9)})
    with pytest.raises(StoreFailed):
        drive(store, pool).run([(job("one", str(number)),) for number in range(9)])
    failed_for_good = [label for label, faults in pool.faults.items() if not faults]
    assert STORE_AWAY <= len(failed_for_good) <= STORE_AWAY + pool.slots


def test_items_that_fail_for_other_reasons_do_not_end_the_run(store: Store) -> None:
    pool = FakePool(store, {f"one {number}": [OSError("broken")] * 2 for number in range(9)})
    assert len(drive(store, pool).run([(job("one", str(number)),) for number in range(10)]).failures) == 9
