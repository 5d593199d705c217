"""One interface over a local folder and an S3 bucket: named objects that appear whole or not at all."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, Protocol
from urllib.parse import unquote, urlsplit

from reenactory.infra.addresses import user_path, without_credentials

TEMP_PREFIX = ".tmp-"  # names of files under construction; never listed, never a valid object name
PLAIN_PATH = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*(/[A-Za-z0-9_-][A-Za-z0-9_.-]*)*")  # no part begins with a dot
ONE_SLASH = re.compile(r"(s3|file|gs|https?):", re.IGNORECASE)  # `s3:/bucket` would quietly be a folder
MAX_PATH_BYTES = 512  # S3 allows 1024 for prefix and path together
MAX_NAME_BYTES = 255  # file systems allow no more for one name


class MissingObject(LookupError):  # noqa: N818, it is an answer before it is an error
    """An object that was asked for is not in the store."""

    def __init__(self, path: str, uri: str) -> None:
        super().__init__(path, uri)
        self.path = path
        self.uri = uri

    def __str__(self) -> str:
        return f"no object {self.path!r} in {self.uri}"


class BadPathError(ValueError):
    """A path that would lie outside the store, or that not both kinds of store can hold."""


class StoreUnusable(Exception):  # noqa: N818, named after what it says
    """A store that cannot be written. The message is one line: what is wrong and what to do."""


class StoreFailed(Exception):  # noqa: N818, named after what it says
    """A store that worked and does not any more. The message is one line: what is wrong and what to do.

    Nothing is half-written, and the same command goes on from there once the store is well.
    """


class DamagedObject(StoreFailed):
    """An object that is there and is not what was written."""

    def __init__(self, path: str, uri: str, remedy: str) -> None:
        super().__init__(path, uri, remedy)

    def __str__(self) -> str:
        path, uri, remedy = self.args
        return f"{path} in {uri} is damaged: {remedy}"


class Found(NamedTuple):
    """An object as a listing shows it."""

    path: str
    bytes: int
    modified: float  # POSIX seconds, by the clock of whoever holds the object


class Store(Protocol):
    """Objects under relative POSIX paths. A malformed path is refused with BadPathError.

    Writes are atomic and idempotent: a reader sees the old object, the new object or none, never a part. Instances are
    safe to share between threads and are pickled by their address alone, never with a credential.
    """

    @property
    def uri(self) -> str:
        """Where the store is, in the form that `open_store` takes."""

    @property
    def remote(self) -> bool:
        """True where every call is a network round trip, so that callers batch and keep several in flight."""

    def put(self, path: str, data: bytes) -> None:
        """Write or replace an object."""

    def put_file(self, path: str, local: Path) -> None:
        """Write or replace an object with the content of a local file of any size."""

    def get(self, path: str) -> bytes:
        """The whole object; MissingObject where there is none."""

    def local_path(self, path: str, cache: Path) -> Path:
        """A local file with the object's content, to be read only; MissingObject where there is none.

        A local store returns its own file. A remote one downloads into `cache`, once per content of the object.
        """

    def exists(self, path: str) -> bool:
        """Whether the object is there."""

    def size(self, path: str) -> int | None:
        """Bytes of the object, None where there is none."""

    def list(self, prefix: str) -> Iterator[str]:
        """Paths that begin with `prefix` (a string prefix, `""` for all), sorted, without unfinished files."""

    def look(self, prefix: str) -> Iterator[Found]:
        """As `list`, with sizes and times, as the listing comes: objects of one folder follow each other.

        It never holds more than a page, so that a listing of millions takes no memory.
        """

    def unfinished(self, prefix: str) -> Iterator[Found]:
        """What killed writers have left below a folder, and what others are writing now: no reader ever sees it."""

    def discard(self, unfinished: Found) -> None:
        """Remove something that `unfinished` found."""

    def delete(self, path: str) -> None:
        """Remove the object; nothing happens where there is none."""

    def put_if_absent(self, path: str, data: bytes) -> bool:
        """Write only where no object is: True when this call wrote it. Of several racing calls one gets True.

        On S3 a False may follow a write of this very call whose answer was lost on the way and that was sent again;
        a caller to whom that matters reads the object back.
        """


def is_object_path(path: str) -> bool:
    """Whether `checked_path` takes it."""
    try:
        checked_path(path)
    except BadPathError:
        return False
    return True


def checked_path(path: str) -> str:
    """`path` itself when it is a relative POSIX path that both kinds of store can hold; else BadPathError."""
    if len(path) <= MAX_NAME_BYTES and PLAIN_PATH.fullmatch(path):
        return path  # nearly all of them, in a tenth of the time
    components = path.split("/")
    encoded = path.encode(errors="replace")
    faults = {
        "is empty": not path,
        f"is longer than {MAX_PATH_BYTES} bytes": len(encoded) > MAX_PATH_BYTES,
        f"has a name longer than {MAX_NAME_BYTES} bytes": max(map(len, encoded.split(b"/"))) > MAX_NAME_BYTES,
        "is no text that UTF-8 can hold": encoded.decode() != path,
        "has a NUL or a backslash": "\0" in path or "\\" in path,
        "is absolute": path.startswith("/"),
        "has an empty, '.' or '..' component": any(part in ("", ".", "..") for part in components),
        f"has a component that begins with {TEMP_PREFIX!r}": any(part.startswith(TEMP_PREFIX) for part in components),
    }
    found = [fault for fault, present in faults.items() if present]
    if found:
        raise BadPathError(
            f"object path {path[:80]!r} {' and '.join(found)}; expected a relative path such as 'a/b.json'"
        )
    return path


def open_store(uri: str, create: bool = True) -> Store:
    """The store at `uri`: a folder (plain path or `file:///path`, created when absent) or `s3://bucket/prefix`.

    A probe object is written and removed once, so that a run fails here and not after an hour of work.

    Args:
        uri: where.
        create: False for work on what is already there: a mistyped folder is then an error and not a new, empty store.

    Raises:
        StoreUnusable: an address of another form, a folder or bucket that cannot be written, no credentials; a folder
            that is not there and was not to be created.
    """
    # The implementations are imported here because boto3 takes 0.5 s to import, which a local run need not pay.
    if uri.startswith("s3://"):
        from reenactory.infra.store_s3 import open_s3_store

        return open_s3_store(uri)
    from reenactory.infra.store_local import open_local_store

    folder = _folder(uri)
    if not create and not folder.is_dir():
        raise StoreUnusable(f"there is no store at {folder}; check --store, or make one with `reenactory preprocess`")
    return open_local_store(folder)


def _folder(uri: str) -> Path:
    """The folder that a plain path or a `file://` address names."""
    if "://" not in uri:
        if not uri.strip() or "\0" in uri:
            raise StoreUnusable(f"{uri!r} names no store; give a folder or s3://bucket/prefix")
        if ONE_SLASH.match(uri):
            raise StoreUnusable(
                f"{uri!r}: an address has two slashes, as in s3://bucket/prefix; a folder so named is ./{uri}"
            )
        return user_path(uri)
    parts = urlsplit(uri)
    if parts.scheme != "file":
        raise StoreUnusable(f"stores of kind {parts.scheme}:// are not supported; give a folder or s3://bucket/prefix")
    if parts.netloc not in ("", "localhost") or not parts.path:
        shown = without_credentials(uri)
        raise StoreUnusable(f"{shown!r} names no local folder; write it as file:///absolute/folder or as a plain path")
    return Path(unquote(parts.path))
