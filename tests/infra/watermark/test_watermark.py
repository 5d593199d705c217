"""A mark that cannot be seen, that re-encoding leaves, and that is found only where it is."""

import subprocess
from fractions import Fraction
from pathlib import Path

import cv2
import imageio_ffmpeg
import numpy as np
import pytest
from numpy.typing import NDArray

from reenactory.infra.video import ReadSpec, read_chunks, read_frames, write_video
from reenactory.infra.watermark import MIN_SIDE_PX, Reading, mark, read_mark

IDENT = "9fec1fbb6424"
CLIPS = Path(__file__).resolve().parents[4] / "shared" / "clips"
Frames = NDArray[np.uint8]


def film(side: int, count: int, seed: int = 0) -> Frames:
    """A soft, still background, and a detailed patch that moves over it."""
    rng = np.random.default_rng(seed)
    still = cv2.resize(rng.uniform(40, 200, (6, 6, 3)).astype(np.float32), (side, side), interpolation=cv2.INTER_CUBIC)
    patch = cv2.resize(rng.uniform(20, 230, (24, 24, 3)).astype(np.float32), (side // 2, side // 2))
    frames = np.repeat(np.clip(still, 0, 255)[None], count, axis=0)
    for number, frame in enumerate(frames):
        top, left = (round(side / 4 + side / 16 * f(number / 9)) for f in (np.sin, np.cos))
        frame[top : top + side // 2, left : left + side // 2] = patch
    return np.rint(frames).astype(np.uint8)


def encoded(source: Path, *filters: str, crf: int) -> Path:
    """As somebody else's ffmpeg would do it."""
    target = source.with_name("again.mp4")
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-v", "error", "-y", "-i", source]
    command += ["-vf", ",".join(filters)] if filters else []
    subprocess.run([*command, "-c:v", "libx264", "-crf", str(crf), "-threads", "1", target], check=True, timeout=60)
    return target


def read(path: Path) -> Reading | None:
    return read_mark(read_chunks(path, ReadSpec()))


def psnr(a: Frames, b: Frames) -> float:
    return float(10 * np.log10(255**2 / np.mean((a.astype(np.float64) - b) ** 2)))


@pytest.fixture(scope="module", params=[(64, 60), (256, 50)], ids=["64px", "256px"])
def published(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A marked film, as the publish stage writes it."""
    side, count = request.param
    path = tmp_path_factory.mktemp("marked") / f"{side}.mp4"
    write_video(path, mark(film(side, count), IDENT), Fraction(25), "h264")
    return path


def test_it_is_read_back_without_a_wrong_bit(published: Path) -> None:
    reading = read(published)
    assert reading is not None and (reading.ident, reading.wrong_bits, reading.skipped_frames) == (IDENT, 0, 0)


@pytest.mark.parametrize("filters", [(), ("scale=iw*3/4:-2",), ("scale=iw*3/2:-2",)], ids=["same", "75", "150"])
def test_it_survives_h264_at_crf_23_and_scaling(published: Path, filters: tuple[str, ...]) -> None:
    reading = read(encoded(published, *filters, crf=23))
    assert reading is not None and reading.ident == IDENT


def test_a_film_that_lost_its_beginning_or_some_frames(tmp_path: Path) -> None:
    path = tmp_path / "marked.mp4"
    write_video(path, mark(film(128, 120), IDENT), Fraction(25), "h264")
    trimmed = read(encoded(path, "trim=start_frame=17", "setpts=PTS-STARTPTS", crf=23))
    assert trimmed is not None and trimmed.ident == IDENT and abs(trimmed.skipped_frames - (48 - 17)) <= 6
    thinned = read(encoded(path, "select=mod(n\\,20)", "setpts=N/25/TB", crf=23))
    assert thinned is not None and thinned.ident == IDENT


@pytest.mark.parametrize(("side", "count", "least"), [(64, 50, 40), (96, 50, 44), (256, 50, 47), (1024, 3, 47)])
def test_it_cannot_be_seen(side: int, count: int, least: float) -> None:
    frames = film(side, count, seed=1)
    marked = mark(frames, IDENT)
    assert psnr(frames, marked) > least
    change = marked.astype(int) - frames
    assert np.abs(change).max() <= (16 if side < 96 else 8)
    # The same in all channels: no colour is changed, but where one is at its end.
    inside = (frames > 20).all(-1) & (frames < 235).all(-1)
    assert (np.ptp(change, axis=-1)[inside] == 0).all()
    # A still pattern: nothing flickers within a block.
    still = inside[:48].all(axis=0)
    assert still.any() and (np.ptp(change[:48], axis=0)[still] == 0).all()


@pytest.mark.parametrize("level", [0, 4, 128, 255])
def test_flat_pictures_can_hold_it(level: int) -> None:
    """Black takes no darker, white no lighter; the passes make up for what is cut off."""
    marked = mark(np.full((24, 96, 96, 3), level, np.uint8), IDENT)
    reading = read_mark([marked])
    assert reading is not None and reading.ident == IDENT


def test_nothing_is_found_where_nothing_is(tmp_path: Path) -> None:
    write_video(tmp_path / "clean.mp4", film(96, 60, seed=2), Fraction(25), "h264")
    assert read(tmp_path / "clean.mp4") is None
    assert read_mark([np.zeros((4, 64, 64, 3), np.uint8)]) is None
    assert read_mark([np.zeros((4, 32, 32, 3), np.uint8)]) is None
    assert read_mark([]) is None


def test_the_same_frames_give_the_same_bytes_and_stay_as_they_were() -> None:
    frames = film(64, 30)
    before = frames.copy()
    assert np.array_equal(mark(frames, IDENT), mark(frames, IDENT))
    assert np.array_equal(frames, before)


def test_how_the_video_comes_in_parts_does_not_matter() -> None:
    marked = mark(film(64, 50), IDENT)
    assert read_mark([marked]) == read_mark(np.array_split(marked, 7))


def test_too_small_a_picture_has_no_room() -> None:
    with pytest.raises(ValueError, match=f"at least {MIN_SIDE_PX} px"):
        mark(np.zeros((2, 64, 40, 3), np.uint8), IDENT)


@pytest.mark.shared
@pytest.mark.parametrize("name", ["dagan_driving", "vox2_pcavs_00086", "lia_vox_driving2"])
@pytest.mark.parametrize("side", [64, 128])
def test_real_faces_at_small_sizes(name: str, side: int, tmp_path: Path) -> None:
    path = CLIPS / f"{name}.mp4"
    if not path.is_file():
        pytest.skip("the development clips are not here")
    frames = read_frames(path, ReadSpec(frame_count=60))
    small = np.stack([cv2.resize(frame, (side, side), interpolation=cv2.INTER_AREA) for frame in frames])
    marked = mark(small, IDENT)
    assert psnr(small, marked) > 40
    write_video(tmp_path / "p.mp4", marked, Fraction(25), "h264")
    reading = read(encoded(tmp_path / "p.mp4", "scale=iw*3/4:-2", crf=23))
    assert reading is not None and reading.ident == IDENT


@pytest.mark.shared
def test_clean_clips_hold_no_id() -> None:
    clips = sorted(CLIPS.glob("*.mp4"))[::2]
    if not clips:
        pytest.skip("the development clips are not here")
    found = {path.name: read_mark(read_chunks(path, ReadSpec(frame_count=24, tolerate_damage=True))) for path in clips}
    assert {name: reading for name, reading in found.items() if reading is not None} == {}
