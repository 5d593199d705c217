"""Videos that a dataset's scripts usually trip over: each is made here, goes through the worker, and ends as it should.

Damaged and cut-off files, wrong files and rotated ones are in test_bad_files.py, which runs the whole command.
"""

import functools
import resource
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from small_runs import ffmpeg

from reenactory.infra.entries import Entry
from reenactory.infra.index import RecordIndex
from reenactory.infra.keys import digest
from reenactory.infra.records import Record, artefact_path
from reenactory.infra.sources import Source
from reenactory.infra.store import Store, open_store
from reenactory.infra.video import command, probe, read_chunks, read_frames
from reenactory.models.weights import locate
from reenactory.tasks import detect
from reenactory.tasks.preprocess import Preprocessing, PreprocessParams
from reenactory.tasks.running.runner import StageWorker
from reenactory.tasks.stage import Runtime

pytestmark = pytest.mark.weights

FRAMES = 20
X264 = ("-an", "-c:v", "libx264", "-preset", "ultrafast", "-crf", 16, "-threads", 1)
SMALL = {"min_frames": 16, "min_side_px": 64, "out_of_frame": "fit"}


@dataclass
class Bench:
    """One video through detect, track and crop; nothing of the runs around it."""

    store: Store
    worker: StageWorker
    index: RecordIndex
    records: list[Record] = field(default_factory=list)

    def run(self, video: Path, to_end: bool = False, **knobs: dict[str, object]) -> list[Record]:
        """Records in order, of the last video only."""
        jobs = Preprocessing(PreprocessParams.model_validate({"track": SMALL, "crop": {"size_px": 128}} | knobs))
        source = Source(str(video), video.stem, "someone", f"{video.stat().st_size}:1", digest(str(video)) * 2)
        chain, self.records = jobs.video_chain(source), []
        todo = [chain]
        while todo:
            chain = todo.pop()
            made = self.worker.process(chain)
            self.records += made
            for record in made:
                self.index.add(record)
            if chain[-1].stage == "track" or (to_end and chain[-1].stage == "crop"):
                todo += jobs.follow_up(source, chain, {record.key: Entry.of(record) for record in made})
        return self.records

    def clips(self) -> list[dict[str, object]]:
        (tracked,) = (record for record in self.records if record.stage == "track")
        assert tracked.outcome == "done", tracked.detail
        return sorted(tracked.facts["clips"], key=lambda clip: clip["start_frame"])  # type: ignore[arg-type, union-attr, call-overload, index, return-value]

    def cropped(self) -> list[Path]:
        crops = [record for record in self.records if record.stage == "crop"]
        assert all(record.outcome == "done" for record in crops)
        return [Path(self.store.local_path(artefact_path("crop", one.key, "clip.mp4"), Path())) for one in crops]


