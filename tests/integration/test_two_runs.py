"""Two runs over one dataset at the same time: nothing is done twice, nothing is harmed."""

import re
from contextlib import ExitStack
from pathlib import Path

import pytest
from small_runs import DATASET, SmallRun, artefacts, await_that, command, preprocess_command, started

from reenactory.infra.lease import held
from reenactory.infra.store import open_store

pytestmark = pytest.mark.weights


def test_one_works_and_the_other_finds_it_done(videos: Path, calm: SmallRun, tmp_path: Path) -> None:
    store = tmp_path / "store"
    logs = [tmp_path / "log-0", tmp_path / "log-1"]
    words = command(*preprocess_command(videos, store, workers=0))
    with ExitStack() as held_back:
        held_back.enter_context(held(open_store(str(store)), f"datasets/{DATASET}"))
        with started(words, logs[0]) as one, started(words, logs[1]) as other:
            await_that("both wait", lambda: all("waiting for it to end" in log.read_text() for log in logs))
            held_back.close()
            codes = [run.wait(timeout=240) for run in (one, other)]
    said = [log.read_text() for log in logs]
    assert codes == [0, 0], said
    computed = sorted(re.findall(r"computed: (.*?);", text)[0] for text in said)
    assert computed[1] == "nothing" and computed[0].startswith("crop 2"), said
    assert artefacts(str(store)).items() <= artefacts(str(calm.store)).items()
    assert list(open_store(str(store)).list("leases/")) == []
