"""FID and KID of a run: of all frames together, each render read once."""

import numpy as np
import pytest
from numpy.typing import NDArray

from reenactory.models.metrics.frechet import fid
from reenactory.models.metrics.kid import kid
from reenactory.tasks.results.aggregate import PairInfo
from reenactory.tasks.results.pooling import Features, pooled_lines

PAIRS = {f"p{n}": PairInfo("self" if n < 3 else "cross", f"id{n % 2}") for n in range(4)}


def features(seed: int, frames: int, size: int = 6) -> NDArray[np.float32]:
    chance = np.random.default_rng(seed)
    return (chance.normal(size=(frames, size)) @ chance.normal(size=(size, size)) + seed).astype(np.float32)


def test_all_frames_of_a_protocol_are_taken_together() -> None:
    lengths = {"p0": 20, "p1": 0, "p2": 15, "p3": 1}
    parts = {
        pair: Features(features(seed, frames), features(seed + 50, frames), seed)
        for seed, (pair, frames) in enumerate(lengths.items())
    }
    asked: list[tuple[str, str]] = []

    def load(renderer: str, pair: str) -> Features:
        asked.append((renderer, pair))
        return parts[pair]

    cross, cross_kid, own, own_kid = pooled_lines([("copy", pair) for pair in parts], PAIRS, load)
    assert (own["protocol"], own["n_frames"], own["n_pairs"], own["n_dropped"]) == ("self", 35, 3, 3)
    real, generated = (np.concatenate([parts[pair][side] for pair in ("p0", "p2")]) for side in (0, 1))
    assert own["value"] == pytest.approx(fid(real, generated), rel=1e-9)
    assert own_kid["value"] == pytest.approx(kid(real, generated), rel=1e-9)
    assert (cross["value"], cross_kid["value"], cross["n_frames"]) == (None, None, 1)  # one frame has no covariance
    assert len(asked) == len(set(asked)) == 4
