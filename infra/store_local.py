"""A store in a local folder: temp file in the same folder, fsync, atomic rename."""

import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISREG
from typing import BinaryIO

from reenactory.infra.store import TEMP_PREFIX, Found, MissingObject, StoreUnusable, checked_path, is_object_path


def open_local_store(root: Path) -> "LocalStore":
    """The store in folder `root`, which is created when absent; StoreUnusable where it cannot be written."""
    store = LocalStore(root.absolute())
    probe = f"probe-{uuid.uuid4().hex}"
    try:
        store.put(probe, b"")
        store.delete(probe)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise StoreUnusable(
            f"cannot write to the store folder {root} ({reason}); choose another with --store or mend its permissions"
        ) from error
    return store


@dataclass(frozen=True)
class LocalStore:
    """Objects as files under `root` (absolute). See `infra.store.Store` for what each method promises."""

    root: Path
    remote: bool = False

    @property
    def uri(self) -> str:
        """The folder as `file:///...`."""
        return self.root.as_uri()

    def put(self, path: str, data: bytes) -> None:
        """Write or replace an object."""
        self._write(path, lambda out: _write_all(out, data))

    def put_file(self, path: str, local: Path) -> None:
        """Write or replace an object with the content of a local file."""
        with local.open("rb") as source:
            self._write(path, lambda out: shutil.copyfileobj(source, out, 1 << 20))

    def get(self, path: str) -> bytes:
        """The whole object; MissingObject where there is none."""
        try:
            return self._file(path).read_bytes()
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
            raise MissingObject(path, self.uri) from None

    def local_path(self, path: str, cache: Path) -> Path:
        """The object's own file; `cache` is not used."""
        if not self.exists(path):
            raise MissingObject(path, self.uri)
        return self._file(path)

    def exists(self, path: str) -> bool:
        """Whether the object is there."""
        return self.size(path) is not None

    def size(self, path: str) -> int | None:
        """Bytes of the object, None where there is none."""
        try:
            # One look, and not through pathlib: a plan of a million clips on disk takes ten million.
            found = os.stat(f"{self.root}/{checked_path(path)}")  # noqa: PTH116
        except (FileNotFoundError, NotADirectoryError):
            return None
        return found.st_size if S_ISREG(found.st_mode) else None

    def list(self, prefix: str) -> Iterator[str]:
        """Paths that begin with `prefix`, sorted as S3 sorts keys."""
        folder = prefix.rpartition("/")[0]
        if folder:
            checked_path(folder)
        walked = _walk(self.root / folder, f"{folder}/" if folder else "")
        return (path for path in walked if path.startswith(prefix) and is_object_path(path))

    def look(self, prefix: str) -> Iterator[Found]:
        """As `list`, with sizes and times."""
        return (found for path in self.list(prefix) if (found := self._found(path)))

    def unfinished(self, prefix: str) -> Iterator[Found]:
        """Temporary files below a folder."""
        folder = checked_path(prefix.rstrip("/"))
        walked = _walk(self.root / folder, f"{folder}/")
        return (found for path in walked if _is_temp(path) and (found := self._found(path)))

    def discard(self, unfinished: Found) -> None:
        """Remove a temporary file."""
        (self.root / unfinished.path).unlink(missing_ok=True)

    def delete(self, path: str) -> None:
        """Remove the object. Its folder stays, because another process may be about to write into it."""
        with suppress(FileNotFoundError, NotADirectoryError):
            self._file(path).unlink()

    def put_if_absent(self, path: str, data: bytes) -> bool:
        """Write only where no object is. A hard link fails where the name exists, a rename would replace it."""
        target = self._file(path)
        temp = _temp_beside(target)
        try:
            _write_synced(temp, lambda out: _write_all(out, data))
            os.link(temp, target)
        except FileExistsError:
            return False
        finally:
            temp.unlink(missing_ok=True)
        _sync_folder(target.parent)
        return True

    def _found(self, path: str) -> Found | None:
        try:
            stat = (self.root / path).stat()
        except FileNotFoundError:
            return None  # deleted since it was listed
        return Found(path, stat.st_size, stat.st_mtime)

    def _file(self, path: str) -> Path:
        return self.root / checked_path(path)

    def _write(self, path: str, write: Callable[[BinaryIO], None]) -> None:
        target = self._file(path)
        temp = _temp_beside(target)
        try:
            _write_synced(temp, write)
            temp.replace(target)
        except BaseException:
            temp.unlink(missing_ok=True)
            raise
        _sync_folder(target.parent)


def _temp_beside(target: Path) -> Path:
    return target.parent / f"{TEMP_PREFIX}{uuid.uuid4().hex}"


def _write_all(out: BinaryIO, data: bytes) -> None:
    out.write(data)


def _write_synced(file: Path, write: Callable[[BinaryIO], None]) -> None:
    with _opened_new(file) as out:
        write(out)
        out.flush()
        os.fsync(out.fileno())


def _opened_new(file: Path) -> BinaryIO:
    try:
        return file.open("xb")
    except FileNotFoundError:
        file.parent.mkdir(parents=True, exist_ok=True)
        return file.open("xb")


def _sync_folder(folder: Path) -> None:
    """Make a rename survive a power cut, so that a record on disk means that its artefacts are on disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _walk(folder: Path, relative: str) -> Iterator[str]:
    """Files below `folder`. A folder sorts as its name with a slash, which gives the order of the whole paths."""
    try:
        with os.scandir(folder) as found:
            entries = sorted((entry.name + "/" * entry.is_dir(), entry) for entry in found)
    except (FileNotFoundError, NotADirectoryError):
        return
    for name, entry in entries:
        if name.endswith("/"):
            yield from _walk(Path(entry.path), relative + name)
        else:
            yield relative + name


def _is_temp(path: str) -> bool:
    return path.rpartition("/")[2].startswith(TEMP_PREFIX)
