"""pairs: which source frame is driven by which clip. A file, so that anybody can re-run a table."""

import random
import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from reenactory.infra.keys import digest
from reenactory.tasks.errors import WrongUseError
from reenactory.tasks.identities import person_of

Protocol = Literal["self", "cross"]

SCHEMA = pa.schema(
    [
        ("pair_id", pa.string()),
        ("protocol", pa.string()),
        ("source_clip", pa.string()),
        ("source_frame", pa.int64()),
        ("driving_clip", pa.string()),
        ("driving_start", pa.int64()),
        ("driving_count", pa.int64()),
        ("seed", pa.int64()),
    ]
)
PAIR_ID = re.compile(r"[^\s./\\\x00-\x1f\x7f][^/\\\x00-\x1f\x7f]{0,149}")
DATASET = b"dataset"  # in the file's metadata: which clips table the names belong to


class Pair(NamedTuple):
    """A row of a pair file. Frames are counted from the start of their clip."""

    pair_id: str
    protocol: str
    source_clip: str
    source_frame: int
    driving_clip: str
    driving_start: int
    driving_count: int
    seed: int


class Clip(NamedTuple):
    """What pairing needs to know of a clip."""

    clip_id: str
    identity: str
    frames: int
    start: int = 0  # in its video
    video: str = ""  # sha256
    face: int | None = None  # where all faces of a video were followed: the number at the end of the identity

    @property
    def person(self) -> str:
        """Whom the clip's name tells apart: numbered faces of one name may be one person who left and came back."""
        return person_of(self.identity, self.face)


def draw_pairs(clips: Sequence[Clip], protocol: Protocol, count: int, seed: int, frames: int = 0) -> list[Pair]:
    """Draw pairs; the same clips, numbers and seed give the same pairs, in any order of the clips.

    self: frame 0 of a clip is the source and its other frames drive (3DFlowRenderer's protocol); clips are taken in a
    shuffled order, each once before any twice (then with a random source frame).
    cross: a random frame of a random clip, driven by a random clip of another person. Two numbered faces of one video
    are two people only where they are seen at once.

    Args:
        frames: at most so many driving frames per pair; 0 = all.

    Raises:
        WrongUseError: no clip, or only one person for cross.
    """
    pool = sorted(clip for clip in clips if clip.frames > 1)
    if not pool:
        raise WrongUseError("no clip to pair: the dataset has none that is done and longer than a frame")
    chance = random.Random(f"{protocol}/{seed}")  # not numpy's: this generator's stream is fixed by Python's promise
    draw = _self_pairs if protocol == "self" else _cross_pairs
    return draw(pool, count, seed, frames, chance)


