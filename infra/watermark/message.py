"""From an id to the bits that are embedded, and back: a checksum, and a code that mends wrong bits.

The id (48 bits) and its CRC-32 go through the convolutional code of rate 1/2 and constraint length 7 (polynomials 133
and 171, octal; the one of Voyager and of 802.11), ended by six zeros, and come back through Viterbi's algorithm with
soft decisions.
"""

import zlib
from functools import cache

import numpy as np
from numpy.typing import NDArray

ID_DIGITS = 12  # hexadecimal: 48 bits
_ID_BYTES = ID_DIGITS // 2
_CRC_BYTES = 4
_POLYNOMIALS = (0o133, 0o171)
_MEMORY = 6
_STATES = 1 << _MEMORY
_MESSAGE_BITS = 8 * (_ID_BYTES + _CRC_BYTES)
CODE_BITS = 2 * (_MESSAGE_BITS + _MEMORY)


def encode(ident: str) -> NDArray[np.bool_]:
    """(CODE_BITS,) of an id of ID_DIGITS hexadecimal digits.

    Raises:
        ValueError: not such an id.
    """
    if len(ident) != ID_DIGITS or set(ident) - set("0123456789abcdef"):
        raise ValueError(f"a watermark holds {ID_DIGITS} lower-case hexadecimal digits, got {ident!r}")
    content = bytes.fromhex(ident)
    message = np.unpackbits(np.frombuffer(content + _crc(content), np.uint8))
    return _encoded(message)


def decode(soft: NDArray[np.float64]) -> str | None:
    """The id, or None where its checksum does not hold.

    Args:
        soft: (CODE_BITS,), positive where a bit is more likely 0, larger where that is surer.
    """
    content = np.packbits(_likeliest(soft)).tobytes()
    ident, crc = content[:_ID_BYTES], content[_ID_BYTES:]
    return ident.hex() if crc == _crc(ident) else None


def _crc(content: bytes) -> bytes:
    return zlib.crc32(content).to_bytes(_CRC_BYTES, "big")


def _encoded(message: NDArray[np.uint8]) -> NDArray[np.bool_]:
    following, output = _trellis()
    state, coded = 0, []
    for bit in [*message.tolist(), *[0] * _MEMORY]:
        coded.append(output[state, bit])
        state = following[state, bit]
    return np.concatenate(coded)


@cache
def _trellis() -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """The state that follows (states, 2) and the two bits that are sent (states, 2, 2), by state and next bit."""
    state, bit = np.indices((_STATES, 2))
    register = (bit << _MEMORY) | state
    sent = [np.bitwise_count(register & polynomial) % 2 == 1 for polynomial in _POLYNOMIALS]
    return register >> 1, np.stack(sent, axis=-1)


def _likeliest(soft: NDArray[np.float64]) -> NDArray[np.uint8]:
    """The message whose code agrees best with `soft`: (message bits,)."""
    _, output = _trellis()
    # A state holds the latest bit on top, so the two before it differ in the bit that falls out, and the bit that
    # led into it is its top one.
    states = np.arange(_STATES)
    before = np.stack([(states << 1) % _STATES, (states << 1) % _STATES + 1], axis=1)  # (states, 2)
    sent = 1.0 - 2.0 * output[before, (states >> (_MEMORY - 1))[:, None]]  # (states, 2, 2)
    score = np.where(states == 0, 0.0, -np.inf)
    steps = soft.reshape(-1, 2)
    came = np.empty((len(steps), _STATES), np.int64)
    for step, pair in enumerate(steps):
        reached = score[before] + sent @ pair
        better = reached.argmax(axis=1)
        came[step] = before[states, better]
        score = reached[states, better]
    state, bits = 0, np.empty(len(steps), np.uint8)
    for step in range(len(steps) - 1, -1, -1):
        bits[step] = state >> (_MEMORY - 1)
        state = int(came[step, state])
    return bits[:_MESSAGE_BITS]
