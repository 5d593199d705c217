"""What is done with a spoiled file: the real readers and stages. Each trial says in a word what became of it.

A reason, `done` or `refused: ...` is a verdict; any other exception than those that a run answers with one line is a
crash.
"""

import shutil
import tarfile
import zipfile
from collections.abc import Callable
from datetime import date
from pathlib import Path
from random import Random
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from fuzz_mutations import OF_BYTES, OF_TEXT, Mutation
from pictures import write_png
from small_runs import KNOBS, ffmpeg

from reenactory.flows.preprocess import metadata_rows
from reenactory.infra.entries import Entry
from reenactory.infra.index import RecordIndex, rebuild_index
from reenactory.infra.index_parts import parts_of
from reenactory.infra.lineage import Lineage
from reenactory.infra.records import RECORD_NAME, Record, artefact_path, write_artefact
from reenactory.infra.sources import find_videos
from reenactory.infra.store import DamagedObject, open_store
from reenactory.infra.tables import put_table
from reenactory.infra.upkeep import collect_garbage, faults
from reenactory.infra.video import VideoFault
from reenactory.models.archives import BadArchive, extract_member
from reenactory.models.weights import locate
from reenactory.tasks import adopt, detect, track
from reenactory.tasks.consent import read_consent
from reenactory.tasks.dataset import CLIPS, read_clips
from reenactory.tasks.outcomes import Reason, Rejected
from reenactory.tasks.pairs import Pair, make_pair, read_pairs, to_table
from reenactory.tasks.preprocess import Preprocessing, PreprocessParams
from reenactory.tasks.rendering import check_pairs, clip_rows
from reenactory.tasks.running.runner import StageWorker
from reenactory.tasks.stage import STAGES, Runtime

FRAMES = 24
KEY = "ab" * 16
VIDEOS = {  # the containers and codecs that people bring
    "h264.mp4": ("-c:v", "libx264", "-g", 8, "-c:a", "aac"),
    "mpeg4.avi": ("-c:v", "mpeg4", "-an"),
    "vp8.webm": ("-c:v", "libvpx", "-deadline", "realtime", "-an"),
    "mpeg2.ts": ("-c:v", "mpeg2video", "-c:a", "mp2"),
    "h264.mkv": ("-c:v", "libx264", "-an"),
    "wmv2.wmv": ("-c:v", "wmv2", "-an"),
}


class Trial(NamedTuple):
    """A kind of file: its originals by name, how they are spoiled, and what is done with one of them."""

    share: int  # of a thousand
    originals: dict[str, bytes]
    mutations: tuple[Mutation, ...]
    run: Callable[[Path, Path], str]  # (the file, an empty folder) -> what became of it


def trials(folder: Path) -> dict[str, Trial]:
    """All kinds; `folder` takes the originals and what stands around them."""
    return {
        "video": Trial(400, _videos(folder), OF_BYTES, _video),
        "picture": Trial(80, _pictures(folder), OF_BYTES, _picture),
        "manifest": Trial(120, _manifests(folder), OF_TEXT, _manifest),
        "metadata": Trial(120, _metadata(), OF_TEXT, _tracked),
        "pairs": Trial(100, _pair_files(folder), OF_TEXT, _pairs),
        "consent": Trial(40, _consents(), OF_TEXT, _consent),
        "record": Trial(40, _record(folder), OF_TEXT, _damaged_record),
        "index": Trial(40, _index_part(folder), OF_BYTES, _damaged_index),
        "table": Trial(30, _table(folder), OF_BYTES, _damaged_table),
        "archive": Trial(30, _archives(folder), OF_BYTES, _archive),
    }


def _videos(folder: Path) -> dict[str, bytes]:
    """A face, small and short, with sound where the format usually has it."""
    made = {}
    for name, options in VIDEOS.items():
        target = folder / name
        small = ("-vf", "scale=320:180", "-frames:v", FRAMES, "-t", 1, "-threads", 1)
        ffmpeg("-i", locate("demo_man"), *small, *options, target)
        made[name] = target.read_bytes()
    return made


def _video(file: Path, folder: Path) -> str:
    """detect, track and crop, as a worker does them."""
    (source,), _ = find_videos([str(file)])
    jobs = Preprocessing(PreprocessParams.model_validate({**KNOBS, "track": {**KNOBS["track"], "min_side_px": 32}}))
    worker = StageWorker(str(folder / "store"), Runtime("cpu", 1))
    chain = jobs.video_chain(source)
    made = {record.key: record for record in worker.process(chain)}
    for following in jobs.follow_up(source, chain, {key: Entry.of(record) for key, record in made.items()}):
        made |= {record.key: record for record in worker.process(following)}
    last = list(made.values())[-1]
    return f"{last.stage} {last.reason or last.outcome}"


