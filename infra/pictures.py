"""A folder of numbered pictures as a video: which files, in what order, and the digest of all of them."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from reenactory.infra.keys import file_sha256

PICTURE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg"})


def picture_files(folder: Path) -> list[Path]:
    """The PNG and JPEG files in a folder (not below it), by name."""
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in PICTURE_SUFFIXES and path.is_file())


def pictures_sha256(folder: Path) -> str:
    """Of the names and bytes of a folder's pictures."""
    lines = (f"{path.name} {file_sha256(path)}\n" for path in picture_files(folder))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def numbering_fault(names: Sequence[str]) -> str | None:
    """Why file names, sorted, are no numbered frames: digits of one width, from 0 or 1 on, none left out, or None."""
    stems = [name.rpartition(".")[0] for name in names]
    odd = next((name for name, stem in zip(names, stems, strict=True) if not (stem.isascii() and stem.isdigit())), None)
    if odd is not None:
        return f"{odd} is not named by a number"
    if len({len(stem) for stem in stems}) > 1:
        return f"numbers of different widths ({names[0]}, {names[-1]}): pad them with zeros"
    first = int(stems[0])
    if first > 1:
        return f"the first is {names[0]}: numbers start at 0 or 1"
    wrong = next((name for place, name in enumerate(names) if int(name.rpartition(".")[0]) != first + place), None)
    return None if wrong is None else f"{wrong} does not follow the one before it"
