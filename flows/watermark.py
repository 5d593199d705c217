"""Which render a video is, by the mark that is hidden in it."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from reenactory.infra.sources import find_videos, local_copy
from reenactory.infra.store import Store, open_store
from reenactory.infra.tables import folder_of, get_table
from reenactory.infra.video import ReadSpec, VideoFault, read_chunks
from reenactory.infra.watermark import Reading, read_mark
from reenactory.tasks.provenance import watermark_id


class Found(NamedTuple):
    """A video and what its mark says."""

    video: str
    reading: Reading | None
    fault: str  # why it could not be looked at; else empty
    renders: list[str]  # of the store that was given: RUN/PAIR__RENDERER

    @property
    def line(self) -> str:
        """For a person."""
        if self.fault:
            return f"{self.video}: cannot be read: {self.fault}"
        if self.reading is None:
            return f"{self.video}: no watermark found"
        read = self.reading
        late = f", its beginning is missing (frame {read.skipped_frames} begins a block)" if read.skipped_frames else ""
        return (
            f"{self.video}: id {read.ident}, {read.wrong_bits} of {read.code_bits} bits were damaged and mended{late}"
        )


def read_marks(videos: list[str], store_uri: str | None) -> Iterator[Found]:
    """Read every video; with a store, say which of its renders have the id."""
    store = None if store_uri is None else open_store(store_uri, create=False)
    for source in find_videos(videos)[0]:
        with TemporaryDirectory() as folder:
            try:
                chunks = read_chunks(local_copy(source.uri, Path(folder)), ReadSpec(tolerate_damage=True))
                reading = read_mark(chunks)
            except VideoFault as fault:
                yield Found(source.uri, None, f"{fault.code}: {fault.detail}", [])
                continue
        known = [] if store is None or reading is None else renders_of(store, reading.ident)
        yield Found(source.uri, reading, "", known)


def renders_of(store: Store, ident: str) -> list[str]:
    """RUN/PAIR__RENDERER of every render in the runs of a store whose mark is `ident`, sorted."""
    listings = [path for path in store.list("runs/") if folder_of(path) == "renders" and path.endswith(".parquet")]
    found = [
        f"{path.split('/')[1]}/{row['pair_id']}__{row['renderer']}"
        for path in listings
        for row in get_table(store, path).to_pylist()
        if row["stage"] == "render" and row["render_key"] and watermark_id(row["render_key"]) == ident
    ]
    return sorted(found)