def _self_pairs(pool: Sequence[Clip], count: int, seed: int, frames: int, chance: random.Random) -> list[Pair]:
    pairs: list[Pair] = []
    while len(pairs) < count:
        first_round = not pairs
        for clip in chance.sample(pool, len(pool))[: count - len(pairs)]:
            # From the first half: one near the end would leave nothing to drive it.
            source = 0 if first_round else chance.randrange(clip.frames // 2)
            length = clip.frames - source - 1
            pairs.append(_pair("self", clip, source, clip, source + 1, _limit(length, frames), seed))
    return pairs


def _cross_pairs(pool: Sequence[Clip], count: int, seed: int, frames: int, chance: random.Random) -> list[Pair]:
    together = seen_together(pool)
    sources = pool if len({clip.person for clip in pool}) > 1 else [clip for clip in pool if _face(clip) in together]
    if not sources:
        numbered = any(clip.face is not None for clip in pool)
        doubt = ": its faces are never seen at once, and may be one person" if numbered else ""
        raise WrongUseError(f"cross pairs need two identities; all {len(pool)} clips are of {pool[0].person!r}{doubt}")
    pairs: list[Pair] = []
    for _ in range(count):
        source = chance.choice(sources)
        others = together.get(_face(source), set())
        driver = chance.choice([clip for clip in pool if clip.person != source.person or _face(clip) in others])
        frame = chance.randrange(source.frames)
        pairs.append(_pair("cross", source, frame, driver, 0, _limit(driver.frames, frames), seed))
    return pairs


def _face(clip: Clip) -> tuple[str, str]:
    """A face is known again within its video only."""
    return clip.video, clip.identity


def seen_together(clips: Sequence[Clip]) -> dict[tuple[str, str], set[tuple[str, str]]]:
    """By numbered face, as (video, identity), those that share a frame with it: they are surely other people."""
    by_video: dict[str, list[Clip]] = defaultdict(list)
    for clip in sorted(clips, key=lambda clip: clip.start):
        if clip.face is not None:
            by_video[clip.video].append(clip)
    together: dict[tuple[str, str], set[tuple[str, str]]] = defaultdict(set)
    for found in by_video.values():
        running: list[Clip] = []
        for clip in found:
            running = [other for other in running if other.start + other.frames > clip.start]
            for other in running:
                if other.identity != clip.identity:
                    together[_face(clip)].add(_face(other))
                    together[_face(other)].add(_face(clip))
            running.append(clip)
    return dict(together)


def _limit(length: int, frames: int) -> int:
    return min(length, frames) if frames else length


def _pair(protocol: str, source: Clip, frame: int, driver: Clip, start: int, count: int, seed: int) -> Pair:
    """The id derives from what the pair is, so the same pair has the same id in every file."""
    name = digest(f"{protocol}/{source.clip_id}/{frame}/{driver.clip_id}/{start}/{count}")[:12]
    return Pair(f"{protocol}-{name}", protocol, source.clip_id, frame, driver.clip_id, start, count, seed)


def to_table(pairs: Sequence[Pair], dataset: str) -> pa.Table:
    unique = {pair.pair_id: pair for pair in pairs}  # two draws may hit the same pair
    table = pa.Table.from_pylist([pair._asdict() for pair in unique.values()], schema=SCHEMA)
    return table.replace_schema_metadata({DATASET: dataset.encode()})


def read_pairs(path: Path) -> tuple[list[Pair], str | None]:
    """Pairs of a file, and the dataset that it names.

    Raises:
        WrongUseError: not a Parquet or CSV file of pairs.
    """
    if not path.is_file():
        raise WrongUseError(f"{path}: no such pair file; make one with `reenactory pairs`")
    try:
        table = _read_csv(path) if path.suffix.lower() == ".csv" else pq.read_table(path)
    except pa.ArrowInvalid as error:
        raise WrongUseError(f"{path}: not a pair file ({str(error).splitlines()[0]})") from error
    missing = [name for name in SCHEMA.names if name not in table.column_names]
    if missing:
        raise WrongUseError(f"{path}: not a pair file, column(s) {', '.join(missing)} missing")
    dataset = (table.schema.metadata or {}).get(DATASET)
    try:
        rows = table.select(SCHEMA.names).cast(SCHEMA).to_pylist()
    except pa.ArrowInvalid as error:
        raise WrongUseError(f"{path}: a column has values of another kind ({error})") from error
    unknown = {row["protocol"] for row in rows} - {"self", "cross"}
    if unknown:
        raise WrongUseError(f"{path}: protocols are self and cross, not {', '.join(sorted(map(str, unknown)))}")
    unsafe = sorted(repr(row["pair_id"]) for row in rows if not PAIR_ID.fullmatch(str(row["pair_id"])))
    if unsafe:
        raise WrongUseError(
            f"{path}: pair ids become file names; no slash, control character or leading dot, at most "
            f"150 characters; not so: {unsafe[0][:200]}"
        )
    return [Pair(**row) for row in rows], dataset.decode() if dataset else None


def _read_csv(path: Path) -> pa.Table:
    from pyarrow import csv

    return csv.read_csv(path)
