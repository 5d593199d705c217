"""Summaries: counts that add up, and the exit code."""

from pathlib import Path

from reenactory.infra.store import open_store
from reenactory.infra.summary import Summary, merge, rates, write_summary


def summary(**changes: object) -> Summary:
    plain = {"run": "r", "flow": "f", "items": 3, "done": 2, "rejected": {"NO_FACE": 1}, "failed": 0, "frames": 10}
    counts = {"computed": {"crop": 1}, "cached": {"crop": 2}, "seconds": 1.25, "frames_per_second": {"crop": 8.0}}
    return Summary.model_validate({**plain, **counts, "outputs": {}, "versions": {}, **changes})


def test_merge_adds_what_adds_and_keeps_what_each_says() -> None:
    first = summary(outputs={"clips": "a"})
    second = summary(
        flow="g",
        items=1,
        done=1,
        rejected={"NO_FACE": 1, "TOO_SHORT": 2},
        failed=1,
        failures=["x: away"],
        computed={"score": 4},
        cached={"crop": 1},
        outputs={"report": "b"},
        frames_per_second={"score": 3.0},
    )
    both = merge("all", "demo", iter([first, second]))
    assert (both.run, both.flow, both.items, both.done, both.failed) == ("all", "demo", 4, 3, 1)
    assert both.rejected == {"NO_FACE": 2, "TOO_SHORT": 2}
    assert both.computed == {"crop": 1, "score": 4}
    assert both.cached == {"crop": 3}
    assert both.outputs == {"clips": "a", "report": "b"}
    assert both.failures == ["x: away"]
    assert both.frames_per_second == {"crop": 8.0, "score": 3.0}
    assert (both.frames, both.seconds) == (20, 2.5)
    assert [first.exit_code, both.exit_code] == [0, 1]


def test_rates_only_where_time_was_spent() -> None:
    assert rates({"crop": 100, "track": 100}, {"crop": 8.0, "track": 0.0}) == {"crop": 12.5}


def test_the_latest_flow_is_the_runs_summary_and_each_keeps_its_own(tmp_path: Path) -> None:
    store = open_store(str(tmp_path))
    for flow in ("render-copy", "evaluate"):
        write_summary(store, summary(run="r", flow=flow))
    read = {path: Summary.model_validate_json(store.get(path)).flow for path in store.list("runs/")}
    names = {"summary-evaluate": "evaluate", "summary-render-copy": "render-copy", "summary": "evaluate"}
    assert read == {f"runs/r/{name}.json": flow for name, flow in names.items()}
