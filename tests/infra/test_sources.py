"""What the user points at: which videos that means, whose they are, and that their bytes are read once."""

import os
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from reenactory.infra import sources
from reenactory.infra.digests import DIGEST_TABLE
from reenactory.infra.keys import file_sha256
from reenactory.infra.sources import Source, UnusableInputError, find_videos, with_digests
from reenactory.infra.store import Store, open_store

Tree = Callable[..., Path]


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """Writes files (content: their own path) and returns the folder that they are in."""

    def write(*names: str) -> Path:
        for name in names:
            path = tmp_path / "in" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(name)
        return tmp_path / "in"

    return write


def names_of(found: list[Source]) -> list[str]:
    return [Path(source.uri).name for source in found]


def test_a_file_whatever_its_suffix(tree: Tree) -> None:
    folder = tree("talk.bin")
    (source,), skipped = find_videos([str(folder / "talk.bin")])
    assert (source.uri, source.video_id, source.identity, skipped) == (str(folder / "talk.bin"), "talk", "talk", 0)


def test_a_folder_sorted_and_with_what_was_passed_over_counted(tree: Tree) -> None:
    folder = tree("b.mp4", "deep/a.MOV", "deep/notes.txt", "c.webm")
    found, skipped = find_videos([str(folder)])
    assert names_of(found) == ["b.mp4", "c.webm", "a.MOV"]
    assert skipped == 1


def test_a_glob_and_each_video_once_however_often_it_is_named(tree: Tree) -> None:
    folder = tree("a.mp4", "deep/b.mp4", "deep/er/c.mp4")
    found, _ = find_videos([str(folder / "**" / "*.mp4"), str(folder), str(folder / "a.mp4")])
    assert names_of(found) == ["a.mp4", "b.mp4", "c.mp4"]


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_manifest_with_paths_relative_to_itself(tree: Tree, suffix: str) -> None:
    folder = tree("videos/a.mp4", "videos/b.mp4", "007.mp4")
    rows = {"video": ["videos/a.mp4", str(folder / "videos" / "b.mp4"), "007.mp4"], "identity": ["ann", "007", None]}
    manifest = folder / f"list{suffix}"
    table = pd.DataFrame(rows)
    if suffix == ".csv":
        table.to_csv(manifest, index=False)
    else:
        table.to_parquet(manifest)
    found, _ = find_videos([str(manifest)])
    assert {source.video_id: source.identity for source in found} == {"a": "ann", "b": "007", "007": "007"}


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("m.csv", "file\na.mp4\n", "needs a column 'video'"),
        ("m.csv", "video\ngone.mp4\n", "names gone.mp4, which does not exist"),
        ("m.csv", "video\n", "no video in it"),
        ("m.csv", "", "not a manifest"),
        ("m.parquet", "no parquet", "not a manifest"),
    ],
)
def test_a_manifest_that_cannot_be_used(tree: Tree, name: str, content: str, complaint: str) -> None:
    manifest = tree("a.mp4") / name
    manifest.write_text(content)
    with pytest.raises(UnusableInputError, match=complaint):
        find_videos([str(manifest)])


@pytest.mark.parametrize(("given", "complaint"), [("gone", "no such file"), ("*.mp4", "no such"), (".", "no video")])
def test_an_input_that_names_nothing(tree: Tree, given: str, complaint: str) -> None:
    with pytest.raises(UnusableInputError, match=complaint):
        find_videos([str(tree("notes.txt") / given)])


@pytest.mark.parametrize(
    ("path", "identity"),
    [
        ("id10280#NXjT3732Ekg#001093#001192.mp4", "id10280"),
        ("id10001/id10280/NXjT3732Ekg/00001.mp4", "id10280"),
        ("id1028/talk.mp4", "talk"),
        ("id10280/ann#3.mp4", "ann"),
        ("talk.mp4", "talk"),
    ],
)
def test_identity(tree: Tree, path: str, identity: str) -> None:
    (source,), _ = find_videos([str(tree(path))])
    assert source.identity == identity


def test_a_link_is_called_after_itself(tree: Tree) -> None:
    folder = tree("store/4f2a.mp4")
    (folder / "id10280").mkdir()
    (folder / "id10280" / "talk.mp4").symlink_to(folder / "store" / "4f2a.mp4")
    (source,), _ = find_videos([str(folder / "id10280")])
    assert (source.video_id, source.identity) == ("talk", "id10280")


def test_two_videos_of_one_name_get_ids_of_their_own_that_do_not_depend_on_the_rest(tree: Tree) -> None:
    folder = tree("id10280/x/00001.mp4", "id10280/y/00001.mp4", "id10281/x/00001.mp4")
    found, _ = find_videos([str(folder)])
    ids = [source.video_id for source in found]
    assert ids[2] == "00001"
    assert len(set(ids)) == 3
    assert all(name.startswith("00001-") for name in ids[:2])
    again, _ = find_videos([str(folder / "id10280" / "y"), str(folder / "id10280" / "x")])
    assert [source.video_id for source in again] == ids[:2]


