"""Deep3DFaceRecon over the frames of a clip: align, cut, regress."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from reenactory.models.deep3d.crop import aligned_frames, can_be_cut
from reenactory.models.deep3d.network import load_network
from reenactory.models.face_model.alignment import align, place
from reenactory.models.face_model.coefficients import COUNT

# On one CPU thread 32 frames at once take 1.5 times as long per frame as 8: their activations leave the cache.
BATCH = {"cpu": 8, "cuda": 64}


class Extraction(NamedTuple):
    """T frames; NaN where no landmarks were found, or none that a face could have.

    Attributes:
        coefficients: (T, 257) float32 in the order of face_model/coefficients.py.
        crop: (T, 3) float32, s, tx, ty of the alignment.
        found: (T,) bool.
    """

    coefficients: NDArray[np.float32]
    crop: NDArray[np.float32]
    found: NDArray[np.bool_]


class Deep3DFaceRecon:
    """The network with the user's checkpoint, on one device.

    Args:
        path: the official `epoch_20.pth` or another checkpoint of the same network.
        device: where the network runs; cutting is done on the CPU.
        batch: frames at once, None for what suits the device. Another number may change the last digits.

    Raises:
        CheckpointError: the file is no such checkpoint.
    """

    def __init__(self, path: Path, device: torch.device, batch: int | None = None) -> None:
        # Channels last: on a CPU thread 1.1 times as fast with 8 frames at once, 1.5 times with 32.
        self._network = load_network(path, device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._device = device
        self._batch = batch or BATCH.get(device.type, min(BATCH.values()))

    @torch.inference_mode()
    def extract(self, frames: NDArray[np.uint8], landmarks: NDArray[np.float32]) -> Extraction:
        """Coefficients of every frame that has landmarks; the others stay NaN, none is carried over from a neighbour.

        Args:
            frames: (T, H, W, 3) uint8 RGB.
            landmarks: (T, 68, 2) in pixels, rows counted downwards; NaN where no face was found.
        """
        if len(frames) != len(landmarks):
            raise ValueError(f"{len(frames)} frames but {len(landmarks)} rows of landmarks")
        alignment = align(landmarks, frames.shape[1])
        found = can_be_cut(place(alignment, (frames.shape[1], frames.shape[2])))
        coefficients = np.full((len(frames), COUNT), np.nan, np.float32)
        rows = np.flatnonzero(found)
        for first in range(0, len(rows), self._batch):
            chosen = rows[first : first + self._batch]
            pictures = aligned_frames(frames[chosen], alignment.only(chosen)).to(self._device)
            values = (pictures.float() / 255).contiguous(memory_format=torch.channels_last)
            coefficients[chosen] = self._network(values).cpu().numpy()
        crop = np.where(found[:, None], alignment.crop, np.float32(np.nan))
        return Extraction(coefficients, crop, found)
