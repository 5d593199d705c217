"""Where the mark lives: low frequencies of the whole picture, one to a bit.

A carrier is a cosine coefficient (DCT-II) of the whole picture. Its numbers count half waves per picture, not per
pixel: a picture that was scaled has the same coefficients, so reading needs no search for the size. Amounts are those
of the picture scaled to 64 x 64: one grey level means the same at every size.
"""

import hashlib
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from reenactory.infra.watermark.message import CODE_BITS

# Half waves over the picture. Below, faces move too much; above, H.264 leaves too little of a small picture: with 8 to
# 24 half waves, a film of 64 px that was scaled to 75 % lost 29 bits of 172 where these lose 18.
_LOWEST, _HIGHEST = 6, 18
_GRID = 64


class _Places(NamedTuple):
    rows: NDArray[np.int64]  # (CODE_BITS,)
    columns: NDArray[np.int64]  # (CODE_BITS,)
    dither: NDArray[np.float64]  # (CODE_BITS,) in [0, 1): a shift of each bit's lattice


def project(luma: NDArray[np.float32]) -> NDArray[np.float64]:
    """How much of each carrier is in a picture: (H, W) grey levels to (CODE_BITS,)."""
    height, width = luma.shape
    coefficients = _waves(height) @ luma @ _waves(width).T * (_GRID / np.sqrt(height * width))
    places = _places()
    return np.asarray(coefficients[places.rows, places.columns], np.float64)


def picture_of(amounts: NDArray[np.float64], height: int, width: int) -> NDArray[np.float32]:
    """(H, W) grey levels that hold (CODE_BITS,) of the carriers: `project` gives them back."""
    places = _places()
    coefficients = np.zeros((_HIGHEST + 1, _HIGHEST + 1), np.float32)
    coefficients[places.rows, places.columns] = amounts
    scaled = coefficients * (np.sqrt(height * width) / _GRID)
    return np.asarray(_waves(height).T @ scaled @ _waves(width), np.float32)


def dither() -> NDArray[np.float64]:
    """(CODE_BITS,) in [0, 1): without it a blank picture would hold an id."""
    return _places().dither


@cache
def _places() -> _Places:
    """Fixed for ever: by digests, since a library's random numbers may change with its version."""
    numbers = range(_HIGHEST + 1)
    ring = [(u, v) for u in numbers for v in numbers if _LOWEST**2 <= u * u + v * v <= _HIGHEST**2]
    shuffled = sorted(ring, key=lambda place: _draw(f"place {place[0]} {place[1]}"))
    chosen = np.array(shuffled[:CODE_BITS])
    return _Places(chosen[:, 0], chosen[:, 1], np.array([_draw(f"dither {bit}") for bit in range(CODE_BITS)]))


def _draw(name: str) -> float:
    """A number in [0, 1) that only the name decides."""
    digest = hashlib.blake2b(f"reenactory watermark 1 {name}".encode(), digest_size=6).digest()
    return int.from_bytes(digest, "big") / 2**48


@cache
def _waves(length: int) -> NDArray[np.float32]:
    """(_HIGHEST + 1, length): rows of the orthonormal DCT-II."""
    number, place = np.arange(_HIGHEST + 1)[:, None], np.arange(length)[None] + 0.5
    waves = np.cos(np.pi * number * place / length) * np.sqrt(2 / length)
    waves[0] /= np.sqrt(2)
    return np.asarray(waves, np.float32)
