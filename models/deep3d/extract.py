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

BATCH = 32  # frames: the activations of one take 100 MB in all


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
        batch: frames at once. Another number may change the last digits of the coefficients.

    Raises:
        CheckpointError: the file is no such checkpoint.
    """

    def __init__(self, path: Path, device: torch.device, batch: int = BATCH) -> None:
        self._network = load_network(path, device)
        self._device = device
        self._batch = batch

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
            coefficients[chosen] = self._network(pictures.float() / 255).cpu().numpy()
        crop = np.where(found[:, None], alignment.crop, np.float32(np.nan))
        return Extraction(coefficients, crop, found)
