"""Colours of the open model: a mean albedo painted by regions, and a few ways in which people differ.

There is no measured albedo among the assets. These modes are made by hand, so that rendered faces look like faces to a
landmarker and a fit to pixels has something to explain skin, lips, brows, beard, eyes and hair with.
"""

import numpy as np
from numpy.typing import NDArray

from reenactory.models.face_model.model import TEXTURE_COUNT

Floats = NDArray[np.float64]

_SKIN, _LIPS, _BROWS = (0.76, 0.57, 0.48), (0.66, 0.38, 0.35), (0.34, 0.25, 0.20)
_MOUTH = (0.26, 0.10, 0.10)
_INSIDE = {  # RGB of the parts that are not skin, painted in this order
    "mouth_cavity": _MOUTH,
    "eye_sockets": (0.62, 0.42, 0.37),
    "upper_teeth": (0.86, 0.83, 0.76),
    "lower_teeth": (0.82, 0.79, 0.72),
    "tongue": (0.68, 0.36, 0.36),
    "right_eye": (0.86, 0.84, 0.82),
    "left_eye": (0.86, 0.84, 0.82),
    "iris": (0.36, 0.28, 0.21),
    "pupil": (0.05, 0.05, 0.05),
}

TEXTURE_MODES: dict[str, dict[str, tuple[float, float, float]]] = {
    "skin_tone": {"skin": (-0.15, -0.145, -0.13), "lips": (-0.10, -0.07, -0.06), "brows": (-0.05, -0.04, -0.03)},
    "redness": {"skin": (0.03, -0.02, -0.02)},
    "lips": {"lips": (0.04, -0.05, -0.04)},
    "brows": {"brows": (0.14, 0.11, 0.08)},
    "beard": {"beard": (-0.14, -0.12, -0.10)},
    "iris": {"iris": (-0.05, 0.06, 0.14)},
    "hair": {"hair": (-0.22, -0.19, -0.16)},
    "cheeks": {"cheeks": (0.05, -0.02, -0.02)},
    "eye_surroundings": {"eye_surroundings": (-0.06, -0.055, -0.045)},
}
"""What one standard deviation of each mode adds to the RGB albedo, by region; mode i is coefficient i of `tex`."""


def open_texture(regions: dict[str, Floats], parts: dict[str, NDArray[np.bool_]]) -> tuple[Floats, Floats]:
    """Mean albedo (V, 3) and its modes (80, V, 3), RGB in [0, 1].

    Args:
        regions: of `soft_regions`.
        parts: of the head mesh.
    """
    outside = (parts["head"] | parts["neck"]).astype(np.float64)
    skin = outside * (1 - regions["lips"]) * (1 - regions["brows"])
    mean = np.tile(np.array(_SKIN), (len(outside), 1))
    for region, colour in (("brows", _BROWS), ("lips", _LIPS)):
        mean = mean + regions[region][:, None] * (np.array(colour) - mean)
    for part, colour in _INSIDE.items():
        inner = parts[part] & (parts["iris"] | parts["pupil"] | (outside == 0))
        mean[inner] = colour
    # Teeth stand in the shadow of the lips at the corners of the mouth, where no shading of ours would darken them.
    shadow = regions["mouth_corners"] * (parts["upper_teeth"] | parts["lower_teeth"])
    mean = mean + shadow[:, None] * (np.array(_MOUTH) - mean)
    iris = (parts["iris"] & ~parts["pupil"]).astype(np.float64)
    weights = {**regions, "skin": skin, "iris": iris}
    modes = np.zeros((TEXTURE_COUNT, *mean.shape))
    for index, changes in enumerate(TEXTURE_MODES.values()):
        for region, change in changes.items():
            modes[index] += weights[region][:, None] * np.array(change)
    return mean, modes
