"""Angles that go once round."""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Real = TypeVar("Real", np.float32, np.float64)


def wrapped(angles: NDArray[Real]) -> NDArray[Real]:
    """Angles (...) in radians to [-pi, pi): 359 degrees apart is 1 degree apart."""
    return (angles + np.pi) % (2 * np.pi) - np.pi
