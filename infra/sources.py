"""What the user points at: files, folders, globs, s3:// prefixes and manifests, as a sorted list of videos."""

import glob
import hashlib
import math
import os
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from operator import attrgetter
from pathlib import Path, PurePosixPath
from stat import S_ISREG

import numpy as np
import pandas as pd

from reenactory.infra.addresses import fits_in_a_line, user_path, without_credentials
from reenactory.infra.digests import KnownDigests
from reenactory.infra.keys import file_sha256
from reenactory.infra.pictures import pictures_sha256
from reenactory.infra.store import Store
from reenactory.infra.tables import UNREADABLE, complaint

VIDEO_SUFFIXES = frozenset(
    {".mp4", ".mov", ".mkv", ".avi", ".webm", ".m4v", ".mpg", ".mpeg", ".ts", ".mts", ".wmv", ".flv", ".3gp"}
)
MANIFEST_SUFFIXES = frozenset({".csv", ".parquet"})
VOXCELEB_PERSON = re.compile(r"^id\d{5}$")
MOST_IDENTITY_CHARS = 150


class UnusableInputError(ValueError):
    """An INPUT that names nothing usable; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Source:
    """A video as the user has it."""

    uri: str  # absolute path, or s3://bucket/key
    video_id: str
    identity: str
    stamp: str  # size and time (or ETag): while it stays, so does the digest
    sha256: str = ""

    @property
    def size_bytes(self) -> int:
        return int(self.stamp.partition(":")[0])


def find_videos(inputs: Sequence[str]) -> tuple[list[Source], int]:
    """The videos of all inputs, sorted by address, each once, and how many other files were passed over.

    The identity is the manifest's column, the first field of a `person#video#...` name, the nearest folder named like
    a VoxCeleb person (id10280), or else the file's stem.

    Raises:
        UnusableInputError: an input does not exist or holds no video.
    """
    found: list[Source] = []
    skipped = 0
    for text in inputs:
        sources, passed_over = _expand(text)
        if not sources:
            known = " ".join(sorted(VIDEO_SUFFIXES))
            raise UnusableInputError(f"{without_credentials(text)}: no video in it; known suffixes: {known}")
        skipped += passed_over
        found += sources
    found.sort(key=attrgetter("uri"))  # keeps the order of equal ones: what is named last of a video counts
    # In lists: as a dictionary by address, a million videos took 100 MB more.
    once = [list(same)[-1] for _, same in groupby(found, attrgetter("uri"))]
    return _distinct_ids(once), skipped


def _expand(text: str) -> tuple[list[Source], int]:
    if text.startswith("s3://"):
        return _from_s3(text)
    if not text.strip():  # an unset shell variable; as a path it would be the current folder with all that is below it
        raise UnusableInputError("an INPUT is empty; give a video, a folder ('.' for this one), a glob or a manifest")
    path = user_path(text)
    if path.is_file():
        return (_from_manifest(path), 0) if path.suffix.lower() in MANIFEST_SUFFIXES else ([_local(path)], 0)
    if path.is_dir():
        return _from_folder(path)
    matches = sorted(Path(match) for match in glob.glob(str(path), recursive=True) if Path(match).is_file())  # noqa: PTH207 - absolute patterns
    if not matches:
        raise UnusableInputError(
            f"{without_credentials(text)}: no such file, folder or match; give a video, a folder, a glob or a manifest"
        )
    return [_local(match) for match in matches], 0


def _from_folder(folder: Path) -> tuple[list[Source], int]:
    """By directory entries, not paths: a million files take half a minute and not several."""
    videos: list[Source] = []
    others = 0
    for here, _, names in os.walk(folder):
        place, real = Path(here).absolute(), Path(here).resolve()
        person = _person_of(place)
        for name in names:
            stem, suffix = os.path.splitext(name)  # noqa: PTH122 - a path of its own for each name is what took long
            if suffix.lower() not in VIDEO_SUFFIXES:
                others += 1
                continue
            stat = os.lstat(f"{real}/{name}")
            if S_ISREG(stat.st_mode):
                videos.append(Source(_checked_name(f"{real}/{name}"), stem, _identity(stem, person), _stamp(stat)))
            elif (place / name).is_file():  # a link; else a broken one, or a socket
                videos.append(_local(place / name))
    return videos, others


def _local(path: Path, identity: str | None = None) -> Source:
    absolute = path.resolve()
    _checked_name(str(path))
    _checked_name(str(absolute))
    stat = absolute.stat()
    # The names are those of the path as given: a link's target may be called after its content.
    return Source(str(absolute), path.stem, identity or identity_of(path.absolute()), _stamp(stat))


def _stamp(stat: os.stat_result) -> str:
    return f"{stat.st_size}:{stat.st_mtime_ns}"


def identity_of(path: PurePosixPath | Path) -> str:
    return _identity(path.stem, _person_of(path.parent))


def _identity(stem: str, person: str | None) -> str:
    return stem.split("#")[0] if "#" in stem else person or stem


def _person_of(folder: PurePosixPath | Path) -> str | None:
    return next((part for part in reversed(folder.parts) if VOXCELEB_PERSON.match(part)), None)


def _from_manifest(path: Path) -> list[Source]:
    """A CSV or Parquet table with a column `video` (relative paths: to the table) and optionally `identity`."""
    try:
        table = pd.read_parquet(path) if path.suffix.lower() == ".parquet" else pd.read_csv(path, dtype=str)
    except UNREADABLE as error:
        raise UnusableInputError(f"{path}: not a manifest that can be read ({complaint(error)})") from error
    if "video" not in table.columns:
        columns = ", ".join(map(str, table.columns))
        raise UnusableInputError(f"{path}: a manifest needs a column 'video' (has: {columns}); 'identity' is optional")
    videos = table["video"].tolist()
    identities = table["identity"].tolist() if "identity" in table.columns else [None] * len(table)
    return [
        _local(_listed(path, video), _person_named(path, identity))
        for video, identity in zip(videos, identities, strict=True)
    ]


def _listed(manifest: Path, video: object) -> Path:
    """The file that a row names."""
    file = manifest.parent / str(video)  # an absolute path stays what it is
    try:
        found = isinstance(video, str) and file.is_file()
    except OSError:  # a name that is too long
        found = False
    if not found:
        raise UnusableInputError(f"{manifest}: names {without_credentials(str(video))[:200]}, which does not exist")
    return file


def _person_named(manifest: Path, value: object) -> str | None:
    """The person that a row names; None where it names none. It becomes part of clip ids and of lines of text."""
    if value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value)):
        return None
    name = str(value)
    if not fits_in_a_line(name) or not name.strip() or len(name) > MOST_IDENTITY_CHARS:
        raise UnusableInputError(
            f"{manifest}: identity {name[:50]!r} is empty, has control characters or is longer than "
            f"{MOST_IDENTITY_CHARS} characters"
        )
    return name


def _checked_name(place: str) -> str:
    """An address that tables can hold."""
    if not fits_in_a_line(place):
        raise UnusableInputError(f"{place!r}: the name has control characters or is not UTF-8; rename the file")
    return place


def _from_s3(uri: str) -> tuple[list[Source], int]:
    from botocore.exceptions import BotoCoreError, ClientError

    from reenactory.infra.store_s3 import remedy, s3_client

    if without_credentials(uri) != uri:
        raise UnusableInputError(f"{without_credentials(uri)}: an S3 input is written s3://bucket/prefix, no more")
    bucket, _, prefix = uri.removeprefix("s3://").partition("/")
    try:
        pages = s3_client(os.getpid()).get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        objects = [entry for page in pages for entry in page.get("Contents", [])]
    except (BotoCoreError, ClientError) as error:
        # Not chained: the text of a server's answer is not ours to print.
        raise UnusableInputError(f"cannot list {uri}: {remedy(error, bucket)}") from None
    videos = [entry for entry in objects if PurePosixPath(entry["Key"]).suffix.lower() in VIDEO_SUFFIXES]
    sources = [_s3_source(bucket, entry["Key"], f"{entry['Size']}:{entry['ETag']}") for entry in videos]
    return sources, len(objects) - len(videos)


def _s3_source(bucket: str, key: str, stamp: str) -> Source:
    name = PurePosixPath(key)
    return Source(f"s3://{bucket}/{key}", name.stem, identity_of(name), stamp)


def _distinct_ids(sources: list[Source]) -> list[Source]:
    """Two files of one name, or of names that look the same, would give clips of one name: such ids get a mark made
    from the address.
    """
    # A number for each first: a count of a million looks themselves takes 170 MB. Only of those whose number comes
    # twice, by their likeness or by chance, are the looks counted.
    numbers = np.fromiter((hash(_looks(source)) for source in sources), np.int64, len(sources))
    numbers.sort()
    repeated = frozenset(numbers[1:][numbers[1:] == numbers[:-1]].tolist())
    times = Counter(look for source in sources if hash(look := _looks(source)) in repeated)
    return [
        source
        if times[_looks(source)] <= 1
        else replace(source, video_id=f"{source.video_id}-{hashlib.sha256(source.uri.encode()).hexdigest()[:8]}")
        for source in sources
    ]


def _looks(source: Source) -> str:
    """How the beginning of its clip ids looks: composed or not, and without characters that do not show."""
    name = f"{source.identity}#{source.video_id}"
    if name.isascii():
        return name
    name = unicodedata.normalize("NFKC", name)
    return "".join(char for char in name if unicodedata.category(char) != "Cf")


def with_digests(store: Store, sources: Sequence[Source]) -> Iterator[Source]:
    """Each source with the sha256 of its bytes; a file whose size and time are known is not read again."""
    known = KnownDigests(store)
    try:
        for source in sources:
            sha256 = known.find(source.uri, source.stamp)
            if sha256 is None:
                sha256 = _digest(source)
                known.add(source.uri, source.stamp, sha256)
            yield replace(source, sha256=sha256)
    finally:  # a run that is broken off keeps what it has read
        known.save()


def _digest(source: Source) -> str:
    if not source.uri.startswith("s3://"):
        path = Path(source.uri)
        try:
            return pictures_sha256(path) if path.is_dir() else file_sha256(path)
        except OSError as error:
            raise UnusableInputError(f"{source.uri} cannot be read: {error.strerror}; leave it out") from None
    from reenactory.infra.store_s3 import plain_words, s3_client

    bucket, _, key = source.uri.removeprefix("s3://").partition("/")
    digest = hashlib.sha256()
    with plain_words(source.uri, bucket):
        body = s3_client(os.getpid()).get_object(Bucket=bucket, Key=key)["Body"]
        for chunk in body.iter_chunks(2**20):
            digest.update(chunk)
    return digest.hexdigest()


def local_copy(uri: str, folder: Path) -> Path:
    """The source as a local file: itself, or a download into `folder`."""
    if not uri.startswith("s3://"):
        return Path(uri)
    from reenactory.infra.store_s3 import plain_words, s3_client

    bucket, _, key = uri.removeprefix("s3://").partition("/")
    target = folder / f"video{PurePosixPath(key).suffix}"  # a key's name may be longer than a file system takes
    with plain_words(uri, bucket):
        s3_client(os.getpid()).download_file(bucket, key, str(target))
    return target
