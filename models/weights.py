"""Where weights and demo clips come from: the public door to the catalogue, the cache and the user's own files."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from reenactory.models.catalogue import CatalogueEntry, PackageSource, UrlSource, catalogue
from reenactory.models.weight_files import (
    OVERRIDES_VARIABLE,
    FetchProgress,
    FetchResult,
    WeightCorrupt,
    WeightError,
    WeightMissing,
    WeightUnknown,
    cached_path,
    file_sha256,
    forget,
    is_pinned,
    overrides,
    overrides_text,
    remove,
    ways_to_get,
)

__all__ = [
    "CatalogueEntry",
    "FetchResult",
    "PackageSource",
    "UrlSource",
    "VerifyResult",
    "WeightCorrupt",
    "WeightError",
    "WeightMissing",
    "WeightUnknown",
    "catalogue",
    "fetch",
    "fetchable",
    "locate",
    "overridden",
    "overrides_text",
    "require",
    "sha256_of",
    "trained_on",
    "verify",
]


@dataclass(frozen=True)
class VerifyResult:
    """State of one file. `override`: the user's own file, whatever its sha256; `corrupt`: it was removed."""

    name: str
    path: Path
    status: Literal["ok", "missing", "corrupt", "override"]


def locate(name: str) -> Path:
    """The file to load: the user's own where one is named in REENACTORY_WEIGHTS, else the cached one, verified.

    Raises:
        WeightMissing: not on this machine; the message lists the ways to get it.
        WeightCorrupt: the cached file is not the pinned one; it was removed.
        ValueError: no such name in the catalogue, or a malformed REENACTORY_WEIGHTS.
    """
    entry = _entry(name)
    given = _given(name)
    if given is not None:
        return given
    if entry.user_supplied:
        raise WeightMissing(ways_to_get([entry]))
    path = cached_path(entry)
    try:
        pinned = is_pinned(entry, path)
    except FileNotFoundError:
        raise WeightMissing(ways_to_get([entry])) from None
    if not pinned:
        remove(path)
        raise WeightCorrupt(
            f"{path} did not have the pinned sha256 {entry.sha256} and was removed; {ways_to_get([entry])}"
        )
    return path


def require(names: Sequence[str]) -> None:
    """Check that every file is here before hours of work begin.

    Raises:
        WeightMissing: naming all files that are not, and the ways to get each.
        WeightCorrupt: a cached file was wrong and was removed.
    """
    missing: list[CatalogueEntry] = []
    for name in dict.fromkeys(names):
        try:
            locate(name)
        except WeightMissing:
            missing.append(_entry(name))
    if missing:
        raise WeightMissing(ways_to_get(missing))


def sha256_of(name: str) -> str:
    """sha256 of the file that `locate` gives: hashed from the user's own file, else the pinned one (no file needed).

    Raises:
        WeightMissing: a file that only the user can bring, and none is named.
    """
    entry = _entry(name)
    given = _given(name)
    if given is None and entry.user_supplied:
        raise WeightMissing(ways_to_get([entry]))
    return entry.sha256 if given is None else file_sha256(given)


def trained_on(name: str) -> tuple[str, ...]:
    """Whose coefficients the catalogue's weights were trained on; () of the user's own file, which says it itself."""
    return () if _given(name) is not None else _entry(name).extractors


def overridden() -> bool:
    """Whether the user names files of their own. They may change at any time; what is pinned does not."""
    return bool(os.environ.get(OVERRIDES_VARIABLE))


def fetchable() -> list[str]:
    """Names of all files that `fetch` can get; the others only the user can bring."""
    return [name for name, entry in catalogue().items() if not entry.user_supplied]


def fetch(names: Sequence[str] | None = None, progress: FetchProgress | None = None) -> list[FetchResult]:
    """Bring the named files (None: all that can be had) into the cache; what is there already costs nothing.

    Args:
        names: entries of the catalogue.
        progress: called with (name, bytes so far, bytes in all or 0 where the server does not say). The bytes are
            those of the archive while a package is downloaded, and (bytes, bytes) of the file at the end.

    Raises:
        WeightMissing: a file that no source gave; all others were fetched. Also when REENACTORY_OFFLINE is set.
        WeightCorrupt: likewise, and a source gave other bytes than the pinned ones.
    """
    # Imported here: the network and index clients take 0.5 s to import, which a worker that loads a file need not pay.
    from reenactory.models.fetch import fetch_entries

    entries = [_entry(name) for name in (fetchable() if names is None else names)]
    return fetch_entries(entries, overrides(catalogue()), progress)


def verify() -> list[VerifyResult]:
    """Hash every file anew, whatever is remembered of it. A corrupt cached file is removed.

    A file that only the user can bring has no line where none is named: it is not missing for anything but its use.
    """
    given = overrides(catalogue())
    entries = [entry for entry in catalogue().values() if entry.name in given or not entry.user_supplied]
    return [_verify(entry, given.get(entry.name)) for entry in entries]


def _verify(entry: CatalogueEntry, given: Path | None) -> VerifyResult:
    if given is not None:
        return VerifyResult(entry.name, given, "override" if given.is_file() else "missing")
    path = cached_path(entry)
    if not path.is_file():
        return VerifyResult(entry.name, path, "missing")
    forget(path)
    if is_pinned(entry, path):
        return VerifyResult(entry.name, path, "ok")
    remove(path)
    return VerifyResult(entry.name, path, "corrupt")


def _entry(name: str) -> CatalogueEntry:
    known = catalogue()
    if name not in known:
        raise WeightUnknown(f"no weight is named {name!r}; known are {', '.join(known)}")
    return known[name]


def _given(name: str) -> Path | None:
    """The user's own file for this name, None where there is none."""
    path = overrides(catalogue()).get(name)
    if path is not None and not path.is_file():
        raise WeightMissing(f"{name}: the file {path} that you named does not exist")
    return path
