"""Cropping a video, beside a straightforward script and the bare detector, its memory, and its threads.

    .venv/bin/python benchmarks/crop.py [--frames 240] [--rounds 2] [--minutes 10] [--video FILE]

"pipeline" is detect, track and crop as the worker runs them. "script" is what people run: OpenCV decodes all frames
into memory, the detector sees every one in full size, each is cut and resized by itself, and Python feeds the encoder.
Both end in an mp4 of the same frames; the boxes are the same where the detector sees the same picture, and differ by
what it sees in a larger one. Read the ratios: the machine may be busy.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from reenactory.infra.video import ReadSpec, probe, read_chunks, write_video
from reenactory.infra.video.command import ffmpeg_executable
from reenactory.models.weights import locate
from reenactory.models.yunet.detector import FaceDetector
from reenactory.tasks import crop, detect, track
from reenactory.tasks.crop_box import Box, Picture, fit_inside, grow
from reenactory.tasks.outcomes import Made
from reenactory.tasks.stage import Runtime

RUNTIME = Runtime("cpu", 1)
RULES = track.Params(min_side_px=64, out_of_frame="fit")


def seconds(action: Callable[[], object]) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=240)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--minutes", type=int, default=10, help="Of the long video; 0 leaves memory out.")
    parser.add_argument("--video", type=Path)
    parser.add_argument("--memory-of", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    cv2.setNumThreads(1)
    if chosen.memory_of:
        print(peak_memory(chosen.memory_of))
        return
    video = chosen.video or locate("demo_woman")
    with tempfile.TemporaryDirectory() as folder:
        for height in (360, 1080):
            made = encoded(video, Path(folder) / f"{height}.mp4", height, "-frames:v", chosen.frames)
            compare_ways(made, Path(folder), chosen.rounds)
        compare_threads(Path(folder) / "360.mp4")
        if chosen.minutes:
            compare_memory(video, Path(folder), chosen.minutes)


def encoded(video: Path, path: Path, height: int, *length: object, before: tuple[object, ...] = ()) -> Path:
    scale = ("-vf", f"scale=-2:{height}", "-an", "-c:v", "libx264", "-preset", "veryfast", "-crf", 18)
    call = [ffmpeg_executable(), "-v", "error", "-y", *before, "-i", video, *scale, *length, path]
    subprocess.run([str(word) for word in call], check=True)
    return path


def compare_ways(video: Path, folder: Path, rounds: int) -> None:
    info, models = probe(video), detect.load(detect.Params(), RUNTIME)
    frames = np.concatenate(list(read_chunks(video, ReadSpec(height=360, pixel_format="bgr24"))))
    boxes: dict[str, Box] = {}
    ways: dict[str, Callable[[], object]] = {
        "script": lambda: boxes.update(script=plain_script(video, folder / "script.mp4")),
        "pipeline, detect only": lambda: detect.run(detect.Item(folder, video), detect.Params(), models),
        "pipeline": lambda: boxes.update(pipeline=pipeline(video, folder, detect.Params())),
        "pipeline, every frame": lambda: boxes.update(every=pipeline(video, folder, every_frame())),
        "bare detector, 360p": lambda: [models.detector.detect(frame) for frame in frames],
    }
    best = {name: min(seconds(way) for _ in range(rounds)) for name, way in ways.items()}
    print(f"\n{len(frames)} frames of {info.width}x{info.height}, one thread, best of {rounds}")
    for name, taken in best.items():
        print(f"{name:22} {len(frames) / taken:7.1f} frames/s, {best['script'] / taken:5.2f} times the script")
    (found,) = detect.run(detect.Item(folder, video), detect.Params(), models)
    if isinstance(found, Made) and "searched" in found.facts:
        print(f"the detector saw {found.facts['searched']} of {len(frames)} frames")
    side = boxes["script"][2] - boxes["script"][0]
    for name in ("pipeline", "every"):
        apart = np.abs(np.subtract(boxes[name], boxes["script"])).max() * 256 / side
        print(f"box of {name} against the script's: at most {apart:.2f} px of 256 apart")


def every_frame() -> detect.Params:
    return detect.Params.model_validate({"stride": 1} if "stride" in detect.Params.model_fields else {})


def pipeline(video: Path, folder: Path, params: detect.Params) -> Box:
    """The box of the first clip."""
    (found,) = detect.run(detect.Item(folder, video), params, detect.load(params, RUNTIME))
    assert isinstance(found, Made)
    table = pq.read_table(found.files["detections.parquet"])
    (tracked,) = track.run(track.Item(folder, table), RULES, track.load(RULES, RUNTIME))
    assert isinstance(tracked, Made), tracked
    clips = tuple(track.clips_of(dict(tracked.facts)))
    rate = [int(str(found.facts[name])) for name in ("fps_num", "fps_den")]
    crop.run(crop.Item(folder, video, rate[0], rate[1], clips), crop.Params(), crop.load(crop.Params(), RUNTIME))
    left, top, right, bottom = (int(side) for side in clips[0]["box_ltrb"])  # type: ignore[union-attr, arg-type]
    return left, top, right, bottom


def plain_script(video: Path, path: Path) -> Box:
    frames = all_frames(video)
    detector = FaceDetector(locate("yunet"), 0.7)
    found = [detector.detect(frame)[0] for frame in frames]
    largest = [boxes[np.argmax(np.prod(boxes[:, 2:] - boxes[:, :2], axis=1))] for boxes in found if len(boxes)]
    union = (*np.min(largest, axis=0)[:2].astype(int), *np.max(largest, axis=0)[2:].astype(int))
    picture = Picture(frames[0].shape[1], frames[0].shape[0])
    left, top, right, bottom = fit_inside(grow(union, RULES.margin), picture)
    small = [cv2.resize(frame[top:bottom, left:right], (256, 256)) for frame in frames]
    write_video(path, np.stack([frame[..., ::-1] for frame in small]), Fraction(25), "h264")
    return left, top, right, bottom


def all_frames(video: Path) -> list[NDArray[np.uint8]]:
    reader, frames = cv2.VideoCapture(str(video)), []
    while True:
        more, frame = reader.read()
        if not more:
            return frames
        frames.append(frame.astype(np.uint8, copy=False))


def compare_threads(video: Path) -> None:
    """What two cores can do for the detector: both on one frame, or one each on two."""
    frames = np.concatenate(list(read_chunks(video, ReadSpec(frame_count=96, pixel_format="bgr24"))))
    detectors = [FaceDetector(locate("yunet"), 0.7) for _ in range(2)]

    def search(detector: FaceDetector) -> None:
        for frame in frames:
            detector.detect(frame)

    print("\nframes/s of the detector at 360p on this machine")
    for threads in (1, 2):
        cv2.setNumThreads(threads)
        search(detectors[0])
        print(f"one detector, {threads} threads   {len(frames) / seconds(lambda: search(detectors[0])):7.1f}")
    cv2.setNumThreads(1)
    with ThreadPoolExecutor(2) as pool:  # OpenCV releases the lock
        taken = seconds(lambda: list(pool.map(search, detectors)))
    print(f"two detectors, 1 thread   {2 * len(frames) / taken:7.1f}")


def compare_memory(video: Path, folder: Path, minutes: int) -> None:
    """Peak of a process that does nothing else; its ffmpeg is not counted."""
    print("\npeak memory of detect, track and crop at 180p")
    for length in (1, minutes):
        looped = encoded(video, folder / f"{length}min.mp4", 180, "-t", 60 * length, before=("-stream_loop", -1))
        call = [sys.executable, __file__, "--memory-of", str(looped)]
        print(f"{length:3} min: {subprocess.run(call, capture_output=True, text=True, check=True).stdout.strip()}")


def peak_memory(video: Path) -> str:
    with tempfile.TemporaryDirectory() as folder:
        pipeline(video, Path(folder), detect.Params())
    # Not getrusage: what it says of a child begins with the peak of the process that started it.
    (peak,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM:"))
    return f"{int(peak.split()[1]) / 1024:.0f} MB"


if __name__ == "__main__":
    main()
