"""Frames per second of each network stage beside its bare model, side by side in one process.

    .venv/bin/python benchmarks/stages.py [--frames 60] [--rounds 3]

"bare" is the network alone on frames that lie in memory; "stage" is what the pipeline's own `run` does with the same
frames (files, tables and statistics included). One thread. Ratios are what to quote: the machine may be busy.
"""

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from timing import seconds

from reenactory.infra.video import ReadSpec, read_chunks, read_frames
from reenactory.models.weights import locate
from reenactory.tasks import crop, detect, face3d, features, matte
from reenactory.tasks.stage import Runtime

RUNTIME = Runtime("cpu", 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as folder:
        rows = cases(Path(folder), chosen.frames)
        print(f"best of {chosen.rounds} rounds")
        print(f"{'stage':24} {'bare fps':>9} {'stage fps':>9} {'ratio':>6}")
        for name, (bare, stage, count) in rows.items():
            timed = [(seconds(bare), seconds(stage)) for _ in range(chosen.rounds)]
            best_bare, best_stage = min(t[0] for t in timed), min(t[1] for t in timed)
            print(f"{name:24} {count / best_bare:9.1f} {count / best_stage:9.1f} {best_bare / best_stage:6.2f}")


def cases(folder: Path, count: int) -> dict[str, tuple[Callable[[], object], Callable[[], object], int]]:
    """Per stage: the bare model, the stage, frames."""
    video = locate("demo_man")
    clip = crop.Item(folder, video, 30, 1, ({"start_frame": 0, "frame_count": 72, "box_ltrb": [113, 0, 473, 360]},))
    crop.run(clip, crop.Params(), crop.load(crop.Params(), RUNTIME))
    frames = read_frames(folder / "0.mp4", ReadSpec(frame_count=count))
    count = len(frames)
    detector = detect.load(detect.Params(), RUNTIME)
    read, every = ReadSpec(height=360, pixel_format="bgr24"), detect.Params(stride=1)
    small = np.concatenate(list(read_chunks(video, read)))
    matter, fitter = matte.load(matte.Params(), RUNTIME), face3d.load(face3d.Params(), RUNTIME)
    looker = features.load(features.Params(), RUNTIME)
    fitted = face3d.to_table(fitter.extractor.fit(frames, fitter.landmarker.detect(frames)), "benchmark")
    points = np.tile(np.float32([[38, 52], [74, 52], [56, 72], [42, 92], [71, 92]]), (count, 1, 1))
    return {
        "detect": (
            lambda: [detector.detector.detect(frame) for frame in small],
            lambda: detect.run(detect.Item(folder, video), every, detector),
            len(small),
        ),
        "detect, with its reading": (
            lambda: [detector.detector.detect(frame) for chunk in read_chunks(video, read) for frame in chunk],
            lambda: detect.run(detect.Item(folder, video), every, detector),
            len(small),
        ),
        "matte": (
            lambda: matter.matter.mattes(frames),
            lambda: matte.run(matte.Item(folder, frames, 30, 1), matte.Params(), matter),
            count,
        ),
        "face3d": (
            lambda: fitter.landmarker.detect(frames),
            lambda: face3d.run(face3d.Item(folder, frames), face3d.Params(), fitter),
            count,
        ),
        "features": (
            lambda: (looker.inception.features(frames), looker.sface.embed(frames, points)),
            lambda: features.run(features.Item(folder, frames, fitted), features.Params(), looker),
            count,
        ),
    }


if __name__ == "__main__":
    main()
