"""Shards: every item once, in order, within the bounds."""

from hypothesis import given
from hypothesis import strategies as st

from reenactory.infra.shards import MAX_ITEMS, MIN_ITEMS, make_shards, steady_shards

weights = st.lists(st.floats(0, 5000), max_size=700)


@given(weights, st.floats(1, 50_000))
def test_every_item_once_in_order_and_within_bounds(items: list[float], target: float) -> None:
    shards = make_shards(items, float, target)
    assert [item for shard in shards for item in shard] == items
    for shard in shards:
        assert 1 <= len(shard) <= MAX_ITEMS
    for shard in shards[:-1]:
        assert len(shard) >= MIN_ITEMS
        assert len(shard) == MAX_ITEMS or sum(shard) >= target
        assert len(shard) == MIN_ITEMS or sum(shard[:-1]) < target  # closed as soon as it could be


def test_usual_clips() -> None:
    assert [len(shard) for shard in make_shards([160] * 150, float)] == [64, 64, 22]


def test_nothing_makes_no_shard() -> None:
    assert make_shards([], float) == []


def ends(item: int) -> bool:
    return item * 2654435761 % 2**32 < 2**27  # one in 32


@given(st.lists(st.integers(0, 10**6), max_size=900), st.integers(1, 3000))
def test_steady_shards_hold_every_item_once_in_order_and_within_bounds(items: list[int], most: int) -> None:
    shards = list(steady_shards(items, float, ends, most))
    assert [item for shard in shards for item in shard] == items
    assert all(len(shard) <= MAX_ITEMS for shard in shards)
    for shard in shards[:-1]:
        assert len(shard) == MAX_ITEMS or (len(shard) >= MIN_ITEMS and (sum(shard) >= most or ends(shard[-1])))


def test_a_new_item_leaves_most_shards_as_they_were() -> None:
    before = {tuple(shard) for shard in steady_shards(range(0, 40_000, 2), lambda item: 1.0, ends)}
    changed = [
        len(
            {tuple(shard) for shard in steady_shards(sorted([*range(0, 40_000, 2), new]), lambda item: 1.0, ends)}
            - before
        )
        for new in range(1, 40_000, 4001)
    ]
    assert 200 < len(before) < 400 and max(changed) <= 6 and sum(changed) / len(changed) < 3
