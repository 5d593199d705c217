"""A dataset's clips as a pack: decoded once, at the side that is trained at, with the people who are held out named."""

from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from reenactory.infra.keys import canonical_json, digest
from reenactory.infra.records import artefact_path
from reenactory.infra.store import Store
from reenactory.infra.tables import get_table
from reenactory.infra.video import ReadSpec, read_frames
from reenactory.models.flow3d.pack import FORMAT, PackWriter
from reenactory.tasks.errors import WrongUseError
from reenactory.tasks.extractors import check_one_extractor
from reenactory.tasks.matte_quality import LOST_FACE
from reenactory.tasks.motion import descriptors
from reenactory.tasks.rendering import ClipRow

HELD_OUT_SHARE = 8  # one person in so many, where nothing else says who
DEFAULT_QUALITY = 95

Report = Callable[[int], None]  # frames written


class _Decoded(NamedTuple):
    row: ClipRow
    frames: NDArray[np.uint8]
    alphas: NDArray[np.uint8]
    descriptors: NDArray[np.float32]
    landmarks: NDArray[np.float32]


def usable(rows: Sequence[ClipRow]) -> list[ClipRow]:
    """Clips to train on: a matte that loses the face would teach to paint no face.

    Raises:
        WrongUseError: their coefficients are of more than one extractor.
    """
    chosen = [row for row in rows if row.get("matte_flag") != LOST_FACE]
    check_one_extractor({str(row["clip_id"]): row.get("extractor") for row in chosen})
    return chosen


def held_out_people(rows: Sequence[ClipRow], named: Sequence[str] = ()) -> set[str]:
    """Identities that are not trained on: those that are named, else those of the split `test`, else one in eight.

    The eighth is chosen by a digest of the name, so that it stays the same as a dataset grows.

    Raises:
        WrongUseError: a name that is not in the dataset, or nobody is left to train on.
    """
    people = {str(row["identity"]) for row in rows}
    if unknown := sorted(set(named) - people):
        raise WrongUseError(f"held out, but not in the dataset: {', '.join(unknown)}")
    chosen = set(named) or {str(row["identity"]) for row in rows if row.get("split") == "test"}
    if not chosen and len(people) > 1:
        ranked = sorted(people, key=digest)
        chosen = set(ranked[: max(1, len(people) // HELD_OUT_SHARE)])
    if not people - chosen:
        raise WrongUseError(
            f"all of the {len(people)} people with usable clips are held out; nobody is left to train on"
        )
    return chosen


def pack_key(rows: Sequence[ClipRow], held_out: Set[str], image_px: int, jpeg_quality: int | None) -> str:
    """Digest of everything that decides a pack's bytes."""
    return digest(
        canonical_json(
            {
                "format": FORMAT,
                "clips": [[str(row["clip_id"]), str(row["identity"]), *_keys(row)] for row in rows],
                "held_out": list[JsonValue](sorted(held_out)),
                "image_px": image_px,
                "jpeg_quality": jpeg_quality,
                "landmarks": True,
            }
        )
    )


def write_pack(
    store: Store,
    rows: Sequence[ClipRow],
    held_out: Set[str],
    folder: Path,
    image_px: int,
    jpeg_quality: int | None = DEFAULT_QUALITY,
    report: Report = lambda frames: None,
) -> None:
    """Write the clips, in the order of their ids. The next one is decoded while one is written."""
    writer = PackWriter(folder, image_px, jpeg_quality)
    ordered = sorted(rows, key=lambda row: str(row["clip_id"]))
    with TemporaryDirectory() as cache:
        for clip in _decoded(store, ordered, Path(cache)):
            person = str(clip.row["identity"])
            name = str(clip.row["clip_id"])
            writer.add(name, person, person in held_out, *clip[1:])
            report(len(clip.frames))
    facts = {"key": pack_key(ordered, held_out, image_px, jpeg_quality), "made_of": _made_of(ordered)}
    writer.close({**facts, "extractor": ordered[0].get("extractor")})


def _decoded(store: Store, rows: Sequence[ClipRow], cache: Path) -> Iterator[_Decoded]:
    with ThreadPoolExecutor(1) as pool:
        upcoming = [pool.submit(_decode, store, row, cache) for row in rows[:1]]
        for following in [*rows[1:], None]:
            decoded = upcoming.pop().result()
            if following is not None:
                upcoming.append(pool.submit(_decode, store, following, cache))
            yield decoded


def _decode(store: Store, row: ClipRow, cache: Path) -> _Decoded:
    def local(stage: str, name: str) -> Path:
        return store.local_path(artefact_path(stage, str(row[f"{stage}_key"]), name), cache)

    frames = read_frames(local("crop", "clip.mp4"))
    alphas = read_frames(local("matte", "alpha.mkv"), ReadSpec(pixel_format="gray"))
    table = get_table(store, artefact_path("face3d", str(row["face3d_key"]), "coefficients.parquet"))
    points = np.array([[np.nan] * 136 if row is None else row for row in table["landmarks"].to_pylist()], np.float32)
    landmarks = (points.reshape(-1, 68, 2) + 0.5) / frames.shape[1]
    return _Decoded(row, frames, alphas, descriptors(table), landmarks)


def _keys(row: ClipRow) -> list[str]:
    return [str(row[f"{stage}_key"]) for stage in ("crop", "matte", "face3d")]


def _made_of(rows: Sequence[ClipRow]) -> Mapping[str, list[str]]:
    return {str(row["clip_id"]): _keys(row) for row in rows}
