"""The record of an artefact: what its key was made of and what came out. It is the provenance and the cache entry."""

from collections.abc import Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from platform import python_version
from typing import Literal

from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError

from reenactory.infra.keys import digest, file_sha256
from reenactory.infra.store import Store

RECORD_NAME = "_DONE.json"

# Beside Python, the libraries whose code can change an artefact's bytes.
WATCHED_LIBRARIES = (
    "reenactory",
    "numpy",
    "torch",
    "onnxruntime",
    "mediapipe",
    "opencv-contrib-python",
    "imageio-ffmpeg",
    "av",
    "decord",
    "pyarrow",
)


class FileStamp(BaseModel):
    """Size and digest of one file of an artefact."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    bytes: int
    sha256: str


class Record(BaseModel):
    """`_DONE.json`: written last, so that an artefact with a record is whole and one without does not exist."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    key: str
    stage: str
    version: int
    params: dict[str, JsonValue]
    upstream: tuple[str, ...]
    weights: dict[str, str]
    outcome: Literal["done", "rejected"]
    reason: str | None = None
    detail: str | None = None
    facts: dict[str, JsonValue] = {}  # what the stage found out that tables show: small, plain values
    frames: int = 0
    seconds: float = 0.0
    files: dict[str, FileStamp] = {}
    versions: dict[str, str] = {}
    seal: str = ""  # digest of all the rest but the seconds; empty in records of older versions

    @property
    def proper_seal(self) -> str:
        """What the seal is, unless something was changed since."""
        return digest(self.model_dump_json(exclude={"seal", "seconds"}))


def artefact_path(stage: str, key: str, name: str) -> str:
    """Where a file of an artefact lies in the store: its key alone decides it."""
    return f"artefacts/{stage}/{key[:2]}/{key}/{name}"


def parse_record(payload: bytes) -> Record | None:
    """The record in these bytes; None where they are damaged."""
    try:
        record = Record.model_validate_json(payload)
    except ValidationError:
        return None
    return record if record.seal in ("", record.proper_seal) else None


def read_record(store: Store, stage: str, key: str) -> Record | None:
    """None where there is none, or a damaged one, or that of another key: the artefact is then made again."""
    path = artefact_path(stage, key, RECORD_NAME)
    record = parse_record(store.get(path)) if store.exists(path) else None
    return record if record is not None and (record.stage, record.key) == (stage, key) else None


def write_artefact(store: Store, record: Record, files: Mapping[str, Path]) -> Record:
    """Put the files, then the record that vouches for them; safe to run twice. Returns the record as written."""
    stamps = {name: FileStamp(bytes=path.stat().st_size, sha256=file_sha256(path)) for name, path in files.items()}
    for name in sorted(files):
        store.put_file(artefact_path(record.stage, record.key, name), files[name])
    stamped = record.model_copy(update={"files": stamps, "versions": library_versions()})
    sealed = stamped.model_copy(update={"seal": stamped.proper_seal})
    payload = sealed.model_dump_json(indent=1).encode()
    store.put(artefact_path(record.stage, record.key, RECORD_NAME), payload)
    return sealed


@cache
def library_versions() -> dict[str, str]:
    found = {"python": python_version()}
    for name in WATCHED_LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
