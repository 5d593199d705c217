"""A renderer that another package registers is found by its name, renders, and stands in the run like ours.

`tests/example_renderer` is such a package. It is not installed: its folder, with the metadata that an installation
would write, is put on the import path.
"""

import sys
import tomllib
from configparser import ConfigParser
from fractions import Fraction
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from reenactory.flows.render import RenderRequest, render
from reenactory.infra.keys import digest
from reenactory.infra.records import Record, artefact_path, write_artefact
from reenactory.infra.store import Store, open_store
from reenactory.infra.tables import get_table, put_table
from reenactory.infra.video import read_frames, write_video
from reenactory.tasks.dataset import CLIPS
from reenactory.tasks.errors import WrongUseError
from reenactory.tasks.pairs import make_pair, pairs_sha256, to_table
from reenactory.tasks.renderers import GROUP, renderer_names

PACKAGE = Path(__file__).resolve().parents[1] / "example_renderer"
FRAMES = np.random.default_rng(0).integers(0, 256, (6, 32, 32, 3), np.uint8)
PAIR = make_pair("cross", "a#v", 2, "b#w", 1, 4, 0)


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(PACKAGE))
    monkeypatch.delitem(sys.modules, "example_renderer", raising=False)


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """Two clips, as far as a renderer that needs only frames must know them."""
    monkeypatch.setenv("REENACTORY_CACHE", str(tmp_path / "cache"))
    made = open_store(str(tmp_path / "store"))
    rows = []
    for number, clip_id in enumerate(("a#v", "b#w")):
        write_video(tmp_path / "clip.mp4", np.roll(FRAMES, number, 0), Fraction(25), "h264rgb_lossless")
        key = digest(clip_id)
        record = Record(key=key, stage="crop", version=1, params={}, upstream=(), weights={}, outcome="done")
        write_artefact(made, record, {"clip.mp4": tmp_path / "clip.mp4"})
        numbers = {"frame_count": len(FRAMES), "start_frame": 0, "fps_num": 25, "fps_den": 1, "crop_px": 32}
        rows.append({"clip_id": clip_id, "identity": clip_id[0], "crop_key": key, "outcome": "done", **numbers})
    put_table(made, "datasets/d/clips/part-0.parquet", pa.Table.from_pylist(rows, schema=CLIPS))
    pq.write_table(to_table([PAIR], "d", "by hand"), tmp_path / "pairs.parquet")
    return made


def request(store: Store, folder: Path) -> RenderRequest:
    return RenderRequest(
        pairs=str(folder / "pairs.parquet"), renderer="blend", store=store.uri, run="r", workers=0, device="cpu"
    )


@pytest.mark.usefixtures("installed")
def test_it_renders_a_pair(store: Store, tmp_path: Path) -> None:
    assert "blend" in renderer_names()
    summary = render(request(store, tmp_path))
    assert (summary.done, summary.failed, summary.computed["render"]) == (1, 0, 1)
    (row,) = get_table(store, "runs/r/renders/blend.parquet").to_pylist()
    shown = read_frames(store.local_path(artefact_path("render", row["render_key"], "frames.mp4"), tmp_path))
    wanted = (FRAMES[2].astype(float) + np.roll(FRAMES, 1, 0)[1:5]) / 2
    assert np.abs(shown - wanted).max() <= 0.5
    again = render(request(store, tmp_path))
    assert (again.computed.get("render", 0), again.cached["render"]) == (0, 1)


@pytest.mark.usefixtures("installed")
def test_the_run_says_which_pairs_it_was_made_of(store: Store, tmp_path: Path) -> None:
    found = render(request(store, tmp_path)).pairs
    assert found is not None
    assert (found.count, found.drawn, found.sha256) == (1, "by hand", pairs_sha256([PAIR]))
    table = get_table(store, "datasets/d/clips/part-0.parquet").to_pandas()
    put_table(store, "datasets/d/clips/part-0.parquet", pa.Table.from_pandas(table.assign(matte_key="new"), CLIPS))
    again = render(request(store, tmp_path)).pairs
    assert again is not None and again.sha256 == found.sha256 and again.clips_sha256 != found.clips_sha256


def test_without_the_package_its_name_is_unknown(store: Store, tmp_path: Path) -> None:
    with pytest.raises(
        WrongUseError, match=r"no renderer 'blend'; installed: .*entry-point group reenactory.renderers"
    ):
        render(request(store, tmp_path))


def test_the_metadata_is_what_the_package_says() -> None:
    """The folder's two statements of the entry point are one."""
    written = ConfigParser()
    written.read(PACKAGE / "example_renderer-1.0.dist-info" / "entry_points.txt")
    project = tomllib.loads((PACKAGE / "pyproject.toml").read_text())["project"]
    assert dict(written[GROUP]) == project["entry-points"][GROUP]
