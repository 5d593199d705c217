"""Files spoiled at random, the same way for the same seed."""

from collections.abc import Callable
from random import Random

Mutation = Callable[[bytearray, Random], None]

# What length fields, counts and numbers in texts go wrong at.
NUMBERS = (b"\x00\x00\x00\x00", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\x80\x00\x00\x00", b"\x00\x00\x00\x01")
TEXTS = (
    b"../../outside",
    b"/etc/hostname",
    b"a\x00b",
    b"\xff\xfe",
    "é\u202ea\u0301".encode(),
    b"x" * 400,
    b"-1",
    b"0",
    b"1e308",
    b"-1e-320",
    b"99999999999999999999",
    b"nan",
    b"inf",
    b"",
    b'"',
    b"\n",
    b"NA",
    b"=cmd|' /c calc'!A1",
    b"-y",
    b"pipe:0",
    b"CON",
)


def flipped(data: bytearray, random: Random) -> None:
    for _ in range(random.choice((1, 1, 4, 32))):
        data[random.randrange(len(data))] ^= 1 << random.randrange(8)


def noisy(data: bytearray, random: Random) -> None:
    start, size = _span(data, random)
    data[start : start + size] = random.randbytes(size)


def cut_out(data: bytearray, random: Random) -> None:
    start, size = _span(data, random)
    del data[start : start + size]


def doubled(data: bytearray, random: Random) -> None:
    start, size = _span(data, random)
    data[start:start] = data[start : start + size]


def cut_off(data: bytearray, random: Random) -> None:
    del data[random.randrange(len(data)) :]


def misnumbered(data: bytearray, random: Random) -> None:
    """Header fields lie at the ends of most formats."""
    start = random.choice((random.randrange(len(data)), random.randrange(min(len(data), 400))))
    data[start : start + 4] = random.choice(NUMBERS)


def retold(data: bytearray, random: Random) -> None:
    """One field of a text, between separators, says something else."""
    marks = [place for place, byte in enumerate(data) if byte in b',\n\t:"'] or [0]
    first = random.randrange(len(marks))
    end = marks[first + 1] if first + 1 < len(marks) else len(data)
    data[marks[first] + 1 : end] = random.choice(TEXTS)


OF_BYTES: tuple[Mutation, ...] = (flipped, noisy, cut_out, doubled, cut_off, misnumbered)
OF_TEXT: tuple[Mutation, ...] = (*OF_BYTES[:5], retold, retold, retold, retold, retold)


def mutated(original: bytes, random: Random, mutations: tuple[Mutation, ...]) -> bytes:
    """`original` after one to three mutations."""
    data = bytearray(original)
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        if data:
            random.choice(mutations)(data, random)
    return bytes(data)


def _span(data: bytearray, random: Random) -> tuple[int, int]:
    start = random.randrange(len(data))
    return start, random.randrange(1, max(2, min(len(data) - start, random.choice((8, 256, 65536)))))
