"""The persons of a test split, as a text file: what VoxCeleb2 publishes beside its annotations."""

from pathlib import Path

from reenactory.infra.metadata import UnusableMetadataError


def read_split_list(path: Path) -> frozenset[str]:
    """Person ids, one per line; empty lines do not count.

    Raises:
        UnusableMetadataError: the file cannot be read, names nobody, or has a line with more than a person id.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UnusableMetadataError(f"{path}: not a list of persons that can be read ({error})") from error
    persons: set[str] = set()
    for number, line in enumerate(lines, start=1):
        if len(line.split()) > 1 or "," in line:
            raise UnusableMetadataError(f"{path}:{number}: one person id per line expected, got {line!r}")
        persons.update(line.split())
    if not persons:
        raise UnusableMetadataError(f"{path}: names nobody")
    return frozenset(persons)
