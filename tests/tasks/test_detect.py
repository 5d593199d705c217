"""detect on real video: what the stride costs in pixels and saves in searches."""

import subprocess
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from reenactory.infra.video import command, probe
from reenactory.models.weights import locate
from reenactory.tasks import detect
from reenactory.tasks.outcomes import Made, Outcome, Reason, Rejected
from reenactory.tasks.stage import Runtime
from reenactory.tasks.track import Params as TrackParams
from reenactory.tasks.tracking.crop_box import grow
from reenactory.tasks.tracking.face_tracks import Faces, find_tracks

pytestmark = pytest.mark.weights


def detections(video: Path, folder: Path, stride: int) -> Made:
    folder.mkdir()
    params = detect.Params(stride=stride)
    (made,) = detect.run(detect.Item(folder, video), params, detect.load(params, Runtime("cpu", 1)))
    assert isinstance(made, Made)
    return made


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[Made, Made]:
    folder = tmp_path_factory.mktemp("detect")
    return detections(locate("demo_woman"), folder / "1", 1), detections(locate("demo_woman"), folder / "8", 8)


def test_the_crop_box_is_that_of_every_frame_within_two_pixels_at_256(both: tuple[Made, Made]) -> None:
    boxes = []
    for made in both:
        table = pq.read_table(made.files["detections.parquet"])
        tracks = find_tracks(Faces.of(table, made.frames), TrackParams())
        boxes.append([(track.start_frame, track.frame_count, *grow(track.union, 0.1)) for track in tracks])
    every, sparse = (np.array(each) for each in boxes)
    assert np.array_equal(every[:, :2], sparse[:, :2])
    assert np.abs(every[:, 2:] - sparse[:, 2:]).max() * 256 / (every[:, 4] - every[:, 2]).min() < 2


def test_frames_are_saved_and_marked(both: tuple[Made, Made]) -> None:
    every, sparse = (pq.read_table(made.files["detections.parquet"]) for made in both)
    assert every.schema.names == sparse.schema.names == detect.SCHEMA.names
    assert not any(every["interpolated"].to_pylist())
    marked = np.array(sparse["interpolated"].to_pylist())
    assert marked.sum() == both[1].frames - both[1].facts["searched"]  # type: ignore[operator] # one face in each frame
    assert both[1].facts["searched"] < 0.8 * both[0].facts["searched"]  # type: ignore[operator]
    sharp = [np.asarray(table["sharpness"]) for table in (every, sparse)]
    assert np.array_equal(sharp[0][~marked], sharp[1][~marked])
    assert sharp[1][marked] == pytest.approx(sharp[0][marked], rel=0.5)
    assert every.schema.metadata[b"shot_starts"] == b"[0]"


def verdict(video: Path, folder: Path, **knobs: object) -> Outcome:
    params = detect.Params.model_validate(knobs)
    (outcome,) = detect.run(detect.Item(folder, video), params, detect.load(params, Runtime("cpu", 1)))
    return outcome


def test_too_many_pixels_or_hours_are_a_reason(tmp_path: Path) -> None:
    video, bare = locate("demo_no_face"), tmp_path / "bare.h264"
    large = verdict(video, tmp_path, max_megapixels=0.1)
    assert isinstance(large, Rejected) and large.reason is Reason.TOO_LARGE
    assert "max_megapixels is 0.1" in large.detail
    long = verdict(video, tmp_path, max_hours=0.0001)
    assert isinstance(long, Rejected) and long.reason is Reason.TOO_LARGE and "max_hours is 0.0001" in long.detail
    ffmpeg = [command.ffmpeg_executable(), "-v", "error", "-i", video, "-an", "-c:v", "libx264", bare]
    subprocess.run([str(word) for word in ffmpeg], check=True)
    assert probe(bare).seconds is None
    unsaid = verdict(bare, tmp_path, max_hours=0.0001)
    assert isinstance(unsaid, Rejected) and unsaid.reason is Reason.TOO_LARGE and "more than" in unsaid.detail
    assert isinstance(verdict(bare, tmp_path), Made)


@pytest.mark.parametrize(("knob", "fields", "done"), [("flagged", True, "flagged"), ("flagged", False, "never")])
def test_interlaced_video_is_known_by_its_flags(tmp_path: Path, knob: str, fields: bool, done: str) -> None:
    video = tmp_path / "video.mp4"
    flags = ["-vf", "setfield=tff", "-flags", "+ildct+ilme"] if fields else []
    call = [command.ffmpeg_executable(), "-v", "error", "-i", locate("demo_man"), *flags, "-frames:v", 4, "-an", video]
    subprocess.run([str(word) for word in call], check=True)
    made = verdict(video, tmp_path, deinterlace=knob)
    assert isinstance(made, Made) and made.facts["deinterlace"] == done
    assert made.frames == 4


def test_a_gap_between_time_stamps_is_not_filled_for_hours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Twelve small pictures, an hour between two of them: 90,000 frames at 25 per second out of a few kilobytes."""
    monkeypatch.setattr(detect, "FRAMES_OF_ANY_FILE", 100)
    gap = tmp_path / "gap.mkv"
    picture = ["-f", "lavfi", "-i", "color=gray:s=64x48:r=25", "-frames:v", "12"]
    times = ["-vf", "setpts='if(lt(N,6),N,N+90000)/25/TB'", "-fps_mode", "vfr", "-c:v", "libx264"]
    subprocess.run([command.ffmpeg_executable(), "-v", "error", *picture, *times, str(gap)], check=True)
    found = verdict(gap, tmp_path, fps=25, height_px=64)
    assert isinstance(found, Rejected) and found.reason is Reason.TOO_LARGE
    assert f"out of {gap.stat().st_size} bytes" in found.detail


def test_pixels_in_all_are_bounded_by_both_knobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detect, "MOST_TERAPIXELS", 1e-6)  # four of the video's frames
    video = locate("demo_no_face")
    found = verdict(video, tmp_path)
    assert isinstance(found, Rejected) and found.reason is Reason.TOO_LARGE and "terapixels" in found.detail
    assert isinstance(verdict(video, tmp_path, max_hours=24_000_000), Made)
