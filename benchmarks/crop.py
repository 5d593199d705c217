"""Cropping a video, beside a straightforward script and the bare detector, its memory, and its threads.

    .venv/bin/python benchmarks/crop.py [--frames 240] [--rounds 2] [--minutes 10] [--video FILE]

"pipeline" is detect, track and crop as the worker runs them. "script" is what people run: OpenCV decodes all frames
into memory, the detector sees every one in full size, each is cut and resized by itself, and Python feeds the encoder.
Both end in an mp4 of the same frames; the boxes are the same where the detector sees the same picture, and differ by
what it sees in a larger one. On a busy machine the CPU time is the number to trust. "threads" compares the detector and
OpenCV on two threads with two workers of one.
"""

import argparse
import os
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
from memory import peak_memory
from numpy.typing import NDArray
from timing import seconds

from reenactory.infra.video import ReadSpec, probe, read_chunks, write_video
from reenactory.infra.video.command import ffmpeg_executable
from reenactory.models.weights import locate
from reenactory.models.yunet.detector import FaceDetector
from reenactory.tasks import crop, detect, track
from reenactory.tasks.outcomes import Made
from reenactory.tasks.stage import Runtime
from reenactory.tasks.tracking.crop_box import Box, Picture, fit_inside, grow

RUNTIME = Runtime("cpu", 1)
RULES = track.Params(min_side_px=64, out_of_frame="fit")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=240)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--minutes", type=int, default=10, help="Of the long video; 0 leaves memory out.")
    parser.add_argument("--video", type=Path)
    parser.add_argument("--only", choices=("memory", "pipeline", "script"), help=argparse.SUPPRESS)
    parser.add_argument("--threads", type=int, default=1, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.only:
        only(chosen.only, chosen.video, chosen.folder, chosen.threads)
        return
    cv2.setNumThreads(1)
    video = chosen.video or locate("demo_woman")
    with tempfile.TemporaryDirectory() as folder:
        for height in (360, 1080):
            made = encoded(video, Path(folder) / f"{height}.mp4", height, "-frames:v", chosen.frames)
            compare_ways(made, Path(folder), chosen.rounds)
        for height in (360, 1080):
            compare_threads(Path(folder) / f"{height}.mp4", Path(folder))
        if chosen.minutes:
            compare_memory(video, Path(folder), chosen.minutes)


def encoded(video: Path, path: Path, height: int, *length: object, before: tuple[object, ...] = ()) -> Path:
    scale = ("-vf", f"scale=-2:{height}", "-an", "-c:v", "libx264", "-preset", "veryfast", "-crf", 18)
    call = [ffmpeg_executable(), "-v", "error", "-y", *before, "-i", video, *scale, *length, path]
    subprocess.run([str(word) for word in call], check=True)
    return path


def compare_ways(video: Path, folder: Path, rounds: int) -> None:
    info, models = probe(video), detect.load(detect.Params(), RUNTIME)
    spec = ReadSpec(rate=info.rate, height=360, pixel_format="bgr24")
    frames = np.concatenate(list(read_chunks(video, spec)))
    small = np.stack([cv2.resize(frame, (256, 256)) for frame in frames])
    boxes: dict[str, Box] = {}

    def search_all() -> None:
        for chunk in read_chunks(video, spec):
            for frame in chunk:
                models.detector.detect(frame)

    ways: dict[str, Callable[[], object]] = {
        "script": lambda: boxes.update(script=plain_script(video, folder / "script.mp4")),
        "pipeline": lambda: boxes.update(pipeline=pipeline(video, folder, detect.Params())),
        "pipeline, every frame": lambda: boxes.update(every=pipeline(video, folder, detect.Params(stride=1))),
        "detect": lambda: detect.run(detect.Item(folder, video), detect.Params(), models),
        "detect, every frame": lambda: detect.run(detect.Item(folder, video), detect.Params(stride=1), models),
        "bare reader + detector": search_all,
        "bare detector, 360p": lambda: [models.detector.detect(frame) for frame in frames],
        # What no pipeline of two stages can go below: the video decoded for each, and the clip encoded.
        "bare decoder, twice": lambda: (decode_only(video), decode_only(video)),
        "bare encoder": lambda: write_video(folder / "bare.mp4", small, Fraction(25), "h264"),
    }
    best = {name: (float("inf"), float("inf")) for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            best[name] = tuple(map(min, best[name], costs(way)))  # type: ignore[assignment]
    print(f"\n{len(frames)} frames of {info.width}x{info.height}, one thread, best of {rounds}; ms per frame")
    print(f"{'':24} {'elapsed':>8} {'CPU':>7}   script / this: elapsed, CPU")
    for name, taken in best.items():
        wall, cpu = (1000 * value / len(frames) for value in taken)
        faster = [script / ours for script, ours in zip(best["script"], taken, strict=True)]
        print(f"{name:24} {wall:8.2f} {cpu:7.2f} {faster[0]:21.2f} {faster[1]:6.2f}")
    (found,) = detect.run(detect.Item(folder, video), detect.Params(), models)
    assert isinstance(found, Made)
    print(f"the detector saw {found.facts['searched']} of {len(frames)} frames")
    side = boxes["script"][2] - boxes["script"][0]
    for name in ("pipeline", "every"):
        apart = np.abs(np.subtract(boxes[name], boxes["script"])).max() * 256 / side
        print(f"box of {name} against the script's: at most {apart:.2f} px of 256 apart")


def costs(action: Callable[[], object]) -> tuple[float, float]:
    """Seconds that pass, and seconds of CPU time of this process and of those it starts."""
    before, started = os.times(), time.perf_counter()
    action()
    wall, after = time.perf_counter() - started, os.times()
    return wall, sum(after[:4]) - sum(before[:4])


def decode_only(video: Path) -> None:
    call = [ffmpeg_executable(), "-v", "error", "-threads", "1", "-i", str(video), "-an", "-f", "null", "-"]
    subprocess.run(call, check=True)


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


def compare_threads(video: Path, folder: Path) -> None:
    """What two cores do with two videos: after each other on two threads, or beside each other on one each."""
    threads = {name: str(count) for name, count in (("one worker, 2 threads", 2), ("two workers, 1 thread each", 1))}
    print(f"\ntwo videos of {probe(video).height} lines on two cores, ms per frame")
    for way in ("pipeline", "script"):
        for name, count in threads.items():
            call = [sys.executable, __file__, "--only", way, "--threads", count, "--video", str(video)]
            at_once = 2 if count == "1" else 1
            wall = both(call, at_once, folder)
            print(f"{way:9} {name:27} {1000 * wall / 2 / (probe(video).frames or 1):7.2f}")


def both(call: list[str], at_once: int, folder: Path) -> float:
    """Seconds for two runs, `at_once` at a time, without the time it takes to start Python."""

    def run(number: int) -> float:
        place = folder / f"worker{number}"
        place.mkdir(exist_ok=True)
        done = subprocess.run([*call, "--folder", str(place)], capture_output=True, text=True, check=True)
        return float(done.stdout)

    with ThreadPoolExecutor(at_once) as pool:
        taken = list(pool.map(run, range(2)))
    return max(taken) if at_once == 2 else sum(taken)


def compare_memory(video: Path, folder: Path, minutes: int) -> None:
    print("\npeak memory of a worker: detect, track and crop at 180p")
    for length in (1, minutes):
        looped = encoded(video, folder / f"{length}min.mp4", 180, "-t", 60 * length, before=("-stream_loop", -1))
        call = [sys.executable, __file__, "--only", "memory", "--video", str(looped), "--folder", str(folder)]
        print(f"{length:3} min: {subprocess.run(call, capture_output=True, text=True, check=True).stdout.strip()}")


def only(what: str, video: Path, folder: Path, threads: int) -> None:
    """One job in a process of its own; what it prints is read by the process that asked."""
    cv2.setNumThreads(threads)
    if what == "memory":
        print(peak_memory(lambda: pipeline(video, folder, detect.Params())))
    elif what == "pipeline":
        print(seconds(lambda: pipeline(video, folder, detect.Params())))
    else:
        print(seconds(lambda: plain_script(video, folder / "script.mp4")))


if __name__ == "__main__":
    main()