@pytest.fixture(scope="module")
def bench(own_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Bench:
    store = open_store(str(tmp_path_factory.mktemp("bad-input") / "store"))
    return Bench(store, StageWorker(store.uri, Runtime("cpu", 1)), RecordIndex(store))


def show(made: Path, who: str, filters: str, *options: object, frames: int = FRAMES) -> Path:
    ffmpeg("-i", locate(f"demo_{who}"), "-vf", filters, "-frames:v", frames, *(options or X264), made)
    return made


def rejected(records: list[Record]) -> tuple[str, str | None]:
    last = records[-1]
    assert last.outcome == "rejected" and last.detail
    return last.stage, last.reason


def inside(clip: dict[str, object], width: int, height: int) -> bool:
    left, top, right, bottom = clip["box_ltrb"]  # type: ignore[misc]
    return 0 <= left < right <= width and 0 <= top < bottom <= height  # type: ignore[has-type, no-any-return]


def test_black_frames(bench: Bench, tmp_path: Path) -> None:
    ffmpeg("-f", "lavfi", "-i", "color=black:s=320x180:r=25", "-frames:v", FRAMES, *X264, tmp_path / "black.mp4")
    assert rejected(bench.run(tmp_path / "black.mp4")) == ("track", "NO_FACE")


def test_two_faces(bench: Bench, tmp_path: Path) -> None:
    both = ("-i", locate("demo_man"), "-i", locate("demo_woman"), "-filter_complex", "[0][1]hstack")
    ffmpeg(*both, "-frames:v", FRAMES, *X264, tmp_path / "two.mp4")
    bench.run(tmp_path / "two.mp4")
    clip = bench.clips()[0]
    assert (clip["faces_max"], clip["frame_count"]) == (2, FRAMES)
    assert inside(clip, 1280, 360)
    left, _, right, _ = clip["box_ltrb"]  # type: ignore[misc]
    assert right < 700 or left > 580  # type: ignore[has-type]  # one of the two, not something between them


def test_thirty_faces(bench: Bench, tmp_path: Path) -> None:
    """Six columns, five rows; the detector sees them at the picture's own height."""
    grid = show(tmp_path / "thirty.png", "man", "loop=29:1:0,scale=320:180,tile=6x5", "-update", 1, frames=1)
    ffmpeg("-loop", 1, "-i", grid, "-frames:v", 4, *X264, "-pix_fmt", "yuv420p", tmp_path / "thirty.mp4")
    bench.run(tmp_path / "thirty.mp4", detect={"height_px": 900}, track={**SMALL, "min_side_px": 16, "min_frames": 4})
    clips = bench.clips()
    assert clips[0]["faces_max"] == 30
    assert all(inside(clip, 1920, 900) for clip in clips)


@pytest.mark.parametrize("policy", ["reject", "fit"])
def test_a_face_at_the_border(bench: Bench, tmp_path: Path, policy: str) -> None:
    """The picture's left edge cuts through the man's cheek."""
    video = show(tmp_path / "border.mp4", "man", "crop=360:360:240:0")
    records = bench.run(video, track={**SMALL, "out_of_frame": policy})
    if policy == "reject":
        assert rejected(records) == ("track", "BOX_LEAVES_FRAME")
    else:
        assert inside(bench.clips()[0], 360, 360)
        assert probe(bench.cropped()[0]).frames == FRAMES


def test_a_face_that_leaves_and_returns(bench: Bench, tmp_path: Path) -> None:
    gone = f"drawbox=c=black:t=fill:enable='between(n,{FRAMES},{FRAMES + 11})'"
    bench.run(show(tmp_path / "returns.mp4", "man", gone, frames=2 * FRAMES + 12))
    assert [(clip["start_frame"], clip["frame_count"]) for clip in bench.clips()] == [
        (0, FRAMES),
        (FRAMES + 12, FRAMES),
    ]
    assert [probe(clip).frames for clip in bench.cropped()] == [FRAMES, FRAMES]


def test_a_cut_to_someone_else(bench: Bench, tmp_path: Path) -> None:
    one = show(tmp_path / "one.mp4", "man", "crop=360:360:113:0,pad=640:360:0:0,fps=25")
    other = show(tmp_path / "other.mp4", "woman", "crop=360:360:140:0,pad=640:360:280:0,fps=25")
    ffmpeg("-i", one, "-i", other, "-filter_complex", "[0][1]concat=n=2", *X264, tmp_path / "cut.mp4")
    bench.run(tmp_path / "cut.mp4")
    assert [(clip["start_frame"], clip["frame_count"]) for clip in bench.clips()] == [(0, FRAMES), (FRAMES, FRAMES)]


def test_one_frame(bench: Bench, tmp_path: Path) -> None:
    video = show(tmp_path / "one_frame.mp4", "man", "null", frames=1)
    assert rejected(bench.run(video)) == ("track", "TOO_SHORT")
    matted = bench.run(video, to_end=True, track={**SMALL, "min_frames": 1})
    assert [(record.stage, record.outcome) for record in matted] == [
        (stage, "done") for stage in ("detect", "track", "crop", "matte", "face3d")
    ]
    assert (matted[3].frames, matted[3].facts["alpha_change"], matted[3].facts["matte_flag"]) == (1, 0.0, None)


@pytest.mark.parametrize("bound", [0.0, 0.5])
def test_a_matte_that_loses_the_face(bench: Bench, tmp_path: Path, bound: float) -> None:
    """At an eighth of the clip's size the network sees nobody: that is said, and rejected when asked."""
    blind = {"downsample_ratio": 0.12, "min_face_alpha": bound}
    records = bench.run(show(tmp_path / "lost.mp4", "man", "null"), to_end=True, matte=blind)
    if bound:
        assert rejected(records) == ("matte", "MATTE_LOST_FACE")
    else:
        (matted,) = (record for record in records if record.stage == "matte")
        assert matted.facts["matte_flag"] == "LOST_FACE"
        assert float(str(matted.facts["alpha_face_min"])) < 0.5


def test_four_hours_of_nothing(bench: Bench, tmp_path: Path) -> None:
    """At one frame per second and 64x36: as many frames as ten minutes at 25. Memory stays where it was."""
    quiet = ("-f", "lavfi", "-i", "color=gray:s=64x36:r=1:d=14400")
    ffmpeg(*quiet, *X264, tmp_path / "nothing.mp4")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert rejected(bench.run(tmp_path / "nothing.mp4")) == ("track", "NO_FACE")
    assert bench.records[0].facts["frames"] == 14400
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100 << 10  # KB


def test_8k(bench: Bench, tmp_path: Path) -> None:
    video = show(tmp_path / "8k.mp4", "man", "scale=7680:4320:flags=neighbor", frames=2)
    bench.run(video, track={**SMALL, "min_frames": 2})
    clip = bench.clips()[0]
    assert inside(clip, 7680, 4320) and int(str(clip["face_px_min"])) > 1200
    assert read_frames(bench.cropped()[0]).shape == (2, 128, 128, 3)


@pytest.mark.parametrize(
    ("name", "filters", "options", "size"),
    [
        ("odd", "crop=601:341:21:11:exact=1,format=yuv444p", X264, (601, 341)),
        ("ten_bits", "format=yuv420p10le", X264, (640, 360)),
    ],
)
def test_unusual_pictures(
    bench: Bench, tmp_path: Path, name: str, filters: str, options: tuple[object, ...], size: tuple[int, int]
) -> None:
    bench.run(show(tmp_path / f"{name}.mp4", "man", filters, *options))
    assert (bench.records[0].facts["width"], bench.records[0].facts["height"]) == size
    clip = bench.clips()[0]
    assert inside(clip, *size) and clip["frame_count"] == FRAMES
    clip_frames = read_frames(bench.cropped()[0])
    assert clip_frames.shape == (FRAMES, 128, 128, 3)
    assert clip_frames.std() > 20


def test_a_reader_that_hangs(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The decoder never gives a byte; the worker kills it, says so, and goes on with the next video."""
    video = show(tmp_path / "hangs.mp4", "man", "null")
    script = tmp_path / "ffmpeg"
    script.write_text("#!/bin/sh\nexec sleep 100\n")
    script.chmod(0o755)
    with monkeypatch.context() as patch:
        patch.setattr(detect, "read_chunks", functools.partial(read_chunks, stall_s=1.0))
        patch.setattr(command, "ffmpeg_executable", lambda: str(script))
        assert rejected(bench.run(video)) == ("detect", "DECODE_TIMEOUT")
    assert bench.run(show(tmp_path / "next.mp4", "man", "null"))[-1].outcome == "done"
