"""What the watermark survives, what it costs, how often it is found where it is not: the numbers of docs/provenance.md.

python benchmarks/watermark.py VIDEO... --sides 64 128 256
"""

import argparse
import subprocess
import tempfile
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from timing import seconds

from reenactory.infra.video import Frames, ReadSpec, draw_label, read_chunks, read_frames, write_video
from reenactory.infra.video.command import ffmpeg_executable
from reenactory.infra.watermark import mark, read_mark

IDENT = "0123456789ab"
ATTACKS: dict[str, tuple[str, int]] = {  # filter, crf
    "crf 23": ("null", 23),
    "75 %": ("scale=2*trunc(iw*3/8):-2", 10),
    "75 %, crf 23": ("scale=2*trunc(iw*3/8):-2", 23),
    "crf 28": ("null", 28),
    "75 %, crf 28": ("scale=2*trunc(iw*3/8):-2", 28),
    "50 %, crf 23": ("scale=2*trunc(iw/4):-2", 23),
    "crop 4 px": ("crop=iw-4:ih-4", 23),
    "1 in 10 dropped": ("select='mod(n,10)',setpts=N/25/TB", 23),
    "first second cut off": ("trim=start_frame=25,setpts=PTS-STARTPTS", 23),
}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("videos", nargs="+", type=Path)
    options.add_argument("--sides", type=int, nargs="+", default=[64, 128, 256])
    options.add_argument("--frames", type=int, default=60)
    chosen = options.parse_args()
    print("damaged bits of 172; - = not read | first our own encoding, then: " + ", ".join(ATTACKS))
    for side in chosen.sides:
        for video in chosen.videos:
            frames = scaled(read_frames(video, ReadSpec(frame_count=chosen.frames)), side)
            print(f"{side} {video.stem}: {survival(frames)}; {cost(frames)}", flush=True)
    clean = sum(read_mark(read_chunks(video, ReadSpec(frame_count=96))) is not None for video in chosen.videos)
    print(f"found in {clean} of {len(chosen.videos)} videos without a mark")


def survival(frames: Frames) -> str:
    marked = mark(frames, IDENT)
    loss = 10 * np.log10(255**2 / np.mean((marked.astype(np.float64) - frames) ** 2))
    with tempfile.TemporaryDirectory() as folder:
        published, again = Path(folder, "published.mp4"), Path(folder, "again.mp4")
        write_video(published, marked, Fraction(25), "h264")
        damaged = [read(published)]
        for change, crf in ATTACKS.values():
            command = [
                ffmpeg_executable(),
                "-v",
                "error",
                "-y",
                "-i",
                published,
                "-vf",
                change,
                "-crf",
                str(crf),
                again,
            ]
            subprocess.run(command, check=True)
            damaged.append(read(again))
    return f"{loss:.1f} dB, bits {' '.join(damaged)}"


def read(video: Path) -> str:
    found = read_mark(read_chunks(video, ReadSpec()))
    return str(found.wrong_bits) if found is not None and found.ident == IDENT else "-"


def cost(frames: Frames) -> str:
    """Best of three, in ms per frame; encoding on one thread."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.mp4")
        actions = {
            "mark": lambda: mark(frames, IDENT),
            "label": lambda: draw_label(frames, "re-enacted:", "warp"),
            "encode": lambda: write_video(path, frames, Fraction(25), "h264"),
        }
        best = {name: min(seconds(action) for _ in range(3)) / len(frames) * 1e3 for name, action in actions.items()}
    return ", ".join(f"{name} {value:.2f} ms" for name, value in best.items())


def scaled(frames: Frames, side: int) -> Frames:
    how = cv2.INTER_AREA if side < frames.shape[1] else cv2.INTER_CUBIC
    return np.stack([cv2.resize(frame, (side, side), interpolation=how) for frame in frames]).astype(np.uint8)


if __name__ == "__main__":
    main()
