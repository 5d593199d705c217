"""Lists that others published: every row becomes its pair, or is named."""

from pathlib import Path

import pytest

from reenactory.tasks.errors import WrongUseError
from reenactory.tasks.protocols.lists import Listed, read_list
from reenactory.tasks.protocols.people import Clip

A, B = "id10280#XiKRlssBw2M#002515#002899", "id10290#gTbcgoYXWdU#001173#001330"
CLIPS = [
    Clip(A, "id10280", 384, file="XiKRlssBw2M"),
    Clip(B, "id10290", 157, file="gTbcgoYXWdU"),
    # A crop that somebody brought as a video of its own: its file has the published name.
    Clip("id10281#id10281#x#000000#000100#000000#000100", "id10281", 100, file="id10281#x#000000#000100"),
    Clip("id10280#two#000000#000064", "id10280", 64, file="two"),
    Clip("id10280#two#000064#000128", "id10280", 64, file="two"),
]
CROP = CLIPS[2].clip_id


def listed(folder: Path, text: str, skip: bool = False) -> Listed:
    path = folder / "list.csv"
    path.write_text(text)
    return read_list(path, CLIPS, skip)


def spans(found: Listed) -> list[tuple[str, str, int, str, int, int]]:
    return [tuple(pair[1:7]) for pair in found.pairs]


def test_paths_of_single_frames(tmp_path: Path) -> None:
    """The form of DaGAN's list of 2,083 pairs: somebody's folders, the clip's name, the frame's number."""
    row = f"/d/test/{A}.mp4/0000075.png,/d/test/{B}.mp4/0000034.png,/d/test/{B}.mp4/0000053.png\n"
    found = listed(tmp_path, "source,driving,best_frame\n" + row + row)
    assert spans(found) == [("cross", A, 75, B, 34, 1)]
    assert (found.unused, found.repeated, found.missing) == (["best_frame"], 1, [])


def test_names_of_whole_clips(tmp_path: Path) -> None:
    """The form of vox256.csv; rows may be shorter than the header. A file's own name finds its clip as well."""
    text = f",source,driving,frame\n0,{A}.mp4,{B}.mp4,0.0\n1,{A},{A}.mp4\n2,id10281#x#000000#000100.mp4,gTbcgoYXWdU\n"
    found = listed(tmp_path, text)
    assert spans(found) == [("cross", A, 0, B, 0, 157), ("self", A, 0, A, 1, 383), ("cross", CROP, 0, B, 0, 157)]
    assert found.unused == ["frame"]


def test_a_frame_and_a_video(tmp_path: Path) -> None:
    assert spans(listed(tmp_path, f"source_frame,driving_video\n/a/{A}.mp4/0000007.png,/b/{A}.mp4\n")) == [
        ("self", A, 7, A, 0, 384)
    ]


def test_frames_in_columns_of_their_own(tmp_path: Path) -> None:
    text = f"source_clip,source_frame,driving_clip,driving_frame,seed\n{A},3,{B},4,0\n"
    assert spans(listed(tmp_path, text)) == [("cross", A, 3, B, 4, 1)]


def test_clips_of_one_person_are_counted(tmp_path: Path) -> None:
    assert listed(tmp_path, f"source,driving\n{A},id10280#two#000000#000064\n").same_person == 1


def test_what_is_not_there_is_named_row_by_row(tmp_path: Path) -> None:
    text = (
        f"source,driving\n{A}.mp4,{B}.mp4\n{A},gone.mp4\n{A}.mp4/0000384.png,{B}\n{A},two\n{A},\n"
        f"{A}.mp4/0000000.png,{B}.mp4/0000157.png\n"
    )
    with pytest.raises(WrongUseError, match=r"5 row\(s\) cannot be paired: line 3: no clip 'gone'; ") as refused:
        listed(tmp_path, text)
    message = str(refused.value)
    assert f"line 4: no frame 384 in {A}, which has 384" in message
    assert "line 5: 'two' may be any of 2 clips, e.g. id10280#two#000000#000064" in message
    assert "--skip-missing leaves them out: 1 row(s) remain" in message and "\n" not in message
    found = listed(tmp_path, text, skip=True)
    assert (len(found.pairs), len(found.missing)) == (1, 5)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("a,b\n1,2\n", "needs rows under the columns .*source,driving.* \\(has: a,b\\)"),
        ("source,driving\n", "needs rows"),
        ("", "needs rows"),
        ("source,driving\nx,y\n", "1 row.* none is left; is it the right --dataset"),
        ("source_clip,source_frame,driving_clip,driving_frame\nx,one,y,2\n", "'one' is no frame number"),
    ],
)
def test_a_list_of_nothing_known(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(WrongUseError, match=complaint):
        listed(tmp_path, text, skip=True)


def test_a_list_that_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_bytes(b"\xff\xfe\x00\x80")
    with pytest.raises(WrongUseError, match="not a pair list that can be read"):
        read_list(tmp_path / "list.csv", CLIPS)
    with pytest.raises(WrongUseError, match="not a pair list that can be read"):
        read_list(tmp_path / "gone.csv", CLIPS)
