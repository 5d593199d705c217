"""Renders that somebody brings: every video below a folder, and every folder of pictures."""

import hashlib
from collections.abc import Sequence
from os import walk
from pathlib import Path
from typing import NamedTuple

from reenactory.infra.addresses import user_path, without_credentials
from reenactory.infra.pictures import PICTURE_SUFFIXES, picture_files
from reenactory.infra.sources import VIDEO_SUFFIXES, Source, UnusableInputError, find_videos


class RenderFiles(NamedTuple):
    """What a folder holds."""

    renders: list[Source]  # of a folder of pictures: the folder, with the name of the folder
    others: list[str]  # names of files that are neither


def find_renders(folder: str) -> RenderFiles:
    """Videos and folders of pictures below a folder, sorted; of an s3:// prefix only videos.

    Raises:
        UnusableInputError: no such folder, or nothing of the kind in it.
    """
    if folder.startswith("s3://"):
        found, passed_over = find_videos([folder])
        return RenderFiles(found, [f"{passed_over} object(s) that are no videos"] if passed_over else [])
    root = user_path(folder)
    if not root.is_dir():
        raise UnusableInputError(f"{without_credentials(folder)}: no such folder; give the one that holds the renders")
    renders: list[Source] = []
    others: list[str] = []
    for place, _, names in sorted(walk(root)):
        files = [Path(place, name) for name in sorted(names)]
        renders += [_source(file, [file]) for file in files if file.suffix.lower() in VIDEO_SUFFIXES]
        if any(file.suffix.lower() in PICTURE_SUFFIXES for file in files):
            renders.append(_source(Path(place), picture_files(Path(place))))
        known = VIDEO_SUFFIXES | PICTURE_SUFFIXES
        others += [str(file.relative_to(root)) for file in files if file.suffix.lower() not in known]
    if not renders:
        raise UnusableInputError(f"{folder}: neither videos nor folders of PNG or JPEG frames in it")
    return RenderFiles(renders, others)


def _source(path: Path, files: Sequence[Path]) -> Source:
    # The name is the one given: a link's target may be called after its content.
    name = path.absolute().stem if path.is_file() else path.absolute().name
    marks = [(file.name, (stat := file.stat()).st_size, stat.st_mtime_ns) for file in files]
    size = sum(mark[1] for mark in marks)
    when = str(marks[0][2]) if path.is_file() else hashlib.sha256(repr(marks).encode()).hexdigest()[:32]
    return Source(str(path.resolve()), name, name, f"{size}:{when}")
