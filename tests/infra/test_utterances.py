"""Utterance text files of both VoxCelebs, with their trailing blanks, and what is refused."""

from pathlib import Path

import pytest

from reenactory.infra.metadata import UnusableMetadataError
from reenactory.infra.utterances import Utterances, read_utterance

HEADER = (
    "Identity  : \t{person}\nReference : \t{video}\nOffset    : \t1\nFV Conf   : \t20.6\t(1)\nASD Conf  : \t4.6\n\n"
)
TABLE = "FRAME \tX \tY \tW \tH \n"


def written(folder: Path, rows: str, person: str = "id10270", video: str = "5r0dWxy17C8", name: str = "00001") -> Path:
    path = folder / person / video / f"{name}.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(HEADER.format(person=person, video=video) + TABLE + rows)
    return path


def test_voxceleb1_in_pixels(tmp_path: Path) -> None:
    path = written(tmp_path, "000100 \t201 \t78 \t150 \t151 \n000101 \t202 \t78 \t150 \t150 \n")
    assert read_utterance(path) == {
        "utterance": "00001",
        "identity": "id10270",
        "split": "test",
        "start": 100,
        "end": 101,
        "fps": 25.0,
        "relative": False,
        "frames": [100, 101],
        "boxes": [[201, 78, 351, 229], [202, 78, 352, 228]],
    }


def test_voxceleb2_in_fractions(tmp_path: Path) -> None:
    found = read_utterance(written(tmp_path, "000000 \t0.25 \t0.125 \t0.25 \t0.5 \n", person="id00017"))
    assert (found["relative"], found["boxes"], found["split"]) == (True, [[0.25, 0.125, 0.5, 0.625]], None)


@pytest.mark.parametrize(
    ("person", "split"),
    [
        ("id10269", "train"),
        ("id10270", "test"),
        ("id10309", "test"),
        ("id10310", "train"),
        ("id09272", None),
        ("somebody", None),
    ],
)
def test_the_split_of_voxceleb1(tmp_path: Path, person: str, split: str | None) -> None:
    assert read_utterance(written(tmp_path, "0\t1\t1\t9\t9\n", person=person))["split"] == split


def test_a_folder_is_read_by_video_and_in_order(tmp_path: Path) -> None:
    for name, video in (("00002", "a"), ("00001", "a"), ("00001", "b")):
        written(tmp_path, "0\t1\t1\t9\t9\n", video=video, name=name)
    found = Utterances(tmp_path)
    assert {video: [row["utterance"] for row in found[video]] for video in found} == {
        "a": ["00001", "00002"],
        "b": ["00001"],
    }
    assert "c" not in found
    assert list(Utterances(tmp_path / "id10270" / "b" / "00001.txt")) == ["b"]


@pytest.mark.parametrize(
    ("rows", "complaint"),
    [("", "no frame in it"), ("0\t1\t1\tx\t9\n", ":8: could not convert"), ("0\t1\t1\t9\n", ":8: 5 numbers expected")],
)
def test_a_bad_table_is_named_with_its_line(tmp_path: Path, rows: str, complaint: str) -> None:
    with pytest.raises(UnusableMetadataError, match=complaint):
        read_utterance(written(tmp_path, rows))


def test_files_of_another_kind_and_empty_folders(tmp_path: Path) -> None:
    with pytest.raises(UnusableMetadataError, match="no utterance text file"):
        Utterances(tmp_path)
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(UnusableMetadataError, match="must name Identity and Reference"):
        Utterances(tmp_path)
    with pytest.raises(UnusableMetadataError, match="can be read"):
        Utterances(tmp_path / "gone.txt")
    path = written(tmp_path / "more", "0\t1\t1\t9\t9\n")
    path.write_text(path.read_text().replace("X \t", ""))
    with pytest.raises(UnusableMetadataError, match="columns FRAME X Y W H expected"):
        read_utterance(path)


@pytest.mark.parametrize(
    "row", [b"inf\t0.1\t0.1\t0.2\t0.2", b"1\tnan\t0.1\t0.2\t0.2", b"1\t0.1\t0.1\t1e300\t0.2", b"\xff\xfe"]
)
def test_rows_beyond_all_sense_are_refused(tmp_path: Path, row: bytes) -> None:
    head = b"Identity  : \tid00017\nReference : \tv\nOffset    : \t1\nFV Conf   : \t1\nASD Conf  : \t1\n\n"
    path = tmp_path / "00001.txt"
    path.write_bytes(head + b"FRAME \tX \tY \tW \tH \n1\t0.1\t0.1\t0.2\t0.2\n" + row + b"\n")
    with pytest.raises(UnusableMetadataError, match=r"00001\.txt"):
        read_utterance(path)
