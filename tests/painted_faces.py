"""Small stand-ins for training: painted heads whose place is written in their descriptors, and a thin VGG."""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from reenactory.models.flow3d.config import Flow3dConfig, changed
from reenactory.models.flow3d.pack import PackWriter
from reenactory.models.flow3d.presets import PRESETS
from reenactory.models.perceptual.vgg import BLOCKS, Layer, VggFeatures

SIDE = 64
PEOPLE = ("ann", "bob", "cid", "dot")  # dot is held out


def thin_vgg(seed: int = 0) -> VggFeatures:
    """VGG-16 with 2 to 8 channels: its losses have the same form and cost nothing."""
    draw = torch.Generator().manual_seed(seed)
    layers: list[Layer] = []
    inputs = 3
    for width, count in zip((4, 6, 8, 8, 8), BLOCKS["vgg16"], strict=True):
        for _ in range(count):
            kernel = torch.randn(width, inputs, 3, 3, generator=draw) * (2 / (9 * inputs)) ** 0.5
            layers.append((kernel, torch.zeros(width)))
            inputs = width
    return VggFeatures("vgg16", layers)


def painted(person: int, frames: int = 12) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.float32]]:
    """A disc that goes from left to right before stripes: frames, mattes, descriptors (yaw and tx say where it is)."""
    rows, columns = np.mgrid[:SIDE, :SIDE]
    pictures = np.empty((frames, SIDE, SIDE, 3), np.uint8)
    mattes = np.empty((frames, SIDE, SIDE), np.uint8)
    descriptors = np.zeros((frames, 73), np.float32)
    for index in range(frames):
        middle = 20 + 24 * index / (frames - 1)
        inside = (columns - middle) ** 2 + (rows - 34) ** 2 < (14 + person) ** 2
        stripes = 90 + 60 * ((rows // 8 + person) % 2)
        for channel in range(3):
            colour = 60 + 50 * ((person + channel) % 4) + (columns - middle) * 2
            pictures[index, ..., channel] = np.where(inside, colour, stripes).clip(0, 255)
        mattes[index] = inside * 255
        descriptors[index, 65] = (middle - 32) / 32
        descriptors[index, 70:73] = (1.1, middle, 34)
    return pictures, mattes, descriptors


def write_pack(folder: Path, jpeg_quality: int | None = None, lost: int | None = None) -> Path:
    """Four people, one clip each; `lost`: a frame of every clip that has no face."""
    writer = PackWriter(folder, SIDE, jpeg_quality)
    for person, name in enumerate(PEOPLE):
        frames, mattes, descriptors = painted(person)
        if lost is not None:
            descriptors[lost] = np.nan
        writer.add(f"{name}#0", name, name == "dot", frames, mattes, descriptors)
    writer.close()
    return folder


def short(changes: dict[str, dict[str, object]] | None = None, first: int = 3, second: int = 3) -> Flow3dConfig:
    """The tiny preset with a few steps."""
    training: dict[str, object] = {
        "phase_1": {"steps": first, "learning_rate": 1e-3},
        "phase_2": {"steps": second, "learning_rate": 1e-3},
        "log_every": 1,
        "validate_every": 1000,
        "validation_pairs": 2,
        "strip_rows": 2,
        "threads": 1,
        "pairs": 1,
    }
    return changed(changed(PRESETS["tiny"], {"training": training}), changes or {})
