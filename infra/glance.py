"""An index whose answers are kept for a moment."""

from collections.abc import Iterable

from reenactory.infra.entries import Entry
from reenactory.infra.index import RecordIndex


class Glance:
    """Asks an index for each record once. For one shard: what is deleted meanwhile is not noticed."""

    def __init__(self, index: RecordIndex) -> None:
        self._index = index
        self._found: dict[tuple[str, str], Entry] = {}
        self._untold: set[tuple[str, str]] = set()

    def foresee(self, keys: Iterable[tuple[str, str]]) -> None:
        """Ask the index at once for these (stage, key), where it answers alone."""
        if not self._index.remote:
            return
        wanted: dict[str, list[str]] = {}
        for stage, key in keys:
            wanted.setdefault(stage, []).append(key)
        for stage, of_stage in wanted.items():
            told = self._index.told_all(stage, of_stage)
            self._found.update(((stage, key), entry) for key, entry in told.items())
            self._untold.update((stage, key) for key in of_stage if key not in told)

    def told(self, stage: str, key: str) -> Entry | None:
        """As `RecordIndex.told`."""
        if (stage, key) in self._untold:
            return None
        return self._found.get((stage, key)) or self._keep(self._index.told(stage, key))

    def get(self, stage: str, key: str) -> Entry | None:
        """As `RecordIndex.get`."""
        return self._found.get((stage, key)) or self._keep(self._index.get(stage, key))

    def _keep(self, entry: Entry | None) -> Entry | None:
        if entry is not None:
            self._found[entry.stage, entry.key] = entry
        return entry
