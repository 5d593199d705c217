"""The list of a test split: one person per line, and what is refused."""

from pathlib import Path

import pytest

from reenactory.infra.metadata import UnusableMetadataError
from reenactory.infra.split_list import read_split_list


def test_a_list(tmp_path: Path) -> None:
    path = tmp_path / "test.txt"
    path.write_text("id00017\r\n\n id00061 \nid00017")
    assert read_split_list(path) == {"id00017", "id00061"}


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (b"", "names nobody"),
        (b"a\nb c\n", ":2: one person id per line"),
        (b"a,b\n", ":1: one"),
        (b"\xff", "not a list"),
    ],
)
def test_what_is_no_list(tmp_path: Path, text: bytes, complaint: str) -> None:
    path = tmp_path / "test.txt"
    path.write_bytes(text)
    with pytest.raises(UnusableMetadataError, match=complaint):
        read_split_list(path)
    with pytest.raises(UnusableMetadataError, match="not a list of persons that can be read"):
        read_split_list(tmp_path / "gone.txt")
