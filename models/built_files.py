"""Files of the catalogue that are built on this machine from the data in an archive."""

import hashlib
import zipfile
from pathlib import Path

from reenactory.models.archives import BadArchive
from reenactory.models.catalogue import BuiltSource


def build(source: BuiltSource, archive: Path, target: Path) -> None:
    """Write what the source's builder makes of the archive to `target`.

    BadArchive: not the archive that is pinned, or one without the data.
    """
    with archive.open("rb") as opened:
        found = hashlib.file_digest(opened, "sha256").hexdigest()
    if found != source.archive_sha256:
        raise BadArchive(f"{archive.name} has sha256 {found}, expected {source.archive_sha256}")
    # Imported here: torch takes seconds, which fetching an ordinary file need not pay.
    from reenactory.models.face_model.open_model import build_open_model

    builders = {"open_face_model": build_open_model}
    try:
        builders[source.builder](archive, target)
    except (KeyError, zipfile.BadZipFile) as error:
        raise BadArchive(f"{archive.name} does not hold what {source.builder} is built from: {error}") from error
