"""Batches of which a share comes from a second pack: real people, and people who were rendered."""

from math import floor

import numpy as np

from reenactory.models.flow3d.examples import Batch, Statistics
from reenactory.models.flow3d.packed_source import PackedSource


class MixedSource:
    """A `TrainingSource` over two of them; over many batches their pairs stand in the ratio asked for, exactly."""

    def __init__(self, real: PackedSource, synthetic: PackedSource, share: float) -> None:
        """Args: share: of the synthetic pairs, 0 to 1; how many pairs a batch has, `real` says."""
        if not 0 <= share <= 1:
            raise ValueError(f"share of synthetic pairs: expected 0 to 1, got {share}")
        self._real = real
        self._synthetic = synthetic
        self._share = share
        self.identities = real.identities + synthetic.identities

    def batch(self, number: int) -> Batch:
        pairs = self._real.pairs
        rate = self._share * pairs
        rendered = floor((number + 1) * rate) - floor(number * rate)
        parts = [self._real.draw(number, pairs - rendered)] if rendered < pairs else []
        if rendered:
            parts.append(self._synthetic.draw(number, rendered))
        return Batch(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))

    def statistics(self) -> Statistics:
        """Of the mixture; deviations inside clips do not count how far the means of the two lie apart."""
        parts = ((1 - self._share, self._real.statistics()), (self._share, self._synthetic.statistics()))
        mean = sum(weight * part.mean.astype(np.float64) for weight, part in parts)
        between = 0.0 if self._real.within_clips else 1.0
        square = sum(
            weight * (part.deviation.astype(np.float64) ** 2 + between * (part.mean - mean) ** 2)
            for weight, part in parts
        )
        return Statistics(np.asarray(mean, np.float32), np.asarray(np.sqrt(square), np.float32))
