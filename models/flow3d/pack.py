"""A pack: training data as a folder that needs numpy to read (and OpenCV where frames are compressed).

Video cannot be read at random, and a batch needs dozens of single frames. So clips are decoded once, in order, scaled
to the side that will be trained at, and laid out frame by frame:

    pack.json         format, side, codec, clips with identity and split; written last: without it there is no pack
    frames.bin        one frame after the other: raw RGB, or JPEG (4:4:4)
    alphas.bin        likewise: raw, or deflated (not PNG: once decord is loaded, OpenCV cannot read PNG any more)
    offsets.npy       (N + 1, 2) int64: where each frame and alpha begins
    descriptors.npy   (N, 73) float32, NaN in frames without a face
    landmarks.npy     (N, 68, 2) float32, x and y in sides of the picture, likewise; packs without it are packs too
"""

import json
import zlib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from reenactory.models.face_model.motion import Descriptors
from reenactory.models.flow3d.config import DESCRIPTOR

FORMAT = 1
HEAD = "pack.json"
LANDMARKS, LANDMARKS_FILE = (68, 2), "landmarks.npy"
DEFLATE_LEVEL = 6
Codec = Literal["raw", "jpeg"]
Bytes = NDArray[np.uint8]
Landmarks = NDArray[np.float32]


@dataclass(frozen=True)
class PackedClip:
    """Frames `start` to `start + count` of the pack."""

    clip_id: str
    identity: str
    held_out: bool
    start: int
    count: int


