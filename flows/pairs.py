"""Pairs of a dataset, drawn or read from a list, and written to a file."""

from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import pyarrow.parquet as pq

from reenactory.infra.store import open_store
from reenactory.tasks.crop_mode import require_one_mode
from reenactory.tasks.dataset import read_clips
from reenactory.tasks.errors import WrongUseError
from reenactory.tasks.extractors import check_one_extractor
from reenactory.tasks.pairs import Pair, pairs_sha256, to_table
from reenactory.tasks.protocols.drawing import PAPERS, check_protocol, draw_pairs
from reenactory.tasks.protocols.lists import SHOWN, read_list
from reenactory.tasks.protocols.people import Clip

ClipRow = Mapping[str, object]


class Written(NamedTuple):
    """What a pair file holds, for a person."""

    pairs: int
    sha256: str
    drawn_by: str
    notes: list[str]


def write_pairs(
    store_uri: str,
    dataset: str,
    protocol: str,
    count: int | None,
    seed: int,
    frames: int,
    out: Path,
    split: str | None = None,
) -> Written:
    """Draw pairs and write them to `out`.

    Args:
        count: None only for papers' protocols: all of their pairs.
        frames: at most so many driving frames per pair; 0 = all.
        split: of the dataset, for its clips alone. None: papers' protocols take the test split of a dataset that has
            one, else all clips.

    Raises:
        WrongUseError: unknown protocol or split, nothing to pair, or clips of different crop modes or extractors.
    """
    check_protocol(protocol)  # before a large table is read
    rows = _rows(store_uri, dataset)
    if split is None and protocol in PAPERS and any(row["split"] == "test" for row in rows):
        split = "test"
    chosen = [row for row in rows if split in (None, row["split"])]
    if not chosen:
        splits = sorted({str(row["split"] or "none") for row in rows})
        raise WrongUseError(f"dataset {dataset!r} has no clip of split {split!r}; it has: {', '.join(splits)}")
    drawn = draw_pairs(_clips(chosen), protocol, count, seed, frames)
    words = [protocol, f"seed {seed}"]
    words += [f"{len(drawn.pairs)} of {drawn.of} pairs"] if len(drawn.pairs) < drawn.of else []
    words += [f"at most {frames} driving frames"] if frames else []
    words += [f"split {split}"] if split else []
    written = _write(drawn.pairs, dataset, ", ".join(words), out)
    notes = [f"{len(chosen)} of the dataset's {len(rows)} clips: split {split}"] if split else []
    if count and written.pairs < count:
        notes.append(f"{count} were asked for; draws that met again count once")
    return written._replace(notes=notes)


def write_listed_pairs(store_uri: str, dataset: str, listing: Path, out: Path, skip_missing: bool = False) -> Written:
    """Read a CSV list of pairs, find its names among the dataset's clips, and write the pairs to `out`.

    Raises:
        WrongUseError: not a list; clips of different crop modes or extractors; or a row names what is not there, and
            `skip_missing` is off.
    """
    listed = read_list(listing, _clips(_rows(store_uri, dataset)), skip_missing)
    notes: list[str] = []
    if listed.missing:
        notes += [f"{len(listed.missing)} row(s) left out:", *(f"  {row}" for row in listed.missing[:SHOWN])]
        notes += [f"  and {len(listed.missing) - SHOWN} more"] if len(listed.missing) > SHOWN else []
    if listed.repeated:
        notes.append(f"{listed.repeated} row(s) repeat an earlier one and count once")
    if listed.same_person:
        notes.append(f"{listed.same_person} pair(s) of two clips of one person: scored as cross")
    if listed.unused:
        notes.append(f"column(s) {', '.join(listed.unused)} not used: renderers here are given absolute motion")
    words = f"list {listing.name}" + (f", {len(listed.missing)} row(s) left out" if listed.missing else "")
    return _write(listed.pairs, dataset, words, out)._replace(notes=notes)


def _rows(store_uri: str, dataset: str) -> list[ClipRow]:
    rows: list[ClipRow] = read_clips(open_store(store_uri, create=False), dataset).to_pylist()
    require_one_mode(rows)
    check_one_extractor({str(row["clip_id"]): row.get("extractor") for row in rows})
    return rows


def _clips(rows: Sequence[ClipRow]) -> list[Clip]:
    return [
        Clip(
            str(row["clip_id"]),
            str(row["identity"]),
            int(str(row["frame_count"])),
            int(str(row["start_frame"] or 0)),
            str(row["video_sha256"]),
            None if row.get("face") is None else int(str(row["face"])),  # not in datasets made before the column was
            PurePosixPath(str(row["video_uri"])).stem,
        )
        for row in rows
    ]


def _write(pairs: Sequence[Pair], dataset: str, drawn_by: str, out: Path) -> Written:
    table = to_table(pairs, dataset, drawn_by)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table, out)
    except OSError as error:
        raise WrongUseError(f"--out {out}: cannot be written ({error.strerror or error})") from error
    return Written(table.num_rows, pairs_sha256(pairs), drawn_by, [])
