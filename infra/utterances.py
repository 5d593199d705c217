"""VoxCeleb utterance text files: which person is where in which frames of which video."""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path

from pydantic import JsonValue

from reenactory.infra.addresses import fits_in_a_line
from reenactory.infra.metadata import MOST, UnusableMetadataError

HEADER_LINES = 6
COLUMNS = ("FRAME", "X", "Y", "W", "H")
FPS = 25.0
PIXEL_HEIGHT = 360.0  # of the picture that VoxCeleb1's pixels are counted in
VOX1_TEST = range(10270, 10310)
VOX1 = range(10001, 11252)


class Utterances(Mapping[str, tuple[dict[str, JsonValue], ...]]):
    """Annotations by video id, in the order of their utterances. A file is read whole only when it is asked for."""

    def __init__(self, path: Path) -> None:
        """`path`: one text file, or a folder of them at any depth.

        Raises:
            UnusableMetadataError: no text file there, or one that names no video.
        """
        files = sorted(path.rglob("*.txt")) if path.is_dir() else [path]
        if not files:
            raise UnusableMetadataError(f"{path}: no utterance text file (*.txt) in this folder")
        self._files: dict[str, list[Path]] = {}
        for file in files:
            self._files.setdefault(_header(file)["Reference"], []).append(file)
        self._read = lru_cache(maxsize=64)(self._utterances)

    def __getitem__(self, video: str) -> tuple[dict[str, JsonValue], ...]:
        return self._read(video)

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)

    def _utterances(self, video: str) -> tuple[dict[str, JsonValue], ...]:
        return tuple(read_utterance(file) for file in self._files[video])


def read_utterance(path: Path) -> dict[str, JsonValue]:
    """One utterance: start and end (first and last FRAME, 25 per second), and per FRAME its box.

    Boxes are left, top, right, bottom, as fractions of the picture (VoxCeleb2) or, where `relative` is false, in pixels
    of a picture 360 high (VoxCeleb1): no face is less than two pixels wide, no fraction is two.

    Raises:
        UnusableMetadataError: a header, a column or a number is missing; the message names the line.
    """
    header = _header(path)
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise _unreadable(path, error) from error
    names = tuple(name.strip() for name in lines[HEADER_LINES].split("\t")) if len(lines) > HEADER_LINES else ()
    if names[: len(COLUMNS)] != COLUMNS:
        raise UnusableMetadataError(f"{path}:{HEADER_LINES + 1}: columns {' '.join(COLUMNS)} expected, got {names}")
    table = [
        _numbers(path, number, line)
        for number, line in enumerate(lines[HEADER_LINES + 1 :], HEADER_LINES + 2)
        if line.strip()
    ]
    if not table:
        raise UnusableMetadataError(f"{path}: no frame in it")
    frames = [int(row[0]) for row in table]
    return {
        "utterance": path.stem,
        "identity": header["Identity"],
        "split": _split(header["Identity"]),
        "start": min(frames),
        "end": max(frames),
        "fps": FPS,
        "relative": max(max(row[3], row[4]) for row in table) < 2,
        "frames": list(frames),
        "boxes": [[x, y, x + w, y + h] for _, x, y, w, h in table],
    }


def _header(path: Path) -> dict[str, str]:
    """The named lines above the table; Identity is the person, Reference the video."""
    try:
        with path.open(encoding="utf-8") as file:
            lines = [file.readline() for _ in range(HEADER_LINES)]
    except (OSError, UnicodeDecodeError) as error:
        raise _unreadable(path, error) from error
    named = {key.strip(): value.strip() for key, colon, value in (line.partition(":") for line in lines) if colon}
    if not {"Identity", "Reference"} <= set(named):
        raise UnusableMetadataError(f"{path}: the first {HEADER_LINES} lines must name Identity and Reference")
    if not all(fits_in_a_line(named[name]) for name in ("Identity", "Reference")):
        raise UnusableMetadataError(f"{path}: control characters in Identity or Reference")
    return named


def _unreadable(path: Path, error: Exception) -> UnusableMetadataError:
    return UnusableMetadataError(f"{path}: not an utterance text file that can be read ({error})")


def _numbers(path: Path, number: int, line: str) -> list[float]:
    try:
        values = [float(text) for text in line.split("\t")[: len(COLUMNS)]]
    except ValueError as error:
        raise UnusableMetadataError(f"{path}:{number}: {error}") from error
    if not all(abs(value) <= MOST for value in values):  # nor NaN
        raise UnusableMetadataError(f"{path}:{number}: a number is none, or beyond {MOST:g}: {line[:80]!r}")
    if len(values) != len(COLUMNS):
        raise UnusableMetadataError(f"{path}:{number}: {len(COLUMNS)} numbers expected, got {len(values)}")
    return values


def _split(identity: str) -> str | None:
    """VoxCeleb1's test persons; None for VoxCeleb2, whose list is a file of its own."""
    number = int(identity[2:]) if identity[2:].isdecimal() else -1
    if number not in VOX1:
        return None
    return "test" if number in VOX1_TEST else "train"
