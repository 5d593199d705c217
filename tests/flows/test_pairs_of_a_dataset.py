"""Pairs of a dataset: what the clips table says of faces and crop modes reaches the draw."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from reenactory.flows.pairs import write_pairs
from reenactory.infra.store import open_store
from reenactory.infra.tables import put_table
from reenactory.tasks.dataset import CLIPS
from reenactory.tasks.errors import WrongUseError

PLAIN = {"video_sha256": "a", "identity": "talk", "frame_count": 100, "crop_mode": "square", "outcome": "done"}


def dataset(folder: Path, *rows: dict[str, object], schema: pa.Schema = CLIPS) -> str:
    store = open_store(str(folder))
    full = [{**PLAIN, "clip_id": f"clip{number}", **row} for number, row in enumerate(rows)]
    put_table(store, "datasets/d/clips/part-0.parquet", pa.Table.from_pylist(full, schema=schema))
    return store.uri


def cross(store: str, folder: Path) -> set[frozenset[str]]:
    out = folder / "pairs.parquet"
    write_pairs(store, "d", "cross", 50, 0, 8, out)
    table = pq.read_table(out)
    return {frozenset((row["source_clip"], row["driving_clip"])) for row in table.to_pylist()}


def test_numbered_faces_are_paired_only_where_they_are_seen_at_once(tmp_path: Path) -> None:
    starts = {0: 0, 1: 50, 2: 300}
    rows = [{"identity": f"talk_f{face}", "face": face, "start_frame": start} for face, start in starts.items()]
    assert cross(dataset(tmp_path, *rows), tmp_path) == {frozenset(("clip0", "clip1"))}
    elsewhere = [row | {"video_sha256": str(row["face"])} for row in rows]
    with pytest.raises(WrongUseError, match="all 3 clips are of 'talk'"):
        cross(dataset(tmp_path, *elsewhere), tmp_path)


def test_a_dataset_from_before_the_column_face_is_still_paired(tmp_path: Path) -> None:
    rows = [{"identity": name, "start_frame": 0} for name in ("a", "b")]
    older = CLIPS.remove(CLIPS.get_field_index("face"))
    assert cross(dataset(tmp_path, *rows, schema=older), tmp_path) == {frozenset(("clip0", "clip1"))}


def test_a_dataset_of_both_crop_modes_is_not_paired(tmp_path: Path) -> None:
    modes = ("square", "published_metadata")
    rows = [{"identity": mode, "crop_mode": mode, "start_frame": 0} for mode in modes]
    with pytest.raises(WrongUseError, match="clip0 is square, clip1 is published_metadata"):
        cross(dataset(tmp_path, *rows), tmp_path)
