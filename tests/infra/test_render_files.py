"""Renders that somebody brings: what of a folder is a render, and which numbered pictures make a video."""

import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from pictures import write_png

from reenactory.infra.pictures import numbering_fault, pictures_sha256
from reenactory.infra.render_files import find_renders
from reenactory.infra.sources import UnusableInputError, with_digests
from reenactory.infra.store import open_store
from reenactory.infra.video import VideoFault, read_picture_frames


def touch(*files: Path) -> None:
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(file.name.encode())


def test_videos_folders_of_frames_and_the_rest(tmp_path: Path) -> None:
    root = tmp_path / "theirs"
    touch(root / "p0.mp4", root / "deep" / "p1.MKV", root / "p2" / "0000.png", root / "p2" / "0001.png")
    touch(root / "p3.x" / "1.jpg", root / "log.txt", root / "p2" / "notes.csv")
    found = find_renders(str(root))
    assert sorted(source.video_id for source in found.renders) == ["p0", "p1", "p2", "p3.x"]
    assert sorted(found.others) == ["log.txt", "p2/notes.csv"]


def test_a_folder_without_renders(tmp_path: Path) -> None:
    touch(tmp_path / "log.txt")
    with pytest.raises(UnusableInputError, match="neither videos nor folders of PNG or JPEG"):
        find_renders(str(tmp_path))
    with pytest.raises(UnusableInputError, match="no such folder"):
        find_renders(str(tmp_path / "gone"))


def test_a_folder_has_a_digest_of_all_its_frames(tmp_path: Path) -> None:
    store = open_store(str(tmp_path / "store"))
    frames = [tmp_path / "r" / "p" / f"{number}.png" for number in range(3)]
    touch(*frames)

    def digest() -> str:
        (source,) = with_digests(store, find_renders(str(tmp_path / "r")).renders)
        return source.sha256

    first = digest()
    assert first == pictures_sha256(frames[0].parent) == digest()
    frames[1].write_bytes(b"other")
    os.utime(frames[1], ns=(1, 1))
    second = digest()
    frames[2].rename(frames[2].with_name("3.png"))
    assert len({first, second, digest()}) == 3


@pytest.mark.parametrize(
    ("names", "fault"),
    [
        (["0000.png", "0001.jpg"], None),
        (["1.png", "2.png", "3.png"], None),
        (["0.png", "1.png", "10.png"], "different widths (0.png, 10.png): pad them with zeros"),
        (["00.png", "02.png"], "02.png does not follow the one before it"),
        (["00.jpg", "00.png"], "00.png does not follow the one before it"),
        (["02.png", "03.png"], "the first is 02.png: numbers start at 0 or 1"),
        (["00.png", "frame_1.png"], "frame_1.png is not named by a number"),
        (["٠.png"], "٠.png is not named by a number"),
    ],
)
def test_numbers_say_the_order(names: list[str], fault: str | None) -> None:
    assert fault in (numbering_fault(names) or None, (numbering_fault(names) or "").removeprefix("numbers of "))


def test_frames_come_back_in_rgb_and_in_order(tmp_path: Path) -> None:
    frames = np.random.default_rng(0).integers(0, 256, (12, 6, 4, 3), np.uint8)
    for number, frame in enumerate(frames):
        write_png(tmp_path / f"{number:02d}.png", frame)
    assert np.array_equal(read_picture_frames(tmp_path), frames)
    assert np.array_equal(read_picture_frames(tmp_path, most=1), frames[:1])


def test_a_jpeg_is_decoded_as_every_library_does(tmp_path: Path) -> None:
    frame = np.repeat(np.arange(0, 256, 8, np.uint8), 32).reshape(32, 32)[..., None] + np.zeros(3, np.uint8)
    assert cv2.imwrite(str(tmp_path / "0.jpg"), frame, [cv2.IMWRITE_JPEG_QUALITY, 100])
    assert np.abs(read_picture_frames(tmp_path)[0].astype(int) - frame).max() <= 1  # ffmpeg's would be darker


@pytest.mark.parametrize(
    ("shape", "kind", "pixels", "fault"),
    [
        ((6, 4, 4), np.uint8, "rgba", "01.png is rgba, not 8-bit RGB"),
        ((6, 4, 3), np.uint16, "rgb48be", "01.png is rgb48be, not 8-bit RGB"),
        ((6, 4), np.uint8, "gray", "01.png is gray, not 8-bit RGB"),
        ((6, 5, 3), np.uint8, "rgb24", "01.png is 5x6, the first is 4x6"),
    ],
)
def test_a_picture_of_another_kind_is_a_fault_of_the_data(
    tmp_path: Path, shape: tuple[int, ...], kind: type[np.generic], pixels: str, fault: str
) -> None:
    write_png(tmp_path / "00.png", np.zeros((6, 4, 3), np.uint8))
    write_png(tmp_path / "01.png", np.zeros(shape, kind), pixels)
    with pytest.raises(VideoFault) as found:
        read_picture_frames(tmp_path)
    assert found.value.detail == fault


@pytest.mark.parametrize("name", ["01.png", "01.jpg"])
@pytest.mark.parametrize("content", [b"", b"no picture"])
def test_a_file_that_is_no_picture(tmp_path: Path, name: str, content: bytes) -> None:
    write_png(tmp_path / "00.png", np.zeros((6, 4, 3), np.uint8))
    (tmp_path / name).write_bytes(content)
    with pytest.raises(VideoFault, match=f"{name} is no picture that can be read"):
        read_picture_frames(tmp_path)
    cv2.imwrite(str(tmp_path / "grey.jpg"), np.zeros((6, 4), np.uint8))
    (tmp_path / "grey.jpg").rename(tmp_path / name.replace("png", "jpg"))
    (tmp_path / "01.png").unlink(missing_ok=True)
    with pytest.raises(VideoFault, match=r"01.jpg is gray, not 8-bit RGB"):
        read_picture_frames(tmp_path)
