"""Light on a synthetic person and what is behind them, drawn at random."""

from typing import NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from reenactory.models.face_model.shading import AMBIENT, BANDS, harmonics
from reenactory.models.synthetic_faces.noise import Floats

Picture = NDArray[np.float32]


class Light(NamedTuple):
    """gamma (27,) float32 as face_model.shading takes it; key (3,) float32, unit vector to the brightest lamp."""

    gamma: Tensor
    key: Tensor


def draw_light(draw: np.random.Generator) -> Light:
    """One to three lamps over an even light, each of its own tint; from above and in front more often than not."""
    even = draw.uniform(0.55, 1.0)
    light = np.zeros((3, BANDS))
    light[:, 0] = (even - AMBIENT) + 0.03 * draw.normal(size=3)
    lamps = draw.integers(1, 4)
    strengths = np.sort(draw.uniform(0.2, 0.9, lamps))[::-1] * (1.3 - even)
    directions = []
    for strength in strengths:
        azimuth, height = draw.normal(scale=0.9), draw.normal(0.35, 0.45)
        towards = np.array([np.sin(azimuth) * np.cos(height), np.sin(height), np.cos(azimuth) * np.cos(height)])
        directions.append(towards)
        tint = strength * (1 + 0.07 * draw.normal(size=3))
        light += tint[:, None] * lamp(towards)
    return Light(torch.from_numpy(light.reshape(-1)).float(), torch.from_numpy(directions[0]).float())


def lamp(towards: Floats) -> Floats:
    """(9,): the harmonics of a lamp that brings a surface that faces it to about 1."""
    at = harmonics(torch.from_numpy(towards)[None])[0].numpy()
    # A true lamp's light falls off as the clamped cosine: pi, 2 pi / 3, pi / 4 of the bands. The shading multiplies by
    # constants of its own, which are larger.
    cosine = _bands(np.pi, 2 * np.pi / 3, np.pi / 4)
    shading = _bands(np.pi, 2 * np.pi / np.sqrt(3), 2 * np.pi / np.sqrt(8))
    lamp = cosine * at / shading**2
    return np.asarray(lamp / (lamp @ at))


def _bands(zero: float, one: float, two: float) -> Floats:
    """(9,)."""
    return np.array([zero, *[one] * 3, *[two] * 5])


def draw_backdrop(draw: np.random.Generator, side: int) -> Picture:
    """(side, side, 3) float32 RGB in [0, 1]: a gradient, cloudy noise, blocks, more or less out of focus.

    The same draw at another side is the same picture, up to its sharpness.
    """
    across = (np.arange(side) + 0.5) / side
    column, row = np.meshgrid(across, across)
    one, other = _tints(draw, 2)
    turn = draw.uniform(0, 2 * np.pi)
    share = np.clip(0.5 + (np.cos(turn) * (column - 0.5) + np.sin(turn) * (row - 0.5)) * draw.uniform(0.3, 1.5), 0, 1)
    picture = one + share[..., None] * (other - one)
    for length in draw.uniform(0.05, 0.6, 3):
        strength = draw.uniform(0, 0.5) * (draw.random() < 0.5)
        picture = picture + strength * _clouds(draw, column, row, length)[..., None] * (_tints(draw, 1)[0] - 0.5)
    for _ in range(draw.integers(0, 12)):
        picture = _block(draw, picture, column, row)
    blur = draw.exponential(0.012) * side
    if blur > 0.3:
        picture = cv2.GaussianBlur(picture, (0, 0), blur, borderType=cv2.BORDER_REFLECT_101)
    return np.asarray(picture.clip(0, 1), np.float32)


def _tints(draw: np.random.Generator, count: int) -> Floats:
    """(count, 3): rooms are less colourful than clothes."""
    tints = draw.uniform(0.03, 0.97, (count, 3))
    grey = draw.uniform(0.45, 1, (count, 1))
    return np.asarray(grey * tints.mean(axis=1, keepdims=True) + (1 - grey) * tints)


def _clouds(draw: np.random.Generator, column: Floats, row: Floats, length: float) -> Floats:
    vectors = draw.normal(size=(2, 16)) * 2 / length
    phase = draw.uniform(0, 2 * np.pi, 16)
    waves = np.cos(column[..., None] * vectors[0] + row[..., None] * vectors[1] + phase)
    return np.asarray(waves.sum(axis=-1) / np.sqrt(8))


def _block(draw: np.random.Generator, picture: Floats, column: Floats, row: Floats) -> Floats:
    """A turned rectangle: furniture, windows, letters."""
    turn = draw.normal(scale=0.15)
    x0, y0 = draw.uniform(-0.1, 1.1, 2)
    x = np.cos(turn) * (column - x0) + np.sin(turn) * (row - y0)
    y = np.cos(turn) * (row - y0) - np.sin(turn) * (column - x0)
    half = draw.lognormal(np.log(0.1), 0.8, 2)
    within = (np.abs(x) < half[0]) & (np.abs(y) < half[1])
    return np.where(within[..., None], _tints(draw, 1)[0], picture)
