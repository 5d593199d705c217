"""Shards: what one Prefect task carries. Big enough that a task's 50 ms vanish, small enough to see progress."""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")

MIN_ITEMS = 32
MAX_ITEMS = 256


def make_shards(items: Sequence[T], weight: Callable[[T], float], target_weight: float = 64 * 160) -> list[list[T]]:
    """Cut items, in order, into shards of about `target_weight` (frames) and 32 to 256 items each.

    The default target is 64 clips of VoxCeleb's median length, 160 frames. The last shard takes what is left.
    """
    return list(_cut(items, weight, target_weight))


def _cut(items: Sequence[T], weight: Callable[[T], float], target: float) -> Iterator[list[T]]:
    shard: list[T] = []
    carried = 0.0
    for item in items:
        shard.append(item)
        carried += weight(item)
        if len(shard) >= MAX_ITEMS or (len(shard) >= MIN_ITEMS and carried >= target):
            yield shard
            shard, carried = [], 0.0
    if shard:
        yield shard
