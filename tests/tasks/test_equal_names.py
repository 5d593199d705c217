"""Two files of one name under metadata: refused where only their folders would tell their clips apart."""

import re

import pytest

from reenactory.infra.sources import Source, UnusableInputError
from reenactory.tasks.equal_names import refuse_equal_names
from reenactory.tasks.preprocess import MetadataRows


def named(video: str, person: str | None) -> dict[str, MetadataRows]:
    return {video: ({"identity": person, "start": 0, "end": 64},)}


SAME = [Source(f"/{folder}/v.mp4", "v", folder, "8000:1", "1" * 64) for folder in ("id10001", "id10002")]
OTHER = Source("/id10002/w.mp4", "w", "id10002", "8000:1", "2" * 64)


def test_both_files_are_named() -> None:
    with pytest.raises(UnusableInputError, match=re.escape("/id10001/v.mp4 and /id10002/v.mp4")):
        refuse_equal_names(named("v", "id10009"), [SAME[0], OTHER, SAME[1]])


@pytest.mark.parametrize("metadata", [None, {}, named("v", None), named("w", "id10009")], ids=str)
def test_what_has_names_of_its_own_passes(metadata: dict[str, MetadataRows] | None) -> None:
    """Without a person in the metadata it is the folder's, and the names differ."""
    refuse_equal_names(metadata, [*SAME, OTHER])
