"""What flows do around their shards, seen without running any stage."""

from collections.abc import Sequence
from types import SimpleNamespace

import pytest

from reenactory.flows import preprocess
from reenactory.flows.closing import closing_lines
from reenactory.infra.sources import Source
from reenactory.infra.summary import Summary
from reenactory.tasks.outcomes import MEANING, Reason
from reenactory.tasks.preprocess import Preprocessing, PreprocessParams
from reenactory.tasks.stage import Chain


def driven(jobs: Preprocessing, shard: Sequence[Source]) -> list[Chain]:
    """The chains that a shard begins with."""
    seen: list[Chain] = []
    place = SimpleNamespace(drive=lambda chains, *more, **named: seen.extend(chains))
    preprocess._drive_shard(place, jobs, shard)  # type: ignore[arg-type]
    return seen


def source(name: str, sha256: str) -> Source:
    return Source(f"/videos/{name}.mp4", name, name, "8000:1", sha256 * 64)


def test_the_same_bytes_are_worked_on_once() -> None:
    shard = [source("a", "1"), source("b", "2"), source("copy of a", "1")]
    assert len(driven(Preprocessing(PreprocessParams()), shard)) == 2


def test_a_video_that_the_metadata_lacks_is_not_driven_even_if_its_bytes_are_known() -> None:
    row = {"start": 0, "end": 64, "fps": 25.0, "width": 100.0, "height": 100.0, "box_ltrb": [0.0, 0.0, 9.0, 9.0]}
    jobs = Preprocessing(PreprocessParams(), {"a": ({**row, "identity": None, "split": None},)})
    shard = [source("a", "1"), source("copy of a", "1")]
    assert {chain[-1].keys for chain in driven(jobs, shard)} == {jobs.video_chain(shard[0])[-1].keys}


@pytest.mark.parametrize(("price", "cost"), [(None, ""), (1.8, "; cost: planned 1.00, in fact 1.50")])
def test_after_a_run_it_says_how_wrong_its_plan_was(price: float | None, cost: str) -> None:
    forecast = {"workers": 2, "planned_seconds": 1000, "planned_worker_seconds": 2000, "worker_seconds": 2400}
    plain = {"run": "r", "flow": "preprocess", "items": 4, "done": 4, "failed": 0, "rejected": {}, "frames": 9}
    counts = {"computed": {}, "cached": {}, "frames_per_second": {}, "outputs": {}, "versions": {}, "seconds": 1500}
    lines = closing_lines(
        Summary.model_validate({**plain, **counts, "forecast": {**forecast, "price_per_hour": price}}), {}
    )
    assert lines[-2] == (
        "  planned: 17 min with 2 workers; took 25 min (+50%). Work: planned 33 min, done 40 min; "
        f"workers were busy 80% of the time{cost}"
    )


def test_the_last_line_says_where_the_results_are_and_the_others_why() -> None:
    counts = {"computed": {"crop": 1, "track": 0}, "cached": {"track": 3}, "frames_per_second": {"crop": 12.5}}
    plain = {"run": "r", "flow": "preprocess", "items": 4, "done": 1, "frames": 9, "seconds": 2.04, "versions": {}}
    failed = {"failed": 1, "failures": ["talk: OSError: away"], "outputs": {}}
    rejected = {"rejected": {"NO_FACE": 2, "MISSING_VIDEO": 20070}}
    rejected |= {"rejected_examples": {"NO_FACE": ["a: none"], "MISSING_VIDEO": ["b: gone", "c: gone"]}}
    summary = Summary.model_validate({**plain, **counts, **failed, **rejected})
    lines = closing_lines(summary, {"clips": "file:///clips", "report": "file:///report"})
    assert lines[0] == "preprocess: 4 items, 1 done, 1 failed"
    assert f"  2 rejected: NO_FACE: {MEANING[Reason.NO_FACE]}" in lines
    assert "    a: none" in lines
    assert f"  20070 rejected: MISSING_VIDEO: {MEANING[Reason.MISSING_VIDEO]}" in lines
    assert not [line for line in lines if "gone" in line or "20068" in line]
    assert "  failed: talk: OSError: away" in lines
    assert "  computed: crop 1; from cache: track 3; 2.0 s" in lines
    assert lines[-1] == "results: clips=file:///clips  report=file:///report"