def _pictures(folder: Path) -> dict[str, bytes]:
    picture = Random(0).randbytes(32 * 32 * 3)
    write_png(folder / "0.png", np.frombuffer(picture, np.uint8).reshape(32, 32, 3))
    ffmpeg("-i", folder / "0.png", folder / "0.jpg")
    return {name: (folder / name).read_bytes() for name in ("0.png", "0.jpg")}


def _picture(file: Path, folder: Path) -> str:
    """A frame of somebody else's render."""
    frames = folder / "pair"
    frames.mkdir()
    shutil.copy(file, frames / f"0{file.suffix}")
    return _adopted(frames, folder)


def _adopted(video: Path, folder: Path) -> str:
    try:
        (outcome,) = adopt.run(adopt.Item(folder, video, 1, 32, 25, 1), adopt.Params(), None)
    except VideoFault as fault:  # the runner's part
        return f"adopt {Reason(fault.code)}"
    return f"adopt {outcome.reason if isinstance(outcome, Rejected) else 'done'}"


def _manifests(folder: Path) -> dict[str, bytes]:
    for name in ("a.mp4", "b.mp4"):
        (folder / name).touch()
    rows = {"video": [str(folder / "a.mp4"), str(folder / "b.mp4")] * 3, "identity": ["ann", "bob", "", "é", "5", "x#"]}
    table = pd.DataFrame(rows)
    table.to_csv(folder / "m.csv", index=False)
    table.to_parquet(folder / "m.parquet")
    return {name: (folder / name).read_bytes() for name in ("m.csv", "m.parquet")}


def _manifest(file: Path, folder: Path) -> str:
    find_videos([str(file)])
    return "done"


def _metadata() -> dict[str, bytes]:
    table = [f"{frame:06d}\t0.2\t0.2\t0.5\t0.6" for frame in range(1, 20)]
    head = ["Identity  : \tid00017", "Reference : \tv", "Offset    : \t1", "FV Conf   : \t1.0", "ASD Conf  : \t1.0", ""]
    rows = ["video_id,start,end,bbox,fps,width,height,person_id,partition"]
    rows += [f"v,{start},{start + 16},40-20-200-170,25.0,320,180,id{start},test" for start in (0, 4, 8)]
    return {
        "vox.csv": "\n".join(rows).encode(),
        "00001.txt": "\n".join([*head, "FRAME \tX \tY \tW \tH ", *table]).encode(),
    }


def _tracked(file: Path, folder: Path) -> str:
    """The metadata is read, and its clips of a video with a face are judged."""
    given = metadata_rows(str(file))
    assert given is not None
    said = set()
    for rows in given.values():
        (outcome,) = track.run(
            track.Item(folder, _detections(), rows), track.Params(min_frames=4, min_side_px=16), None
        )
        if isinstance(outcome, Rejected):
            said.add(str(outcome.reason))
        else:
            said |= {str(missed["reason"]) for missed in track.missed_of(dict(outcome.facts))} or {"done"}
    return f"track {' '.join(sorted(said)) or 'of no video'}"


def _detections() -> pa.Table:
    rows = [
        {"frame": frame, "box_ltrb": [80, 40, 180, 150], "points": [0.0] * 10, "score": 0.9, "sharpness": 50.0}
        for frame in range(FRAMES)
    ]
    table = pa.Table.from_pylist([{**row, "interpolated": False} for row in rows], schema=detect.SCHEMA)
    facts = {"width": 320, "height": 180, "fps_num": 25, "fps_den": 1, "frames": FRAMES, "shot_starts": "[0]"}
    return table.replace_schema_metadata({name: str(value) for name, value in facts.items()})


def _clips() -> list[dict[str, object]]:
    common = {"video_uri": "v.mp4", "identity": "ann", "frame_count": 24, "crop_key": KEY, "outcome": "done"}
    return [{**common, "clip_id": name} for name in ("ann#v#000000#000024", "bob#v#000000#000024")]


def _pair_files(folder: Path) -> dict[str, bytes]:
    names = [str(clip["clip_id"]) for clip in _clips()]
    pairs: list[Pair] = [make_pair("self", names[0], 0, names[1], start, 8, 0) for start in range(6)]
    table = to_table(pairs, "d", "self, seed 0")
    pq.write_table(table, folder / "pairs.parquet")
    table.to_pandas().to_csv(folder / "pairs.csv", index=False)
    return {name: (folder / name).read_bytes() for name in ("pairs.parquet", "pairs.csv")}


def _pairs(file: Path, folder: Path) -> str:
    pairs = read_pairs(file).pairs
    check_pairs(pairs, clip_rows(pa.Table.from_pylist(_clips(), schema=CLIPS)))
    to_table(pairs, "d")
    return "done"