class PackWriter:
    """Clips go in one by one; `close` makes it a pack."""

    def __init__(self, folder: Path, image_px: int, jpeg_quality: int | None = None) -> None:
        """Args: jpeg_quality: 1 to 100; None stores raw frames, 16 times the bytes of quality 95."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / HEAD).unlink(missing_ok=True)
        self._folder = folder
        self._side = image_px
        self._quality = jpeg_quality
        self._files = {name: (folder / f"{name}.bin").open("wb") for name in ("frames", "alphas")}
        self._offsets = [(0, 0)]
        self._clips: list[PackedClip] = []
        self._descriptors: list[Descriptors] = []
        self._landmarks: list[Landmarks] = []

    def add(
        self,
        clip_id: str,
        identity: str,
        held_out: bool,
        frames: Bytes,
        alphas: Bytes,
        descriptors: Descriptors,
        landmarks: Landmarks | None = None,
    ) -> None:
        """Args: frames (T, H, W, 3) uint8 RGB; alphas (T, H, W) uint8; descriptors (T, 73), landmarks (T, 68, 2) in
        sides of the picture, both NaN without a face.
        """
        if not len(frames) == len(alphas) == len(descriptors):
            lengths = (len(frames), len(alphas), len(descriptors))
            raise ValueError(f"{clip_id}: frames, alphas and descriptors of unequal lengths {lengths}")
        self._clips.append(PackedClip(clip_id, identity, held_out, len(self._offsets) - 1, len(frames)))
        self._descriptors.append(descriptors.astype(np.float32))
        unknown = np.full((len(frames), *LANDMARKS), np.nan, np.float32)
        self._landmarks.append(unknown if landmarks is None else landmarks.astype(np.float32))
        for frame, alpha in zip(frames, alphas, strict=True):
            sizes = [
                self._files[name].write(self._encoded(_scaled(picture, self._side)))
                for name, picture in (("frames", frame), ("alphas", alpha))
            ]
            last = self._offsets[-1]
            self._offsets.append((last[0] + sizes[0], last[1] + sizes[1]))

    def close(self, facts: Mapping[str, object] | None = None) -> None:
        """Args: facts: plain values that say what the pack was made of."""
        for file in self._files.values():
            file.close()
        np.save(self._folder / "offsets.npy", np.array(self._offsets, np.int64))
        none = np.empty((0, DESCRIPTOR), np.float32)
        np.save(self._folder / "descriptors.npy", np.concatenate([none, *self._descriptors]))
        np.save(
            self._folder / LANDMARKS_FILE, np.concatenate([np.empty((0, *LANDMARKS), np.float32), *self._landmarks])
        )
        head = {
            "format": FORMAT,
            "image_px": self._side,
            "codec": "raw" if self._quality is None else "jpeg",
            "jpeg_quality": self._quality,
            "facts": dict(facts or {}),
            "clips": [asdict(clip) for clip in self._clips],
        }
        unfinished = self._folder / f".tmp-{HEAD}"
        unfinished.write_text(json.dumps(head, indent=1), encoding="utf-8")
        unfinished.replace(self._folder / HEAD)

    def _encoded(self, picture: Bytes) -> bytes:
        if self._quality is None:
            return picture.tobytes()
        if picture.ndim == 2:
            return zlib.compress(picture.tobytes(), DEFLATE_LEVEL)
        import cv2

        options = [cv2.IMWRITE_JPEG_QUALITY, self._quality]
        options += [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
        return bytes(cv2.imencode(".jpg", picture[..., ::-1], options)[1])


class Pack:
    """Frames of a pack by number. Safe to share between threads."""

    def __init__(self, folder: Path, resident_bytes: int = 0) -> None:
        """Args: resident_bytes: decode everything now and keep it in memory, if it takes no more than this.

        Raises:
            FileNotFoundError: there is no pack.
            ValueError: it has another format.
        """
        if not (folder / HEAD).is_file():
            raise FileNotFoundError(f"no finished pack in {folder}: make one with `reenactory train --pack FOLDER`")
        head = json.loads((folder / HEAD).read_text(encoding="utf-8"))
        if head["format"] != FORMAT:
            raise ValueError(f"the pack in {folder} has format {head['format']}, this program reads {FORMAT}")
        self.image_px = int(head["image_px"])
        self.codec: Codec = head["codec"]
        self.clips = [PackedClip(**clip) for clip in head["clips"]]
        self.facts: dict[str, object] = head["facts"]
        self.descriptors: Descriptors = np.load(folder / "descriptors.npy", allow_pickle=False)
        self.landmarks: Landmarks = np.full((len(self.descriptors), *LANDMARKS), np.nan, np.float32)
        if (folder / LANDMARKS_FILE).is_file():
            self.landmarks = np.load(folder / LANDMARKS_FILE, allow_pickle=False)
        self._offsets = np.load(folder / "offsets.npy", allow_pickle=False)
        self._bytes = [np.memmap(folder / f"{name}.bin", np.uint8, "r") for name in ("frames", "alphas")]
        self._resident: list[list[Bytes]] | None = None
        if len(self) * self.image_px**2 * 4 <= resident_bytes:
            with ThreadPoolExecutor() as pool:  # decoding leaves Python's lock
                self._resident = [list(pool.map(partial(self._picture, kind), range(len(self)))) for kind in (0, 1)]

    def __len__(self) -> int:
        return len(self.descriptors)

    def frame(self, number: int) -> Bytes:
        """(S, S, 3) uint8 RGB."""
        return self._picture(0, number)

    def alpha(self, number: int) -> Bytes:
        """(S, S) uint8."""
        return self._picture(1, number)

    def _picture(self, kind: int, number: int) -> Bytes:
        if self._resident is not None:
            return self._resident[kind][number]
        data = self._bytes[kind][self._offsets[number, kind] : self._offsets[number + 1, kind]]
        shape = (self.image_px, self.image_px, 3) if kind == 0 else (self.image_px, self.image_px)
        if self.codec == "raw":
            return data.reshape(shape)
        if kind == 1:
            return np.frombuffer(zlib.decompress(data.tobytes()), np.uint8).reshape(shape)
        import cv2

        decoded = cv2.imdecode(data, cv2.IMREAD_COLOR)
        if decoded is None:
            raise ValueError(f"frame {number} of the pack cannot be decoded: its files were damaged or cut off")
        return np.asarray(decoded[..., ::-1], np.uint8)


def _scaled(picture: Bytes, side: int) -> Bytes:
    """Area-averaged where it shrinks, cubic where it grows."""
    if picture.shape[:2] == (side, side):
        return np.ascontiguousarray(picture)
    import cv2

    shrinks = side < min(picture.shape[:2])
    scaled = cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC)
    return np.asarray(scaled, np.uint8)
