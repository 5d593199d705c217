"""Digests of sources: found in any order, merged with what is new, never held all at once."""

from pathlib import Path

import pytest

from reenactory.infra import digests
from reenactory.infra.digests import DIGEST_TABLE, KnownDigests
from reenactory.infra.store import Store, open_store
from reenactory.infra.tables import get_table

NAMES = [f"/videos/{number:03d}.mp4" for number in range(30)]


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setattr(digests, "ROWS_AT_ONCE", 7)  # several batches
    return open_store(str(tmp_path))


def remember(store: Store, names: list[str], stamp: str) -> None:
    known = KnownDigests(store)
    for name in names:
        known.add(name, stamp, f"{name} {stamp}")
    known.save()


def test_what_was_remembered_is_found_in_whatever_order_it_is_asked_for(store: Store) -> None:
    remember(store, NAMES[::2], "1:1")
    remember(store, NAMES[1::3], "2:2")
    for names in (NAMES, NAMES[::-1], NAMES[10:] + NAMES[:10]):
        known = KnownDigests(store)
        assert [known.find(name, "1:1") for name in names] == [
            f"{name} 1:1" if name in NAMES[::2] else None for name in names
        ]
    assert KnownDigests(store).find(NAMES[1], "2:2") == f"{NAMES[1]} 2:2"
    assert KnownDigests(store).find(NAMES[1], "1:1") is None


def test_the_table_stays_sorted_and_keeps_what_nobody_asked_for(store: Store) -> None:
    remember(store, NAMES[5:], "1:1")
    remember(store, NAMES[:10], "2:2")
    rows = get_table(store, DIGEST_TABLE).to_pylist()
    assert [(row["uri"], row["stamp"]) for row in rows] == sorted(
        [(name, "1:1") for name in NAMES[5:]] + [(name, "2:2") for name in NAMES[:10]]
    )


def test_what_is_new_is_found_at_once_and_nothing_new_writes_nothing(store: Store) -> None:
    known = KnownDigests(store)
    known.add("/b.mp4", "1:1", "aa")
    assert known.find("/b.mp4", "1:1") == "aa"
    KnownDigests(store).save()
    assert not store.exists(DIGEST_TABLE)
