"""Where weight files lie on this machine, and whether they are the ones that the catalogue pins."""

import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import platformdirs

from reenactory.models.catalogue import BuiltSource, BundledSource, CatalogueEntry, PackageSource, Source, UrlSource

OVERRIDES_VARIABLE = "REENACTORY_WEIGHTS"  # an environment variable, so that it reaches worker processes
CACHE_VARIABLE = "REENACTORY_CACHE"
_hashed: dict[tuple[str, int, int], str] = {}  # (path, size, mtime in ns) -> sha256, for this process


FetchProgress = Callable[[str, int, int], None]  # (name, bytes so far, bytes in all or 0 where not said)


@dataclass(frozen=True)
class FetchResult:
    """What `fetch` did for one file. `source` says where it came from, `""` where nothing was fetched."""

    name: str
    path: Path
    status: Literal["cached", "fetched", "override"]
    source: str
    seconds: float


class WeightError(Exception):
    """A weight file that cannot be used. The message says which, and the ways to get it."""


class WeightMissing(WeightError):  # noqa: N818, named after what is the case
    """A weight file that is not on this machine and could not be fetched."""


class WeightUnknown(WeightError, ValueError):  # noqa: N818
    """A name that is not in the catalogue."""


class WeightCorrupt(WeightError):  # noqa: N818
    """A file whose sha256 is not the pinned one; it was removed."""


def cache_folder() -> Path:
    """Where weights are kept: REENACTORY_CACHE, else the platform's cache folder for this user."""
    chosen = os.environ.get(CACHE_VARIABLE)
    return (Path(chosen).expanduser() if chosen else platformdirs.user_cache_path("reenactory")) / "weights"


def cached_path(entry: CatalogueEntry) -> Path:
    """Where the entry's file is kept once fetched. The sha256 in it keeps two versions of a file apart."""
    return cache_folder() / entry.sha256[:16] / entry.file


def overrides(known: Mapping[str, CatalogueEntry]) -> dict[str, Path]:
    """The user's own files by weight name, from REENACTORY_WEIGHTS; ValueError where that is malformed."""
    text = os.environ.get(OVERRIDES_VARIABLE, "").strip()
    if not text:
        return {}
    expected = f'{OVERRIDES_VARIABLE} must be a JSON object such as {{"yunet": "/path/file.onnx"}}'
    try:
        given = json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"{expected}, got {text[:80]!r}") from error
    if not isinstance(given, dict) or not all(isinstance(path, str) for path in given.values()):
        raise ValueError(f"{expected}, got {text[:80]!r}")
    if unknown := sorted(set(given) - set(known)):
        raise ValueError(f"{OVERRIDES_VARIABLE} names {', '.join(unknown)}; known are {', '.join(known)}")
    paths = {name: Path(path).expanduser() for name, path in given.items()}
    if relative := [str(path) for path in paths.values() if not path.is_absolute()]:
        # A worker process may stand in another folder, where the same words would name another file.
        raise ValueError(f"{OVERRIDES_VARIABLE} must hold absolute paths, got {', '.join(relative)}")
    return paths


def overrides_text(paths: Mapping[str, Path]) -> str:
    """The value of REENACTORY_WEIGHTS for these files: relative paths are taken from the current folder."""
    return json.dumps({name: str(path.expanduser().absolute()) for name, path in sorted(paths.items())})


def file_sha256(path: Path) -> str:
    """sha256 of a file, hashed once per process as long as its size and time stay (87 MB take 0.1 to 0.3 s)."""
    stat = path.stat()
    key = (str(path), stat.st_size, stat.st_mtime_ns)
    if key not in _hashed:
        with path.open("rb") as opened:
            _hashed[key] = hashlib.file_digest(opened, "sha256").hexdigest()
    return _hashed[key]


def is_pinned(entry: CatalogueEntry, path: Path) -> bool:
    """Whether a cached file has the pinned sha256.

    A file beside it remembers size and time of the last good look, so that 200 MB are not hashed by every process.
    """
    stat = path.stat()
    seen = f"{entry.sha256} {stat.st_size} {stat.st_mtime_ns}"
    note = _note(path)
    with suppress(OSError, UnicodeDecodeError):
        if note.read_text(encoding="ascii") == seen:
            return True
    if stat.st_size != entry.bytes or file_sha256(path) != entry.sha256:
        return False
    with suppress(OSError):  # a shared cache may be read-only; then every process looks for itself
        note.write_text(seen, encoding="ascii")
    return True


def remove(path: Path) -> None:
    """Remove a cached file and what is remembered of it."""
    _note(path).unlink(missing_ok=True)
    path.unlink(missing_ok=True)


def forget(path: Path) -> None:
    """Have the next look at a file hash it again."""
    with suppress(OSError):
        _note(path).unlink(missing_ok=True)
    for key in [key for key in _hashed if key[0] == str(path)]:
        del _hashed[key]


def ways_to_get(missing: Sequence[CatalogueEntry], tried: Mapping[str, Sequence[str]] | None = None) -> str:
    """What is missing, what was tried, and every way to get it; several lines."""
    lines = ["these files are missing:"]
    for entry in missing:
        size = f"{entry.bytes / 1e6:.1f} MB, " if entry.bytes else ""
        lines.append(f"  {entry.name}: {entry.file}, {size}{entry.what} [{entry.licence}]")
        lines += [f"      tried: {reason}" for reason in (tried or {}).get(entry.name, [])]
        lines += [f"      {_published(source)}" for source in entry.sources]
    example = missing[0]
    lines.append("ways to get them:")
    if fetchable := [entry.name for entry in missing if not entry.user_supplied]:
        lines += [
            f"  with a network: reenactory models fetch {' '.join(fetchable)}",
            f"  from a machine that has them: copy its cache to {cache_folder()} (another place: {CACHE_VARIABLE})",
        ]
    if own := [entry.name for entry in missing if entry.user_supplied]:
        lines.append(f"  not fetched, bring your own (see what each is, above): {', '.join(own)}")
    lines += [
        f"  by hand: --weights {example.name}=/path/{example.file}",
        f"""  or in the environment: {OVERRIDES_VARIABLE}='{{"{example.name}": "/path/{example.file}"}}'""",
    ]
    return "\n".join(lines)


def _published(source: Source) -> str:
    kinds = {UrlSource: "address: ", PackageSource: "package: ", BuiltSource: "", BundledSource: ""}
    return f"{kinds[type(source)]}{source}"


def _note(path: Path) -> Path:
    return path.with_name(path.name + ".verified")