def _consents() -> dict[str, bytes]:
    table = ["subject,uses,expires,training", "ann,both,2030-01-01,yes", "bob,source,never,no", ""]
    toml = ["[[consent]]", 'subject = "ann"', 'uses = "both"', "expires = 2030-01-01", ""]
    toml += ["[[consent]]", 'subject = "bob"', 'uses = "driver"', 'expires = "never"', ""]
    return {"consent.csv": "\n".join(table).encode(), "consent.toml": "\n".join(toml).encode()}


def _consent(file: Path, folder: Path) -> str:
    consent = read_consent(file)
    refusal = consent.refusal(make_pair("self", "a", 0, "b", 1, 8, 0), {"a": "ann", "b": "bob"}, date(2026, 1, 1))
    return "consent refused" if refusal else "consent given"


def _record(folder: Path) -> dict[str, bytes]:
    """Made anew by each trial in a store of its own; here only its bytes."""
    store = open_store(str(folder / "records"))
    file = folder / "data.bin"
    file.write_bytes(b"12345678")
    facts = {"width": 320, "clips": [{"start_frame": 0, "box_ltrb": [1, 2, 3, 4]}], "share": 0.25}
    upstream, weights = ("cd" * 16, "0+64"), {"yunet": "00"}
    record = Record(
        key=KEY, stage="crop", version=1, params={}, upstream=upstream, weights=weights, outcome="done", facts=facts
    )
    write_artefact(store, record, {"clip.mp4": file})
    return {RECORD_NAME: store.get(artefact_path("crop", KEY, RECORD_NAME))}


def _damaged_record(file: Path, folder: Path) -> str:
    """A plan, a new index, gc, verify and the lineage over one damaged record."""
    original = folder.parent.parent / "originals" / "records"
    store = open_store(str(shutil.copytree(original, folder / "store")))
    path = artefact_path("crop", KEY, RECORD_NAME)
    truth = Record.model_validate_json(store.get(path))
    for part in parts_of(store, "crop"):  # it would vouch for the artefact
        store.delete(part)
    store.put(path, file.read_bytes())
    entry = RecordIndex(store).get("crop", KEY)
    assert entry is None or entry._replace(seconds=truth.seconds) == Entry.of(truth)
    rebuild_index(store)
    collect_garbage(store, STAGES, 0.0, delete=False)
    noticed = [fault for fault in faults(store, STAGES) if fault]
    assert bool(noticed) == (entry is None)
    try:
        Lineage(store)
    except DamagedObject:
        assert noticed
    return "noticed, made again" if noticed else "as written"


def _index_part(folder: Path) -> dict[str, bytes]:
    store = open_store(str(folder / "records"))
    rebuild_index(store)
    (path,) = parts_of(store, "crop")
    return {Path(path).name: store.get(path)}


def _damaged_index(file: Path, folder: Path) -> str:
    original = folder.parent.parent / "originals" / "records"
    store = open_store(str(shutil.copytree(original, folder / "store")))
    before = RecordIndex(store).get("crop", KEY)
    (path,) = parts_of(store, "crop")
    store.put(path, file.read_bytes())
    entries = list(RecordIndex(store).entries("crop"))
    assert RecordIndex(store).get("crop", KEY) == before is not None
    collect_garbage(store, STAGES, 0.0, delete=False)
    return "as written" if entries else "noticed, the records are asked"


def _table(folder: Path) -> dict[str, bytes]:
    store = open_store(str(folder / "tables"))
    put_table(store, "datasets/d/clips/part-0.parquet", pa.Table.from_pylist(_clips(), schema=CLIPS))
    return {"part-0.parquet": store.get("datasets/d/clips/part-0.parquet")}


def _damaged_table(file: Path, folder: Path) -> str:
    store = open_store(str(folder / "store"))
    store.put("datasets/d/clips/part-0.parquet", file.read_bytes())
    rows = read_clips(store, "d", done_only=False).to_pylist()
    written = pa.Table.from_pylist(_clips(), schema=CLIPS).to_pylist()
    return "as written" if rows == written else "read, with other values"


def _archives(folder: Path) -> dict[str, bytes]:
    (folder / "member.bin").write_bytes(Random(1).randbytes(2000) + bytes(2000))
    with zipfile.ZipFile(folder / "a.whl", "w", zipfile.ZIP_DEFLATED) as wheel:
        wheel.write(folder / "member.bin", "p/member.bin")
    for suffix in ("gz", "xz", "bz2"):
        with tarfile.open(folder / f"a.tar.{suffix}", f"w:{suffix}") as sdist:  # type: ignore[call-overload]
            sdist.add(folder / "member.bin", "p/member.bin")
    return {file.name: file.read_bytes() for file in sorted(folder.glob("a.*")) if file.suffix != ".mp4"}


def _archive(file: Path, folder: Path) -> str:
    try:
        extract_member(file, "p/member.bin", folder / "out", 4000)
    except BadArchive:
        return "refused: BadArchive"
    return "a file came out, for its sha256 to be judged"
