"""Shards: every item once, in order, within the bounds."""

from hypothesis import given
from hypothesis import strategies as st

from reenactory.infra.shards import MAX_ITEMS, MIN_ITEMS, make_shards

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
