"""The matte stage beside its bare network and beside a plain script, its threads, and codecs for its alphas.

    .venv/bin/python benchmarks/matte.py [--frames 72] [--rounds 3] [--video FILE --box L,T,R,B]

"bare" is the session called on frames in memory, one by one; "stage" is the pipeline's own `run` (warm-up frames, file
and numbers included); "script" does what published ones do: all frames as floats in memory, a PNG per frame. Read the
ratios: the machine may be busy.
"""

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
from memory import peak_memory
from numpy.typing import NDArray
from timing import seconds

from reenactory.infra.video import ReadSpec, read_frames
from reenactory.infra.video.command import ffmpeg_executable
from reenactory.models.rvm.matting import VideoMatter
from reenactory.models.weights import locate
from reenactory.tasks import matte
from reenactory.tasks.stage import Runtime

Bytes = NDArray[np.uint8]

CODECS: dict[str, tuple[str, ...]] = {
    "h264 qp 0 superfast (ours)": (
        "-c:v",
        "libx264",
        "-preset",
        "superfast",
        "-qp",
        "0",
        "-pix_fmt",
        "gray",
        "out.mkv",
    ),
    "ffv1 intra": ("-c:v", "ffv1", "-level", "3", "-g", "1", "-slices", "4", "-slicecrc", "1", "out.mkv"),
    "ffv1 long context": ("-c:v", "ffv1", "-level", "3", "-g", "300", "-context", "1", "-slices", "4", "out.mkv"),
    "png": ("-c:v", "png", "out.mkv"),
    "h264 qp 0 ultrafast": ("-c:v", "libx264", "-preset", "ultrafast", "-qp", "0", "-pix_fmt", "gray", "out.mkv"),
    "h264 qp 0 medium": ("-c:v", "libx264", "-preset", "medium", "-qp", "0", "-pix_fmt", "gray", "out.mkv"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=72)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--video", type=Path)
    parser.add_argument("--box", default="113,0,473,360")
    parser.add_argument("--memory-of", type=int, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    cv2.setNumThreads(1)
    if chosen.memory_of:
        print(peak_memory(lambda: stage_alone(chosen.memory_of)))
        return
    frames = clip(chosen.video or locate("demo_man"), [int(side) for side in chosen.box.split(",")], chosen.frames)
    with tempfile.TemporaryDirectory() as folder:
        compare_ways(frames, Path(folder), chosen.rounds)
        compare_codecs(VideoMatter(locate("rvm_mobilenetv3"), "cpu", 2).mattes(frames), Path(folder))
    compare_threads(frames[:24])
    print("\npeak memory of a worker that mattes one clip")
    for count in (72, 1024):
        call = [sys.executable, __file__, "--memory-of", str(count)]
        print(f"{count:4} frames: {subprocess.run(call, capture_output=True, text=True, check=True).stdout.strip()}")


def stage_alone(count: int) -> None:
    """The stage on a clip of `count` frames; a still picture costs the network what a moving one does."""
    frames = np.full((count, 256, 256, 3), 127, np.uint8)
    models = matte.load(matte.Params(), Runtime("cpu", 1))
    with tempfile.TemporaryDirectory() as folder:
        matte.run(matte.Item(Path(folder), frames, 25, 1), matte.Params(), models)


def clip(video: Path, box: list[int], count: int) -> Bytes:
    left, top, right, bottom = box
    wide = read_frames(video, ReadSpec(frame_count=count))[:, top:bottom, left:right]
    return np.stack([cv2.resize(frame, (256, 256), interpolation=cv2.INTER_AREA) for frame in wide])


def compare_ways(frames: Bytes, folder: Path, rounds: int) -> None:
    matter = VideoMatter(locate("rvm_mobilenetv3"), "cpu", 1)
    ways: dict[str, Callable[[], object]] = {
        "bare": lambda: matter.mattes(frames),
        "stage": lambda: matte.run(matte.Item(folder, frames, 25, 1), matte.Params(), matte.Models(matter, 1)),
        "stage, no warm-up": lambda: matte.run(
            matte.Item(folder, frames, 25, 1), matte.Params(warm_up_frames=0), matte.Models(matter, 1)
        ),
        "script": lambda: plain_script(matter, frames, folder),
    }
    best = {name: float("inf") for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            best[name] = min(best[name], seconds(way))
    print(f"{len(frames)} frames of 256x256, one thread, best of {rounds}")
    for name, taken in best.items():
        print(f"{name:18} {len(frames) / taken:6.2f} frames/s, {best['bare'] / taken:.2f} of bare")


def plain_script(matter: VideoMatter, frames: Bytes, folder: Path) -> None:
    floats = frames.astype(np.float32) / 255
    for number, mask in enumerate(matter.mattes((floats * 255).astype(np.uint8))):
        cv2.imwrite(str(folder / f"{number:04d}.png"), mask)


def compare_codecs(alphas: Bytes, folder: Path) -> None:
    print(f"\n{'alpha as':26} {'KB/frame':>9} {'frames/s':>9}  lossless")
    raw = ("-f", "rawvideo", "-pix_fmt", "gray", "-s", f"{alphas.shape[2]}x{alphas.shape[1]}")
    for name, (*options, file) in CODECS.items():
        path = folder / file
        call = [ffmpeg_executable(), "-v", "error", "-y", *raw, "-i", "-", *options, "-threads", "1", str(path)]
        taken = seconds(lambda call=call: subprocess.run(call, input=alphas.tobytes(), check=True))  # type: ignore[misc]
        back = [ffmpeg_executable(), "-v", "error", "-i", str(path), "-f", "rawvideo", "-pix_fmt", "gray", "-"]
        equal = subprocess.run(back, capture_output=True, check=True).stdout == alphas.tobytes()
        print(f"{name:26} {path.stat().st_size / len(alphas) / 1024:9.2f} {len(alphas) / taken:9.0f}  {equal}")


def compare_threads(frames: Bytes) -> None:
    """What two cores can do: one session on both, or two sessions on one each."""
    one, two = (VideoMatter(locate("rvm_mobilenetv3"), "cpu", threads) for threads in (1, 2))
    other = VideoMatter(locate("rvm_mobilenetv3"), "cpu", 1)

    def side_by_side() -> None:
        with ThreadPoolExecutor(2) as pool:  # onnxruntime releases the lock
            list(pool.map(lambda matter: matter.mattes(frames), (one, other)))

    print("\nframes/s of the network on this machine")
    print(f"one session, 1 thread   {len(frames) / seconds(lambda: one.mattes(frames)):6.2f}")
    print(f"one session, 2 threads  {len(frames) / seconds(lambda: two.mattes(frames)):6.2f}")
    print(f"two sessions, 1 thread  {2 * len(frames) / seconds(side_by_side):6.2f}")


if __name__ == "__main__":
    main()
