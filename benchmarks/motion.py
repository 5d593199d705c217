"""Windows per second of the dataset's motion reader beside bare numpy on the same mapped file.

python benchmarks/motion.py --clips 400 --frames 160
"""

import argparse
import os
import tempfile
import time

import numpy as np
import pyarrow as pa
from timing import seconds

from reenactory.infra.store import open_store
from reenactory.infra.tables import put_table
from reenactory.models.face_model.motion import PARTS
from reenactory.tasks.dataset import FACE3D
from reenactory.tasks.face_table import FaceTable


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--clips", type=int, default=400)
    options.add_argument("--frames", type=int, default=160)
    options.add_argument("--rounds", type=int, default=5)
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["REENACTORY_CACHE"] = f"{folder}/cache"
        store = open_store(f"{folder}/store")
        for part in range(0, chosen.clips, 32):
            clips = [clip(f"p{n:05d}#v#0", chosen.frames) for n in range(part, min(part + 32, chosen.clips))]
            put_table(store, f"datasets/d/face3d/part-{part:05d}.parquet", pa.concat_tables(clips))
        started = time.perf_counter()
        table = FaceTable.open(store, "d")
        rows = chosen.clips * chosen.frames
        print(f"written out: {rows / (time.perf_counter() - started):,.0f} rows/s, once")
        report(table, chosen.clips, chosen.frames, chosen.rounds)


def clip(clip_id: str, frames: int) -> pa.Table:
    chance = np.random.default_rng(frames)
    columns: dict[str, pa.Array] = {
        name: pa.FixedSizeListArray.from_arrays(pa.array(chance.normal(size=frames * width).astype(np.float32)), width)
        for name, width in PARTS.items()
    }
    columns |= {"clip_id": pa.array([clip_id] * frames), "frame": pa.array(np.arange(frames, dtype=np.int32))}
    columns |= {"detected": pa.array([True] * frames), "extractor": pa.array(["benchmark"] * frames)}
    missing = {name: pa.nulls(frames, FACE3D.field(name).type) for name in FACE3D.names if name not in columns}
    return pa.table({name: {**columns, **missing}[name] for name in FACE3D.names}, schema=FACE3D)


def report(table: FaceTable, clips: int, frames: int, rounds: int) -> None:
    chance = np.random.default_rng(0)
    names = [table.clip_ids[n] for n in chance.integers(0, clips, 2000)]
    starts = [int(name[1:6]) * frames for name in names]
    mapped = table._descriptors
    offsets = np.arange(-13, 14)
    for batch in (1, 8, frames - 26):
        chosen = [np.sort(chance.choice(np.arange(13, frames - 13), batch, replace=False)) for _ in names]

        def ours(chosen: list[np.ndarray] = chosen) -> None:
            for name, picked in zip(names, chosen, strict=True):
                table.windows(name, picked)

        def bare(chosen: list[np.ndarray] = chosen) -> None:
            for start, picked in zip(starts, chosen, strict=True):
                mapped[start + picked[:, None] + offsets].transpose(0, 2, 1)

        timed = [(seconds(bare), seconds(ours)) for _ in range(rounds)]
        best_bare, best_ours = min(t[0] for t in timed), min(t[1] for t in timed)
        count = batch * len(names)
        print(
            f"{batch:4} windows a call: numpy {count / best_bare:10,.0f}/s, reader {count / best_ours:10,.0f}/s, "
            f"ratio {best_bare / best_ours:.2f}"
        )


if __name__ == "__main__":
    main()
