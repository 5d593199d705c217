"""The report says of every method what its videos carry."""

from dataclasses import replace
from pathlib import Path

from synthetic_run import RUN, SyntheticRun

from reenactory.infra.records import Record, write_artefact
from reenactory.infra.store import Store
from reenactory.infra.tables import get_table, put_table
from reenactory.tasks.rendering import RENDERS
from reenactory.tasks.report import render_report
from reenactory.tasks.report.carried import Carried, carried
from reenactory.tasks.report.run import Artefacts, read_run

KEY, CONSENT = "f" * 32, "c" * 64


def published(store: Store, label: str | None) -> None:
    facts = {"label": label, "watermark": "dct-qim-1 0123456789ab"}
    plain = {"stage": "publish", "version": 1, "params": {}, "upstream": (), "weights": {}, "outcome": "done"}
    write_artefact(store, Record.model_validate({"key": KEY, "facts": facts, **plain}), {})


def test_methods_say_what_their_videos_carry(tmp_path: Path) -> None:
    store = SyntheticRun(tmp_path).store
    data = read_run(store, RUN)
    assert carried(data, Artefacts(store, tmp_path)) == [], "renders of before there were marks"
    assert "Videos for people" not in render_report(store, RUN)
    published(store, None)
    rows = [
        {**row, "publish_key": KEY if row["renderer"] == "copy" else None, "consent": CONSENT} for row in data.renders
    ]
    found = carried(replace(data, renders=rows), Artefacts(store, tmp_path))
    assert found == [Carried("copy", "", "dct-qim-1", CONSENT)]
    published(store, "re-enacted: copy")
    path = f"runs/{RUN}/renders/copy.parquet"
    table = get_table(store, path).to_pylist()
    put_table(store, path, RENDERS.empty_table().from_pylist([{**row, "publish_key": KEY} for row in table], RENDERS))
    page = render_report(store, RUN)
    assert "re-enacted: copy" in page and "no manifest was given" in page
