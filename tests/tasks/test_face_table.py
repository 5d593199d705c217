"""The reader of a dataset's motion: the same windows as from the table of a clip, whatever the order and the parts."""

import os
import pickle
from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
import pytest
from test_windows import coefficients

from reenactory.infra.settings import Settings
from reenactory.infra.store import Store
from reenactory.infra.tables import put_table
from reenactory.models.face_model.motion import fill_gaps, hold
from reenactory.tasks import face_table
from reenactory.tasks.dataset import FACE3D, NoSuchDatasetError
from reenactory.tasks.errors import WrongUseError
from reenactory.tasks.face_table import FaceTable
from reenactory.tasks.motion import descriptors, incomplete_windows, windows

CLIPS = {"b#v#0": coefficients(40, missing=(7, 8, 20)), "a#v#0": coefficients(3), "c#v#1": coefficients(1)}
PARTS = (("b#v#0", "a#v#0"), ("c#v#1",))


def named(clip_id: str, table: pa.Table) -> pa.Table:
    return table.add_column(0, "clip_id", pa.array([clip_id] * table.num_rows, pa.string())).cast(FACE3D)


def put(store: Store, parts: Sequence[Sequence[str]] = PARTS, clips: Mapping[str, pa.Table] = CLIPS) -> None:
    for number, part in enumerate(parts):
        tables = [named(clip_id, clips[clip_id]) for clip_id in part]
        put_table(store, f"datasets/d/face3d/part-{number}.parquet", pa.concat_tables(tables))


def test_windows_are_those_of_the_clips_own_table(store: Store) -> None:
    put(store)
    table = FaceTable.open(store, "d")
    assert table.clip_ids == ("a#v#0", "b#v#0", "c#v#1")
    assert table.extractor == "test"
    for clip_id, clip in CLIPS.items():
        assert table.frame_count(clip_id) == clip.num_rows
        np.testing.assert_array_equal(table.descriptors(clip_id), descriptors(clip))
        frames = np.random.default_rng(0).permutation(clip.num_rows)
        for radius in (0, 2, 13):
            got = table.windows(clip_id, frames, radius)
            np.testing.assert_array_equal(got, windows(clip, radius)[frames])
            np.testing.assert_array_equal(
                table.incomplete(clip_id, frames, radius), incomplete_windows(clip, radius)[frames]
            )


def test_windows_that_stand_still(store: Store) -> None:
    put(store)
    table = FaceTable.open(store, "d")
    frames = np.array([5, 0])
    expected = hold(descriptors(CLIPS["b#v#0"]))[frames]
    np.testing.assert_array_equal(table.windows("b#v#0", frames, hold=True), expected)
    np.testing.assert_array_equal(windows(CLIPS["b#v#0"], hold=True)[frames], expected)


def test_interpolation_is_asked_for_recorded_and_flagged(store: Store) -> None:
    put(store)
    plain, closed = FaceTable.open(store, "d"), FaceTable.open(store, "d", max_gap_frames=1)
    assert (plain.max_gap_frames, closed.max_gap_frames) == (0, 1)
    assert not plain.filled("b#v#0").any()
    assert np.flatnonzero(closed.filled("b#v#0")).tolist() == [20]
    expected = fill_gaps(descriptors(CLIPS["b#v#0"]), 1).descriptors
    np.testing.assert_array_equal(closed.descriptors("b#v#0"), expected)
    assert np.isnan(plain.descriptors("b#v#0")[20]).all()
    every = np.arange(40)
    assert np.flatnonzero(closed.incomplete("b#v#0", every, 0)).tolist() == [7, 8]
    assert np.flatnonzero(plain.incomplete("b#v#0", every, 0)).tolist() == [7, 8, 20]


def test_it_is_written_once_and_again_when_the_dataset_changes(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    put(store)
    FaceTable.open(store, "d")
    real = face_table.write_face_table
    written: list[object] = []
    monkeypatch.setattr(face_table, "write_face_table", lambda *given: (written.append(given), real(*given)))
    FaceTable.open(store, "d")
    assert written == []
    put(store, (*PARTS, ("d#v#0",)), {**CLIPS, "d#v#0": coefficients(2)})
    assert "d#v#0" in FaceTable.open(store, "d").clip_ids
    assert len(written) == 1


def test_a_loader_process_gets_the_folder_not_the_arrays(store: Store) -> None:
    put(store)
    table = FaceTable.open(store, "d")
    table.windows("b#v#0", np.arange(40))
    sent = pickle.dumps(table)
    assert len(sent) < 1000
    np.testing.assert_array_equal(pickle.loads(sent).descriptors("a#v#0"), table.descriptors("a#v#0"))


def test_nobody_can_write_into_the_mapped_file(store: Store) -> None:
    put(store)
    with pytest.raises(ValueError, match="read-only"):
        FaceTable.open(store, "d").descriptors("a#v#0")[0] = 0


def test_rows_in_any_order(store: Store) -> None:
    mixed = pa.concat_tables([named(clip_id, CLIPS[clip_id]) for clip_id in PARTS[0]])
    put_table(store, "datasets/d/face3d/part-0.parquet", mixed.take(np.random.default_rng(0).permutation(len(mixed))))
    np.testing.assert_array_equal(FaceTable.open(store, "d").descriptors("b#v#0"), descriptors(CLIPS["b#v#0"]))


def test_wrong_tables_are_refused_and_leave_nothing_behind(store: Store) -> None:
    other = CLIPS["a#v#0"].set_column(len(CLIPS["a#v#0"].schema) - 1, "extractor", pa.array(["other"] * 3))
    wrong = {
        "twice": ([("a#v#0",), ("a#v#0",)], CLIPS),
        "frames 0 to 1, each once": ([("a#v#0",)], {"a#v#0": CLIPS["a#v#0"].slice(1)}),
        "2 extractors": ([("a#v#0", "b#v#0")], {**CLIPS, "a#v#0": other}),
    }
    for message, (parts, clips) in wrong.items():
        for path in list(store.list("datasets/d/")):
            store.delete(path)
        put(store, parts, clips)
        for _ in range(2):
            with pytest.raises(WrongUseError, match=message):
                FaceTable.open(store, "d")


def test_leftovers_of_a_killed_process_are_swept_away(store: Store) -> None:
    put(store)
    cache = Settings().cache_folder / "motion"
    old, young = cache / ".tmp-old", cache / ".tmp-young"
    for folder in (old, young):
        folder.mkdir(parents=True)
    os.utime(old, (0, 0))
    FaceTable.open(store, "d")
    assert not old.exists() and young.exists()


def test_names_that_are_not_there(store: Store) -> None:
    with pytest.raises(NoSuchDatasetError, match="'d'"):
        FaceTable.open(store, "d")
    put(store)
    table = FaceTable.open(store, "d")
    with pytest.raises(KeyError, match="no clip 'z' among the 3"):
        table.windows("z", np.array([0]))
    with pytest.raises(IndexError):
        table.windows("a#v#0", np.array([3]))


def test_a_dataset_of_rejected_videos_has_no_clips(store: Store) -> None:
    put_table(store, "datasets/d/face3d/part-0.parquet", FACE3D.empty_table())
    table = FaceTable.open(store, "d")
    assert table.clip_ids == () and table.extractor is None
