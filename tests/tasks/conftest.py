"""Fixtures of the tasks' tests: a store, and scratch files in a folder of the tests."""

from pathlib import Path

import pytest

from reenactory.infra.store import Store, open_store


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setenv("REENACTORY_CACHE", str(tmp_path / "cache"))
    return open_store(str(tmp_path / "store"))
