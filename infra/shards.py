"""Shards: what one Prefect task carries. Big enough that a task's 50 ms vanish, small enough to see progress."""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")

MIN_ITEMS = 32
MAX_ITEMS = 256


def make_shards(items: Iterable[T], weight: Callable[[T], float], target_weight: float = 64 * 160) -> list[list[T]]:
    """Cut items, in order, into shards of about `target_weight` (frames) and 32 to 256 items each.

    The default target is 64 clips of VoxCeleb's median length, 160 frames. The last shard takes what is left.
    """
    return list(_cut(items, weight, target_weight))


def steady_shards(
    items: Iterable[T], weight: Callable[[T], float], ends: Callable[[T], bool], most_weight: float = 256 * 160
) -> Iterator[list[T]]:
    """Cut items that come one by one, where `ends` says so of an item, into shards of 32 to 256 items.

    A new item among a million changes its own shard and perhaps the next few; cut by weight alone, as `make_shards`
    does, all that come after it would be other shards. A shard of `most_weight` ends in any case.

    Args:
        ends: of about one item in 32, by something of its own, such as a digest.
    """
    shard: list[T] = []
    carried = 0.0
    for item in items:
        shard.append(item)
        carried += weight(item)
        if len(shard) >= MAX_ITEMS or (len(shard) >= MIN_ITEMS and (carried >= most_weight or ends(item))):
            yield shard
            shard, carried = [], 0.0
    if shard:
        yield shard


def _cut(items: Iterable[T], weight: Callable[[T], float], target: float) -> Iterator[list[T]]:
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
