"""The dataset that users join on: `clips` (a row per clip or rejected video) and `face3d` (a row per frame)."""

from collections.abc import Iterable, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from reenactory.infra.keys import canonical_json, digest
from reenactory.infra.records import artefact_path
from reenactory.infra.store import Store
from reenactory.infra.tables import folder_of, get_table, put_table
from reenactory.tasks import face3d

CLIPS = pa.schema(
    [
        ("clip_id", pa.string()),
        ("video_uri", pa.string()),
        ("video_sha256", pa.string()),
        ("identity", pa.string()),
        ("face", pa.int64()),  # with track.faces = all: its number in the video, which ends the identity; else null
        ("video_id", pa.string()),
        ("split", pa.string()),
        ("start_frame", pa.int64()),  # at fps_num / fps_den
        ("frame_count", pa.int64()),
        ("fps_num", pa.int64()),
        ("fps_den", pa.int64()),
        ("width", pa.int64()),  # of the source picture, as displayed
        ("height", pa.int64()),
        ("has_audio", pa.bool_()),
        ("box_ltrb", pa.list_(pa.float32(), 4)),  # source pixels
        ("crop_px", pa.int64()),  # side of the clip
        ("crop_mode", pa.string()),
        ("track_iou_min", pa.float64()),
        ("face_px_min", pa.int64()),
        ("faces_max", pa.int64()),
        ("blur", pa.float64()),  # median variance of the Laplacian of the face at 96x96: lower is more blurred
        ("alpha_mean", pa.float64()),  # share of the clip that the matte covers
        ("alpha_change", pa.float64()),  # mean absolute change from frame to frame: a torn matte stands out
        ("alpha_soft_max", pa.float64()),  # largest half-transparent share of a frame: part of a shoulder, say
        ("alpha_face_min", pa.float64()),  # lowest mean alpha in the middle of the face; null: no face was found
        ("matte_flag", pa.string()),  # LOST_FACE where that is below 0.5
        ("detected_share", pa.float64()),  # of frames with a face
        ("motion", pa.float64()),  # mean speed of the face's centre, in face widths per second
        ("crop_key", pa.string()),
        ("matte_key", pa.string()),
        ("face3d_key", pa.string()),
        ("extractor", pa.string()),  # of the coefficients: name and the sha256 of its weights, 12 digits each
        ("outcome", pa.string()),
        ("reason", pa.string()),
        ("detail", pa.string()),
    ]
)

FACE3D = pa.schema([("clip_id", pa.string()), *face3d.SCHEMA])


def write_shard(store: Store, dataset: str, rows: Sequence[dict[str, object]]) -> tuple[str, ...]:
    """Write the parts of one shard, named by their content; parts that are there already are not made again.

    Returns:
        Paths of the shard's parts.
    """
    if not rows:
        return ()
    name = digest(canonical_json([str(sorted(row.items())) for row in rows]))
    clips_path, face3d_path = (f"datasets/{dataset}/{table}/part-{name}.parquet" for table in ("clips", "face3d"))
    if not store.exists(face3d_path):
        put_table(store, face3d_path, _coefficients(store, rows))
    if not store.exists(clips_path):
        put_table(store, clips_path, pa.Table.from_pylist([dict(row) for row in rows], schema=CLIPS))
    return clips_path, face3d_path


def keep_only(store: Store, dataset: str, parts: Iterable[str]) -> list[str]:
    """Remove parts of earlier runs: a dataset is what its last complete run made of its inputs.

    Returns:
        Names of finished clips that were in the dataset and are no longer.
    """
    wanted = set(parts)
    old = [path for path in store.list(f"datasets/{dataset}/") if path not in wanted and "/part-" in path]
    gone = _finished(store, (path for path in old if folder_of(path) == "clips"))
    if gone:
        gone -= _finished(store, (path for path in wanted if folder_of(path) == "clips"))
    for path in old:
        store.delete(path)
    return sorted(gone)


def gone_note(dataset: str, gone: Sequence[str]) -> str:
    """For a person who gave fewer inputs, or other knobs, than last time."""
    named = ", ".join(gone[:3]) + (" ..." if len(gone) > 3 else "")
    return (
        f"{len(gone)} clips of an earlier run are no longer in dataset {dataset}, which is what its last run made of "
        f"its inputs: {named}. Give all inputs to have them back (their results are kept), or name another --dataset."
    )


def _finished(store: Store, parts: Iterable[str]) -> set[str]:
    names: set[str] = set()
    for path in parts:
        table = get_table(store, path, columns=["clip_id", "outcome"])
        names |= set(table.filter(pc.equal(table["outcome"], "done"))["clip_id"].to_pylist())
    return names


def _coefficients(store: Store, rows: Iterable[dict[str, object]]) -> pa.Table:
    tables = [FACE3D.empty_table()]
    for row in rows:
        if row["outcome"] != "done":
            continue
        table = get_table(store, artefact_path("face3d", str(row["face3d_key"]), "coefficients.parquet"))
        ids = pa.array([row["clip_id"]] * table.num_rows, pa.string())
        tables.append(table.add_column(0, "clip_id", ids).cast(FACE3D))
    return pa.concat_tables(tables)


class NoSuchDatasetError(LookupError):
    """The store has no clips table of that name."""


def read_clips(store: Store, dataset: str, done_only: bool = True) -> pa.Table:
    """The clips table, sorted by clip_id.

    Raises:
        NoSuchDatasetError: nothing was preprocessed under that name; the message lists what there is.
    """
    parts = [path for path in store.list(f"datasets/{dataset}/clips/") if path.endswith(".parquet")]
    if not parts:
        names = sorted({path.split("/")[1] for path in store.list("datasets/")})
        raise NoSuchDatasetError(
            f"dataset {dataset!r} is not in {store.uri}; it has: {', '.join(names) or 'none'}. "
            f"Make it with `reenactory preprocess INPUT --store {store.uri} --dataset {dataset}`"
        )
    # Parts of older versions lack newer columns: null.
    table = pa.concat_tables([get_table(store, path) for path in parts], promote_options="default")
    table = table.sort_by("clip_id")
    return table.filter(pc.equal(table["outcome"], "done")) if done_only else table
