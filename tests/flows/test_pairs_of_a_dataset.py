"""Pairs of a dataset: what the clips table says of faces and crop modes reaches the draw."""

import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from reenactory.flows import cli
from reenactory.flows.pairs import write_pairs
from reenactory.flows.run_files import keep_pairs, run_pair_list
from reenactory.infra.store import open_store
from reenactory.infra.tables import put_table
from reenactory.tasks.dataset import CLIPS
from reenactory.tasks.errors import WrongUseError
from reenactory.tasks.pairs import make_pair, pairs_sha256, read_pairs

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


def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: object) -> tuple[object, str, str]:
    """Exit code, standard output and error of `reenactory pairs` in this process."""
    monkeypatch.setattr(sys, "argv", ["reenactory", "pairs", *map(str, words)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return ended.value.code, *capsys.readouterr()


class TestCommand:
    @pytest.fixture
    def where(self, tmp_path: Path) -> tuple[object, ...]:
        splits = {"a": "train", "b": "test", "c": "test"}
        rows = [{"identity": name, "start_frame": 0, "split": split} for name, split in splits.items()]
        store = dataset(tmp_path, *rows)
        return "--store", store, "--dataset", "d", "--out", tmp_path / "pairs.parquet"

    def test_a_papers_protocol_takes_the_test_split_and_says_so(
        self,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
        tmp_path: Path,
        where: tuple[object, ...],
    ) -> None:
        code, said, _ = run(monkeypatch, capsys, *where, "--protocol", "3dflowrenderer-cross", "--seed", 4)
        found = read_pairs(tmp_path / "pairs.parquet")
        assert code == 0 and said.splitlines() == [
            "2 of the dataset's 3 clips: split test",
            f"2 pairs (3dflowrenderer-cross, seed 4, split test), sha256 {pairs_sha256(found.pairs)}",
            f"results: pairs={tmp_path / 'pairs.parquet'}",
        ]
        assert {pair.source_clip for pair in found.pairs} == {"clip1", "clip2"}
        assert (found.dataset, found.drawn_by) == ("d", "3dflowrenderer-cross, seed 4, split test")
        run(monkeypatch, capsys, *where, "--protocol", "cross", "--count", 99)
        assert {pair.source_clip for pair in read_pairs(tmp_path / "pairs.parquet").pairs} == {
            "clip0",
            "clip1",
            "clip2",
        }

    def test_a_list_is_taken_as_it_is_and_what_is_not_used_is_told(
        self,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
        tmp_path: Path,
        where: tuple[object, ...],
    ) -> None:
        listing = tmp_path / "vox.csv"
        listing.write_text("source,driving,best_frame\nx/clip0.mp4/0000003.png,clip1.mp4,7\nclip1,gone.mp4,0\n")
        code, _, error = run(monkeypatch, capsys, *where, "--pairs-list", listing)
        assert (code, len(error.splitlines())) == (2, 1)
        assert "line 3: no clip 'gone'" in error and not (tmp_path / "pairs.parquet").exists()
        code, said, _ = run(monkeypatch, capsys, *where, "--pairs-list", listing, "--skip-missing")
        assert code == 0
        assert "1 row(s) left out:\n  line 3: no clip 'gone'\ncolumn(s) best_frame not used" in said
        (pair,) = read_pairs(tmp_path / "pairs.parquet").pairs
        assert pair[1:7] == ("cross", "clip0", 3, "clip1", 0, 100)

    @pytest.mark.parametrize(
        ("options", "complaint"),
        [
            ((), "give either --protocol NAME or --pairs-list FILE.csv"),
            (("--protocol", "self", "--pairs-list", "x.csv"), "give either --protocol NAME or --pairs-list"),
            (("--protocol", "self"), "--protocol self needs --count N"),
            (("--protocol", "self", "--count", 1, "--skip-missing"), "--skip-missing goes with --pairs-list"),
            (("--protocol", "self", "--count", 1, "--split", "dev"), "no clip of split 'dev'; it has: test, train"),
            (("--pairs-list", "x.csv", "--count", 1), "--pairs-list is taken as it is"),
            (("--pairs-list", "gone.csv"), "gone.csv: not a pair list that can be read"),
        ],
    )
    def test_wrong_use_is_one_line(
        self,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
        where: tuple[object, ...],
        options: tuple[object, ...],
        complaint: str,
    ) -> None:
        code, _, error = run(monkeypatch, capsys, *where, *options)
        assert (code, len(error.splitlines())) == (2, 1)
        assert complaint in error


def test_a_run_takes_its_pairs_again_whatever_seed_drew_them(tmp_path: Path) -> None:
    store = open_store(str(tmp_path))
    pairs = [make_pair("self", "c", 0, "c", start, 2, 1) for start in range(1, 4)]
    keep_pairs(store, "r", pairs, "d", "words")
    keep_pairs(store, "r", [pair._replace(seed=2) for pair in pairs[:2]], "d")
    with pytest.raises(WrongUseError, match="1 of the pairs given"):
        keep_pairs(store, "r", [make_pair("self", "c", 0, "c", 9, 2, 1)], "d")
    found = run_pair_list(store, "r", {})
    assert (found.count, found.drawn, found.sha256) == (3, "words", pairs_sha256(pairs))
