"""The published metadata file: one golden row, and what is refused."""

from pathlib import Path

import pytest

from reenactory.infra.metadata import UnusableMetadataError, read_metadata

HEADER = "video_id,start,end,bbox,fps,width,height,partition,person_id"
ROW = "NXjT3732Ekg,1093,1192,334-46-760-472,25.0,1280,720,test,id10280"


def written(folder: Path, *lines: str) -> Path:
    path = folder / "vox-metadata.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def test_a_golden_row(tmp_path: Path) -> None:
    assert read_metadata(written(tmp_path, HEADER, ROW)) == {
        "NXjT3732Ekg": (
            {
                "start": 1093,
                "end": 1192,
                "fps": 25.0,
                "width": 1280.0,
                "height": 720.0,
                "box_ltrb": [334.0, 46.0, 760.0, 472.0],
                "identity": "id10280",
                "split": "test",
            },
        )
    }


def test_rows_of_a_video_lie_together_by_start_and_ids_stay_text(tmp_path: Path) -> None:
    rows = [
        f"{video},{start},{start + 64},1-2.5-3-4,25,640,360,," for video, start in (("007", 90), ("x", 1), ("007", 5))
    ]
    found = read_metadata(written(tmp_path, HEADER, *rows))
    assert {video: [row["start"] for row in clips] for video, clips in found.items()} == {"007": [5, 90], "x": [1]}
    assert found["x"][0]["box_ltrb"] == [1, 2.5, 3, 4]
    assert (found["x"][0]["identity"], found["x"][0]["split"]) == (None, None)


def test_the_optional_columns_may_lack(tmp_path: Path) -> None:
    (row,) = read_metadata(written(tmp_path, HEADER.rsplit(",", 2)[0], ROW.rsplit(",", 2)[0]))["NXjT3732Ekg"]
    assert (row["identity"], row["split"]) == (None, None)


@pytest.mark.parametrize("column", ["video_id", "start", "end", "bbox", "fps", "width", "height"])
def test_a_missing_column_is_named(tmp_path: Path, column: str) -> None:
    with pytest.raises(UnusableMetadataError, match=rf"column\(s\) {column} missing"):
        read_metadata(written(tmp_path, HEADER.replace(column, "other"), ROW))


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("334-46-760-472", "334-46-760", "not left-top-right-bottom"),
        ("334-46-760-472", "334-46-760-472-5", "not left-top-right-bottom"),
        ("334-46-760-472", "334-x-46-760-472", "not left-top-right-bottom"),
        ("334-46-760-472", "-334-46-760-472", "not left-top-right-bottom"),
        ("334-46-760-472", "334-46-330-472", "is empty"),
        ("1093", "first", "start 'first' is not a number"),
        ("1192", "", "end nan is not a number"),
        (",25.0,", ",0,", "above 0"),
    ],
)
def test_a_bad_value_is_named_with_its_line(tmp_path: Path, old: str, new: str, complaint: str) -> None:
    path = written(tmp_path, HEADER, ROW, ROW.replace(old, new))
    with pytest.raises(UnusableMetadataError, match=complaint) as caught:
        read_metadata(path)
    assert str(caught.value).startswith(f"{path}:3: ")


@pytest.mark.parametrize("content", [None, b"", b"\xff\xfe\x00video"])
def test_a_file_that_is_no_csv(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "m.csv"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UnusableMetadataError, match="not a metadata CSV"):
        read_metadata(path)


@pytest.mark.parametrize(
    ("column", "value"),
    [("start", "1e300"), ("end", "1e10"), ("fps", "1e-320"), ("bbox", f"1-2-3-{'9' * 400}"), ("person_id", "a\x1b[2J")],
)
def test_numbers_and_names_beyond_all_sense_are_refused(tmp_path: Path, column: str, value: str) -> None:
    row = {"video_id": "v", "start": "0", "end": "9", "bbox": "1-2-3-4", "fps": "25", "width": "320", "height": "180"}
    row["person_id"] = "ann"
    path = tmp_path / "m.csv"
    path.write_text(",".join(row) + "\n" + ",".join((row | {column: value}).values()) + "\n")
    with pytest.raises(UnusableMetadataError, match=r"m\.csv:2: "):
        read_metadata(path)
