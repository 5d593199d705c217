"""What of a run only shows what its store has: tables and report. Written again only when that has changed."""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pydantic import JsonValue

import reenactory.infra
import reenactory.models
import reenactory.tasks
from reenactory.flows.run_files import run_path
from reenactory.infra.keys import canonical_json, digest
from reenactory.infra.records import library_versions
from reenactory.infra.store import Store

CODE = (".py", ".j2", ".css", ".js", ".csv", ".toml")  # what a page or a table may look otherwise for


@dataclass(frozen=True)
class Views:
    """The views of one run; `views.json` beside them says what each was made of."""

    store: Store
    run: str

    def write(self, name: str, made_of: JsonValue, files: Sequence[str], work: Callable[[], object]) -> str:
        """Call `work`, which writes these files of the run, unless they are there and were made of the same.

        Args:
            name: of the view.
            made_of: what decides the files' content, beside the program itself.
            files: names in the run's folder.

        Returns:
            A digest of what the files are made of.
        """
        key = digest(canonical_json([self.store.uri, _program(), made_of]))
        if self._known(name).get("key") == key and all(self.store.exists(run_path(self.run, file)) for file in files):
            return key
        started = time.monotonic()
        work()
        told: dict[str, JsonValue] = {"key": key, "seconds": round(time.monotonic() - started, 2)}
        self.store.put(self._path, json.dumps({**self._all(), name: told}, indent=1, sort_keys=True).encode())
        return key

    def seconds(self, name: str, otherwise: float) -> float:
        """How long the view took to write when it last was."""
        return float(str(self._known(name).get("seconds", otherwise)))

    @property
    def _path(self) -> str:
        return run_path(self.run, "views.json")

    def _known(self, name: str) -> dict[str, JsonValue]:
        return self._all().get(name, {})

    def _all(self) -> dict[str, dict[str, JsonValue]]:
        try:
            found = json.loads(self.store.get(self._path)) if self.store.exists(self._path) else {}
        except ValueError:  # damaged: the views are written anew
            found = {}
        return found if isinstance(found, dict) else {}


@cache
def _program() -> str:
    """Digest of the program: 300 small files take 20 ms, and nobody has to remember to raise a version."""
    parts = [path.name.encode() + path.read_bytes() for path in _code()]
    return digest(b"".join(parts).hex() + canonical_json(dict(library_versions())))


def _code() -> Iterator[Path]:
    for package in (reenactory.infra, reenactory.models, reenactory.tasks):
        for folder in package.__path__:
            yield from sorted(path for path in Path(folder).rglob("*") if path.suffix in CODE)
