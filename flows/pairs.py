"""Pairs of a dataset, drawn and written to a file."""

from pathlib import Path
from typing import cast

import pyarrow.parquet as pq

from reenactory.infra.store import open_store
from reenactory.tasks.crop_mode import require_one_mode
from reenactory.tasks.dataset import read_clips
from reenactory.tasks.errors import WrongUseError
from reenactory.tasks.extractors import check_one_extractor
from reenactory.tasks.pairs import Clip, Protocol, draw_pairs, to_table


def write_pairs(store_uri: str, dataset: str, protocol: str, count: int, seed: int, frames: int, out: Path) -> int:
    """Draw pairs and write them to `out`; returns how many distinct ones there are.

    Raises:
        WrongUseError: unknown protocol, nothing to pair, or clips of different crop modes or extractors.
    """
    if protocol not in ("self", "cross"):
        raise WrongUseError(f"--protocol {protocol}: known are self and cross")
    rows = read_clips(open_store(store_uri), dataset).to_pylist()
    require_one_mode(rows)
    check_one_extractor({row["clip_id"]: row.get("extractor") for row in rows})
    clips = [
        Clip(
            row["clip_id"],
            row["identity"],
            row["frame_count"],
            row["start_frame"],
            row["video_sha256"],
            row.get("face"),  # not in datasets made before the column was
        )
        for row in rows
    ]
    table = to_table(draw_pairs(clips, cast(Protocol, protocol), count, seed, frames), dataset)
    out.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, out)
    return int(table.num_rows)
