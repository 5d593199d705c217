"""How the tests make their own video files."""

import subprocess
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import numpy.typing as npt

Frames = npt.NDArray[np.uint8]

WIDTH, HEIGHT, BITS = 64, 48, 8


def run_ffmpeg(*arguments: object, feed: bytes | None = None) -> None:
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-v", "error", "-y", *map(str, arguments)]
    done = subprocess.run(command, input=feed, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr.decode()


def numbered(count: int, channels: int = 3) -> Frames:
    """Frames (count, 48, 64, channels) that carry their number as eight black or white stripes, lowest bit left."""
    bits = (np.arange(count)[:, None] >> np.arange(BITS)) & 1
    stripes = np.repeat(bits * 200 + 28, WIDTH // BITS, axis=1).astype(np.uint8)
    return np.broadcast_to(stripes[:, None, :, None], (count, HEIGHT, WIDTH, channels)).copy()


def numbers_of(frames: Frames) -> list[int]:
    """The numbers that `numbered` wrote, out of frames of any size (T, H, W, 3)."""
    level = frames.mean(axis=(1, 3)).reshape(len(frames), BITS, -1).mean(axis=2)
    return [int(number) for number in ((level > 128) << np.arange(BITS)).sum(axis=1)]


def encode_numbered(path: Path, count: int, *options: object, rate: str = "25") -> Path:
    raw = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{WIDTH}x{HEIGHT}", "-r", rate, "-i", "pipe:0"]
    run_ffmpeg(*raw, *(options or ("-c:v", "libx264", "-pix_fmt", "yuv420p")), path, feed=numbered(count).tobytes())
    return path


def moving_picture(size: str, seconds: float, rate: int = 25) -> list[str]:
    return ["-f", "lavfi", "-i", f"testsrc2=s={size}:r={rate}:d={seconds}"]


SINE = ["-f", "lavfi", "-i", "sine=440:r=44100:d=4"]
