"""Tables and report of a run are written again when something has changed, and only then."""

from pathlib import Path

import pytest

from reenactory.flows import views
from reenactory.flows.views import Views
from reenactory.infra.store import Store, open_store


class Page:
    """A view of two files that counts how often it was written."""

    def __init__(self, store: Store) -> None:
        self.store, self.written = store, 0

    def show(self, made_of: list[str], name: str = "page") -> str:
        return Views(self.store, "r").write(name, list(made_of), [f"{name}.html", f"{name}.csv"], self._work)

    def _work(self) -> None:
        self.written += 1
        for ending in ("html", "csv"):
            self.store.put(f"runs/r/page.{ending}", b"x")


@pytest.fixture
def page(tmp_path: Path) -> Page:
    return Page(open_store(str(tmp_path / "store")))


def test_the_same_is_written_once(page: Page) -> None:
    assert page.show(["a"]) == page.show(["a"])
    assert page.written == 1
    assert Views(page.store, "r").seconds("page", 99.0) < 99.0
    assert Views(page.store, "r").seconds("other", 99.0) == 99.0


def test_what_has_changed_or_is_gone_is_written_again(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    first = page.show(["a"])
    assert page.show(["a", "b"]) != first
    assert page.written == 2
    page.store.delete("runs/r/page.csv")
    page.show(["a", "b"])
    assert page.written == 3
    monkeypatch.setattr(views, "_program", lambda: "another version")
    page.show(["a", "b"])
    assert page.written == 4


def test_a_view_that_failed_is_not_remembered(page: Page) -> None:
    def fail() -> None:
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        Views(page.store, "r").write("page", "a", [], fail)
    assert not page.store.exists("runs/r/views.json")


def test_views_do_not_overwrite_each_other(page: Page) -> None:
    page.show(["a"])
    Views(page.store, "r").write("other", "a", [], lambda: None)
    page.show(["a"])
    assert page.written == 1
