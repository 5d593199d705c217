"""The 257 coefficients of a face in Deep3DFaceRecon's order (methods B.1)."""

import numpy as np
from numpy.typing import NDArray

WIDTHS = {"id": 80, "exp": 64, "tex": 80, "angles": 3, "gamma": 27, "trans": 3}
COUNT = sum(WIDTHS.values())  # 257


def split(coefficients: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
    """(T, 257) as one (T, width) per part, by the name of its face3d column."""
    if coefficients.ndim != 2 or coefficients.shape[1] != COUNT:
        raise ValueError(f"coefficients: expected (T, {COUNT}), got {coefficients.shape}")
    parts = np.split(coefficients, np.cumsum(list(WIDTHS.values()))[:-1], axis=1)
    return dict(zip(WIDTHS, parts, strict=True))
