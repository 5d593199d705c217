"""Pair lists that others published: what their CSV files name, found again among the clips of a dataset.

Forms, told apart by the header (further columns are named and not used):

* `source, driving` (FOMM, DaGAN; there with `frame`, `best_frame` or `distance`), also `source_frame, driving_video`
* `source_clip, source_frame, driving_clip, driving_frame`, the frames as numbers

A name is a clip id or file name, or the path of one frame of it (`.../CLIP.mp4/0000075.png`); folders before it and the
video's suffix do not matter. Frames count from 0.
"""

import csv
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from reenactory.infra.pictures import PICTURE_SUFFIXES
from reenactory.infra.sources import VIDEO_SUFFIXES
from reenactory.tasks.errors import WrongUseError
from reenactory.tasks.pairs import Pair, make_pair
from reenactory.tasks.protocols.people import Clip

SHOWN = 5


class Form(NamedTuple):
    """The columns of a list."""

    source: str
    driving: str
    frames: tuple[str, str] | None = None  # those of the two; None: a name says it itself, or means the whole clip

    @property
    def columns(self) -> list[str]:
        return [self.source, self.driving, *(self.frames or ())]


FORMS = (  # the most particular first
    Form("source_clip", "driving_clip", ("source_frame", "driving_frame")),
    Form("source", "driving"),
    Form("source_frame", "driving_video"),
)


class Listed(NamedTuple):
    """The pairs of a list, and what of it they do not hold."""

    pairs: list[Pair]
    missing: list[str]  # a row each: `line 7: ...`
    same_person: int  # cross pairs of two clips of one person
    unused: list[str]  # columns
    repeated: int  # rows that are an earlier row again


class _Named(NamedTuple):
    clip: str
    frame: int | None  # None: the whole clip


def read_list(path: Path, clips: Sequence[Clip], skip_missing: bool = False) -> Listed:
    """The pairs of a CSV list, in its order.

    A source without a frame is shown by its frame 0. A driver without one drives with all its frames, but for frame 0
    where that is the source itself.

    Raises:
        WrongUseError: not such a list; or a row names a clip or frame that is not there, or that several clips could
            be, and `skip_missing` is off; or no row is left.
    """
    form, unused, rows = _read(path)
    known = _by_name(clips)
    people = {clip.clip_id: clip.person for clip in clips}
    found: list[Pair] = []
    missing: list[str] = []
    for line, row in rows:
        try:
            found.append(_pair(form, row, known))
        except LookupError as error:
            missing.append(f"line {line}: {error.args[0]}")
    if missing and not (skip_missing and found):
        raise WrongUseError(_complaint(path, missing, len(found)))
    pairs = list(dict.fromkeys(found))
    same = sum(p.protocol == "cross" and people[p.source_clip] == people[p.driving_clip] for p in pairs)
    return Listed(pairs, missing, same, unused, len(found) - len(pairs))


def _read(path: Path) -> tuple[Form, list[str], list[tuple[int, dict[str, str]]]]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, restkey="(no header)", restval="", skipinitialspace=True)
            columns = [name.strip() for name in reader.fieldnames or []]
            reader.fieldnames = columns
            rows = [(reader.line_num, row) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise WrongUseError(f"{path}: not a pair list that can be read ({error})") from error
    form = next((form for form in FORMS if set(form.columns) <= set(columns)), None)
    if form is None or not rows:
        wanted = " or ".join(",".join(form.columns) for form in FORMS)
        raise WrongUseError(f"{path}: a pair list needs rows under the columns {wanted} (has: {','.join(columns)})")
    return form, [name for name in columns if name and name not in form.columns], rows


def _by_name(clips: Sequence[Clip]) -> Mapping[str, list[Clip]]:
    """Clips by id, and by the file name of the video where they were cut from."""
    known: dict[str, list[Clip]] = defaultdict(list)
    for clip in clips:
        for name in {clip.clip_id, clip.file}:
            known[name].append(clip)
    return {name: _exact(name, found) for name, found in known.items()}


def _exact(name: str, found: list[Clip]) -> list[Clip]:
    """A clip's own id goes before the video's name that others share."""
    return [clip for clip in found if clip.clip_id == name] or found


def _pair(form: Form, row: Mapping[str, str], known: Mapping[str, list[Clip]]) -> Pair:
    frames = [row[name] for name in form.frames] if form.frames else [None, None]
    source, frame = _resolve(row[form.source], frames[0], known)
    driver, driving = _resolve(row[form.driving], frames[1], known)
    protocol = "self" if source.clip_id == driver.clip_id else "cross"
    still = frame or 0
    if driving is not None:
        return make_pair(protocol, source.clip_id, still, driver.clip_id, driving, 1, 0)
    start = 1 if protocol == "self" and still == 0 else 0
    if driver.frames <= start:
        raise LookupError(f"{driver.clip_id} has one frame, and that is the source")
    return make_pair(protocol, source.clip_id, still, driver.clip_id, start, driver.frames - start, 0)


def _resolve(text: str, frame: str | None, known: Mapping[str, list[Clip]]) -> tuple[Clip, int | None]:
    """The clip that a name means, and the frame if it names one.

    Raises:
        LookupError: there is no such clip or frame, or more than one.
    """
    named = _parse(text)
    if frame is not None:
        try:
            named = named._replace(frame=int(float(frame)))
        except ValueError:
            raise LookupError(f"{frame!r} is no frame number") from None
    found = known.get(named.clip, [])
    if not found:
        raise LookupError(f"no clip {named.clip!r}")
    if len(found) > 1:
        raise LookupError(f"{named.clip!r} may be any of {len(found)} clips, e.g. {found[0].clip_id}; name one")
    if named.frame is not None and not 0 <= named.frame < found[0].frames:
        raise LookupError(f"no frame {named.frame} in {found[0].clip_id}, which has {found[0].frames}")
    return found[0], named.frame


def _parse(text: str) -> _Named:
    path = PurePosixPath(text.strip().replace("\\", "/"))
    frame = None
    if path.suffix.lower() in PICTURE_SUFFIXES and path.stem.isdecimal() and path.parent.name:
        path, frame = path.parent, int(path.stem)
    return _Named(path.stem if path.suffix.lower() in VIDEO_SUFFIXES else path.name, frame)


def _complaint(path: Path, missing: Sequence[str], left: int) -> str:
    shown = "; ".join(missing[:SHOWN])
    more = f"; and {len(missing) - SHOWN} more" if len(missing) > SHOWN else ""
    way = (
        f"--skip-missing leaves them out: {left} row(s) remain" if left else "none is left; is it the right --dataset?"
    )
    return f"{path}: {len(missing)} row(s) cannot be paired: {shown}{more}. {way}"
