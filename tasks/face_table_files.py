"""Writes a dataset's motion descriptors out as one array: what FaceTable maps into memory."""

import json
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.lib.format import open_memmap

from reenactory.infra.store import TEMP_PREFIX, Store
from reenactory.models.face_model.motion import PARTS, WIDTH, detected, fill_gaps
from reenactory.tasks.errors import WrongUseError
from reenactory.tasks.extractors import check_one_extractor
from reenactory.tasks.motion import descriptors

ABOUT = "about.json"  # written last
STALE_S = 24 * 3600
_COLUMNS = ["clip_id", "frame", "extractor", *PARTS]


def write_face_table(store: Store, parts: Sequence[str], folder: Path, max_gap_frames: int) -> None:
    """Make `folder`, whole or not at all. Two processes that do so at once put the same bytes there.

    Raises:
        WrongUseError: a clip is in two parts or not whole, or the clips are of several extractors.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    _sweep(folder.parent)
    work = Path(tempfile.mkdtemp(prefix=TEMP_PREFIX, dir=folder.parent))
    try:
        files = [store.local_path(path, work / "parts") for path in parts]
        about = _write_arrays(files, work, max_gap_frames)
        shutil.rmtree(work / "parts", ignore_errors=True)
        (work / ABOUT).write_text(json.dumps(about), encoding="utf-8")
        try:
            work.rename(folder)
        except OSError:
            if not (folder / ABOUT).is_file():  # else another process was quicker
                raise
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _sweep(parent: Path) -> None:
    """Remove what processes that were killed have left."""
    for left in parent.glob(f"{TEMP_PREFIX}*"):
        with suppress(FileNotFoundError):
            if time.time() - left.stat().st_mtime > STALE_S:
                shutil.rmtree(left, ignore_errors=True)


def _write_arrays(files: Sequence[Path], work: Path, max_gap_frames: int) -> dict[str, object]:
    rows = sum(pq.read_metadata(file).num_rows for file in files)
    shapes = {"descriptors": (np.float32, (rows, WIDTH)), "known": (np.bool_, (rows,)), "filled": (np.bool_, (rows,))}
    arrays = {
        name: open_memmap(work / f"{name}.npy", mode="w+", dtype=dtype, shape=shape)
        for name, (dtype, shape) in shapes.items()
        if rows  # no file can be mapped that holds nothing
    }
    spans: dict[str, tuple[int, int]] = {}
    made_by: dict[str, object] = {}
    start = 0
    for clip_id, clip in _clips(files):
        if clip_id in spans:
            raise WrongUseError(
                f"clip {clip_id} is in the face3d table twice: a preprocess run was interrupted; start it again"
            )
        filled = fill_gaps(descriptors(clip), max_gap_frames)
        here = slice(start, start + len(clip))
        arrays["descriptors"][here] = filled.descriptors
        arrays["known"][here] = detected(filled.descriptors)
        arrays["filled"][here] = filled.filled
        spans[clip_id] = (start, len(clip))
        made_by[clip_id] = clip["extractor"][0].as_py()
        start += len(clip)
    check_one_extractor(made_by)
    for array in arrays.values():
        array.flush()
    return {
        "clips": dict(sorted(spans.items())),
        "extractor": next(iter(made_by.values()), None),
        "max_gap_frames": max_gap_frames,
    }


def _clips(files: Sequence[Path]) -> Iterator[tuple[str, pa.Table]]:
    """Every clip of every part, its frames in order."""
    for file in files:
        table = pq.read_table(file, columns=_COLUMNS, memory_map=True)
        table = table.sort_by([("clip_id", "ascending"), ("frame", "ascending")])
        names = np.asarray(table["clip_id"].combine_chunks().dictionary_encode().indices)
        edges = [0, *(np.flatnonzero(np.diff(names)) + 1).tolist(), len(names)]
        for first, last in pairwise(edges):
            clip = table.slice(first, last - first)
            if last > first:
                yield str(clip["clip_id"][0]), _whole(clip)


def _whole(clip: pa.Table) -> pa.Table:
    frames = np.asarray(clip["frame"])
    if not np.array_equal(frames, np.arange(len(frames))):
        raise WrongUseError(
            f"clip {clip['clip_id'][0]}: its {len(frames)} rows are not frames 0 to {len(frames) - 1}, each once; "
            "run `reenactory preprocess` again"
        )
    return clip
