"""What is hidden comes back whole, or not at all."""

import numpy as np
import pytest

from reenactory.infra.watermark.carriers import picture_of, project
from reenactory.infra.watermark.message import CODE_BITS, decode, encode

IDENTS = ("000000000000", "ffffffffffff", "0123456789ab")


@pytest.mark.parametrize("ident", IDENTS)
def test_an_id_survives_one_wrong_bit_in_ten(ident: str) -> None:
    soft = 1.0 - 2.0 * encode(ident)
    assert decode(soft) == ident
    for seed in range(20):
        wrong = np.random.default_rng(seed).permutation(CODE_BITS)[: CODE_BITS // 10]
        damaged = soft.copy()
        damaged[wrong] *= -0.3  # wrong bits are unsure ones
        assert decode(damaged) == ident


def test_bits_are_mended_by_a_code_of_distance_ten() -> None:
    """Any four wrong bits of equal weight are mended; two ids differ in at least ten."""
    a = encode(IDENTS[2])
    for seed in range(50):
        hard = 1.0 - 2.0 * a
        hard[np.random.default_rng(seed).permutation(CODE_BITS)[:4]] *= -1
        assert decode(hard) == IDENTS[2]
    others = [encode(f"{number:012x}") for number in range(1, 300)]
    assert min(int((a != other).sum()) for other in others) >= 10


def test_noise_holds_no_id() -> None:
    rng = np.random.default_rng(0)
    assert [found for _ in range(500) if (found := decode(rng.normal(size=CODE_BITS))) is not None] == []


@pytest.mark.parametrize("ident", ["", "0123", "0123456789AB", "0123456789ag", "0123456789abc"])
def test_something_else_is_no_id(ident: str) -> None:
    with pytest.raises(ValueError, match="12 lower-case hexadecimal digits"):
        encode(ident)


@pytest.mark.parametrize(("height", "width"), [(48, 48), (64, 64), (100, 150), (256, 256)])
def test_carriers_do_not_disturb_each_other(height: int, width: int) -> None:
    amounts = np.random.default_rng(1).normal(0, 10, CODE_BITS)
    assert np.allclose(project(picture_of(amounts, height, width)), amounts, atol=1e-3)
    assert abs(float(picture_of(amounts, height, width).mean())) < 1e-4


def test_a_scaled_picture_has_the_same_amounts() -> None:
    large = picture_of(np.random.default_rng(2).normal(0, 10, CODE_BITS), 256, 256)
    half = large.reshape(128, 2, 128, 2).mean(axis=(1, 3))
    assert np.allclose(project(half), project(large), rtol=0.02, atol=0.2)