class TestDigests:
    @pytest.fixture
    def store(self, tmp_path: Path) -> Store:
        return open_store(str(tmp_path / "store"))

    @pytest.fixture
    def hashed(self, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        """Names of the files that were read."""
        names: list[str] = []

        def note(path: Path) -> str:
            names.append(path.name)
            return file_sha256(path)

        monkeypatch.setattr(sources, "file_sha256", note)
        return names

    def test_a_file_is_read_again_only_when_it_changed(self, tree: Tree, store: Store, hashed: list[str]) -> None:
        folder = tree("a.mp4", "b.mp4")
        first = list(with_digests(store, find_videos([str(folder)])[0]))
        assert [source.sha256 for source in first] == [file_sha256(folder / name) for name in ("a.mp4", "b.mp4")]
        assert hashed == ["a.mp4", "b.mp4"]
        assert list(with_digests(store, find_videos([str(folder)])[0])) == first
        assert hashed == ["a.mp4", "b.mp4"]
        stat = (folder / "b.mp4").stat()
        (folder / "b.mp4").write_text("other")  # as long as before
        os.utime(folder / "b.mp4", ns=(stat.st_atime_ns, stat.st_mtime_ns + 1))
        second = list(with_digests(store, find_videos([str(folder)])[0]))
        assert hashed == ["a.mp4", "b.mp4", "b.mp4"]
        assert [a == b for a, b in zip(first, second, strict=True)] == [True, False]

    def test_a_run_that_is_broken_off_keeps_what_it_read(self, tree: Tree, store: Store, hashed: list[str]) -> None:
        found, _ = find_videos([str(tree("a.mp4", "b.mp4"))])
        (Path(found[1].uri)).unlink()
        with pytest.raises(UnusableInputError, match=r"b\.mp4 cannot be read"):
            list(with_digests(store, found))
        assert next(iter(with_digests(store, found))).sha256
        assert hashed == ["a.mp4", "b.mp4"]

    def test_nothing_new_writes_nothing(self, tree: Tree, store: Store) -> None:
        found, _ = find_videos([str(tree("a.mp4"))])
        list(with_digests(store, found))
        stamp = (Path(store.uri.removeprefix("file://")) / DIGEST_TABLE).stat().st_mtime_ns
        list(with_digests(store, found))
        assert (Path(store.uri.removeprefix("file://")) / DIGEST_TABLE).stat().st_mtime_ns == stamp


def test_names_that_look_the_same_get_a_mark(tree: Tree) -> None:
    """Composed and decomposed, with a character that does not show: three files, three ids that can be told apart."""
    folder = tree("caf\u00e9.mp4", "cafe\u0301.mp4", "caf\u00e9\u200b.mp4", "other.mp4")
    ids = [source.video_id for source in find_videos([str(folder)])[0]]
    marked = [name for name in ids if name != "other"]
    assert len(ids) == 4 and len({name[-9:] for name in marked}) == 3 and all(name[-9] == "-" for name in marked)


def test_a_hash_sign_in_an_identity_does_not_make_two_clips_one(tree: Tree) -> None:
    folder = tree("a/c.mp4", "b/b#c.mp4")
    (folder / "m.csv").write_text("video,identity\na/c.mp4,a#b\nb/b#c.mp4,a\n")
    names = {f"{source.identity}#{source.video_id}" for source in find_videos([str(folder / "m.csv")])[0]}
    assert len(names) == 2


@pytest.mark.parametrize("identity", ["a\u2028b", "a\x1b[31mb", " ", "x" * 151])
def test_an_identity_is_a_short_text_in_one_line(tree: Tree, identity: str) -> None:
    folder = tree("a.mp4")
    pd.DataFrame({"video": ["a.mp4"], "identity": [identity]}).to_parquet(folder / "m.parquet")
    with pytest.raises(UnusableInputError, match="identity"):
        find_videos([str(folder / "m.parquet")])


@pytest.mark.parametrize("name", [b"a\xff.mp4", b"a\nb.mp4", b"a\x1b[2J.mp4"])
def test_a_name_that_no_table_can_hold(tree: Tree, name: bytes) -> None:
    folder = tree("good.mp4")
    (folder / os.fsdecode(name)).touch()
    with pytest.raises(UnusableInputError, match="rename the file"):
        find_videos([str(folder)])


@pytest.mark.parametrize("video", ["x" * 300, "a\0b", "", "\udcff", 7])
def test_a_manifest_that_names_what_no_file_is_called(tree: Tree, video: object) -> None:
    folder = tree("a.mp4")
    try:
        pd.DataFrame({"video": [video]}).to_parquet(folder / "m.parquet")
    except UnicodeEncodeError:
        pytest.skip("Parquet cannot hold it")
    with pytest.raises(UnusableInputError, match="does not exist"):
        find_videos([str(folder / "m.parquet")])


def test_equal_numbers_of_different_looks_change_no_name(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    """Looks are counted where their numbers are equal; that numbers are, by chance, means nothing."""
    folder = tree("id10001/a.mp4", "id10001/deep/a.mp4", "id10002/a.mp4", "b.mp4")
    expected, _ = find_videos([str(folder)])
    assert [len(source.video_id) for source in expected] == [1, 10, 10, 1]
    monkeypatch.setattr(sources, "hash", lambda look: 7, raising=False)
    assert find_videos([str(folder)])[0] == expected


def test_of_a_video_that_is_named_twice_the_last_naming_counts(tree: Tree) -> None:
    folder = tree("a.mp4", "b.mp4")
    for name, person in (("one", "ann"), ("two", "bob")):
        pd.DataFrame({"video": ["a.mp4"], "identity": [person]}).to_csv(folder / f"{name}.csv")
    found, _ = find_videos([str(folder), str(folder / "two.csv"), str(folder / "one.csv")])
    assert [(source.video_id, source.identity) for source in found] == [("a", "ann"), ("b", "b")]
