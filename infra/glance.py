"""An index whose answers are kept for a moment."""

from reenactory.infra.entries import Entry
from reenactory.infra.index import RecordIndex


class Glance:
    """Asks an index for each record once. For one shard: what is deleted meanwhile is not noticed."""

    def __init__(self, index: RecordIndex) -> None:
        self._index = index
        self._found: dict[tuple[str, str], Entry] = {}

    def told(self, stage: str, key: str) -> Entry | None:
        """As `RecordIndex.told`."""
        return self._found.get((stage, key)) or self._keep(self._index.told(stage, key))

    def get(self, stage: str, key: str) -> Entry | None:
        """As `RecordIndex.get`."""
        return self._found.get((stage, key)) or self._keep(self._index.get(stage, key))

    def _keep(self, entry: Entry | None) -> Entry | None:
        if entry is not None:
            self._found[entry.stage, entry.key] = entry
        return entry
