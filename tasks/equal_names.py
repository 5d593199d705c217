"""Two files that are one video of the metadata: their clips would have equal names."""

from collections.abc import Iterable, Mapping

from reenactory.infra.sources import Source, UnusableInputError
from reenactory.tasks.preprocess import MetadataRows


def refuse_equal_names(metadata: Mapping[str, MetadataRows] | None, sources: Iterable[Source]) -> None:
    """Where the metadata names the person, folders no longer tell two files of one name apart.

    Raises:
        UnusableInputError: names the first two such files.
    """
    first: dict[str, Source] = {}
    for source in sources if metadata else ():
        other = first.setdefault(source.video_id, source)
        rows = metadata.get(source.video_id, ()) if metadata and other is not source else ()
        if any(row["identity"] for row in rows):
            raise UnusableInputError(
                f"{other.uri} and {source.uri}: both are video {source.video_id} of the metadata, which names the "
                "person too: their clips would have equal names; leave one of them out"
            )
