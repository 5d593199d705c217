"""What the machinery costs per clip, and whether that stays so as datasets grow.

    .venv/bin/python benchmarks/scale.py [--clips 10000 100000] [--workers 0 2] [--known 10000 100000 1000000]

`made`: clips through the real runner, records, index and pool with a stage that only writes 256 bytes; then the same
again, when everything is cached. `found`: finding the videos. `known`: a preprocessed dataset of one clip per video of
which only the index of records and the digests of the videos are there, as on S3: its plan and its fully cached rerun.
Each case is a process of its own, so that memory peaks are its own. "last/first" is the CPU time of the last tenth of
the clips over that of the first: 1 is flat. Requests are those of a remote store; times are those of the local disk.
Trust CPU seconds where the machine is busy.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import ClassVar

import costless

from reenactory.flows import plan as plan_flow
from reenactory.flows import preprocess as preprocess_flow
from reenactory.flows import workplace
from reenactory.flows.preprocess import PreprocessRequest
from reenactory.flows.workplace import Workplace
from reenactory.infra.digests import KnownDigests
from reenactory.infra.entries import Entry, Row
from reenactory.infra.index import FULL_PART, RecordIndex
from reenactory.infra.index_parts import put_part
from reenactory.infra.pool import InlinePool, Pool
from reenactory.infra.progress import Tally
from reenactory.infra.ray_pool import RayPool
from reenactory.infra.records import Record
from reenactory.infra.shards import make_shards
from reenactory.infra.sources import Source, find_videos
from reenactory.infra.store import Store
from reenactory.infra.store_local import LocalStore, open_local_store
from reenactory.tasks.preprocess import Preprocessing, PreprocessParams
from reenactory.tasks.stage import Chain, Job

CLIP = {"start_frame": 0, "frame_count": 160, "box_ltrb": [10.0, 10.0, 266.0, 266.0], "face": None} | {
    "crop_mode": "square", "track_iou_min": 0.5, "face_px_min": 90, "faces_max": 1, "blur": 100.0,
    "detected_share": 1.0, "motion": 0.1,
}  # fmt: skip
FACTS: dict[str, dict[str, object]] = {
    "detect": {"fps_num": 25, "fps_den": 1, "width": 640, "height": 360, "has_audio": True, "deinterlace": False},
    "track": {"clips": [CLIP], "missed": []},
    "crop": {"fps_num": 25, "fps_den": 1},
    "matte": {"alpha_mean": 0.4, "alpha_change": 0.01, "alpha_face_min": 0.99, "matte_flag": None},
    "face3d": {},
}


class FarStore(LocalStore):
    """A folder that counts its requests as a bucket would: the index alone answers for what is there."""

    requests: ClassVar[Counter[str]] = Counter()
    claimed: ClassVar[dict[str, None]] = {}  # parts of the dataset that were asked for

    def __init__(self, root: Path) -> None:
        super().__init__(root, remote=True)

    def exists(self, path: str) -> bool:
        """The dataset's own parts are there, as after a first run."""
        if path.startswith("datasets/"):
            self.claimed[path] = None
        return path in self.claimed or super().exists(path)

    def list(self, prefix: str) -> Iterator[str]:
        return iter(list(self.claimed)) if prefix.startswith("datasets/") else super().list(prefix)

    def __getattribute__(self, name: str) -> object:
        if name in ("put", "put_file", "get", "exists", "size", "list", "delete"):
            FarStore.requests[name] += 1
        return super().__getattribute__(name)


def made(folder: Path, clips: int, workers: int) -> dict[str, object]:
    """Make `clips` artefacts, then look at them all again."""
    costless.register()
    store = open_local_store(folder)
    factory = partial(costless.worker, str(folder))
    pool: Pool[Chain, list[Record]] = RayPool(factory, workers) if workers else InlinePool(factory)
    pool.submit((job(-1),)).result()  # Ray and its workers start before the clock does
    cpu = time.process_time()
    first, tenths = drive(Workplace(store, RecordIndex(store), pool, Tally("made")), clips)
    cpu = time.process_time() - cpu
    pool.close()
    peak = peak_mb()
    again, _ = drive(Workplace(store, RecordIndex(store), pool, Tally("again")), clips)
    return {
        "clips": clips,
        "workers": workers,
        "ms per clip": round(1000 * first / clips, 3),
        "CPU ms per clip, driver": round(1000 * cpu / clips, 3),
        "last/first": round(tenths[-1] / tenths[0], 2),
        "driver MB": peak,
        "cached s": round(again, 2),
        "cached MB": peak_mb(),
        "index parts": len(list(store.list("index/"))),
        "index MB": round(sum(store.size(path) or 0 for path in store.list("index/")) / 1e6, 1),
    }


def requests(folder: Path, clips: int) -> dict[str, object]:
    """Requests per clip, of the driver and the worker together, on a store that counts them."""
    costless.register()
    store = FarStore(folder)
    worker = costless.worker(str(folder))
    worker._store = store
    place = Workplace(store, RecordIndex(store), InlinePool(lambda: worker), Tally("requests"))
    FarStore.requests.clear()
    drive(place, clips)
    counted = {name: round(count / clips, 3) for name, count in sorted(FarStore.requests.items())}
    FarStore.requests.clear()
    drive(Workplace(store, RecordIndex(store), InlinePool(lambda: worker), Tally("again")), clips)
    return {"clips": clips, "per clip": counted, "cached, in all": dict(FarStore.requests)}


def drive(place: Workplace, clips: int) -> tuple[float, list[float]]:
    """Seconds in all, and CPU seconds of the first and the last tenth."""
    shards = make_shards(range(clips), lambda _: 1.0)
    started = time.perf_counter()
    ends = [time.process_time()]
    for shard in shards:
        ledger = place.drive([(job(number),) for number in shard])
        assert not ledger.failures, ledger.failures[:3]
        place.ledger.add(ledger)
        ends.append(time.process_time())
    place.index.flush()
    tenth = max(1, len(shards) // 10)
    assert sum(place.ledger.computed.values()) + sum(place.ledger.cached.values()) == clips
    return time.perf_counter() - started, [ends[tenth] - ends[0], ends[-1] - ends[-1 - tenth]]


def job(number: int) -> Job:
    return Job("costless", costless.Params(), ((f"source {number}",),), f"clip {number}", frames=1)


def known(folder: Path, clips: int) -> dict[str, object]:
    """Plan and cached rerun of a dataset that is all there."""
    jobs, store = Preprocessing(PreprocessParams()), FarStore(folder)
    started = time.perf_counter()
    seed(store, jobs, clips)
    seeded, parts = time.perf_counter() - started, list(store.list("index/"))
    times = subprocess.run(
        [sys.executable, __file__, "--case", json.dumps(["rerun", str(folder), clips])],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    size = sum(store.size(path) or 0 for path in parts)
    facts = {"seeding s": round(seeded), "index parts": len(parts), "index MB": round(size / 1e6, 1)}
    return {"clips": clips, **json.loads(times.stdout), **facts}


def rerun(folder: Path, clips: int) -> dict[str, object]:
    """The flows themselves; only the videos are made up, and finding them is a case of its own."""
    store = FarStore(folder)
    for flow in (preprocess_flow, plan_flow):
        flow.find_videos = lambda inputs: (list(sources(clips)), 0)  # type: ignore[attr-defined]
    plan_flow.open_store = lambda uri: store  # type: ignore[attr-defined]
    workplace.open_store = lambda uri, create: store  # type: ignore[attr-defined]
    request = PreprocessRequest(inputs=[""], store="", dataset="known", workers=0, device="cpu")
    base = peak_mb()
    told: dict[str, object] = {}
    # "index": no receipts, as of a dataset that was made by another run; "receipts": what a run leaves for the next.
    for way in ("index", "receipts"):
        FarStore.requests.clear()
        started, cpu = time.perf_counter(), time.process_time()
        plan = plan_flow.plan(request)
        told |= {f"plan s, {way}": round(time.perf_counter() - started, 1)}
        told |= {f"plan CPU s, {way}": round(time.process_time() - cpu, 1)}
        assert not sum(plan.to_compute.values()) and sum(plan.cached.values()) == 5 * clips, plan
        del plan
        started, cpu = time.perf_counter(), time.process_time()
        summary = preprocess_flow.preprocess(request)
        assert summary.done == clips and not sum(summary.computed.values()), summary
        told |= {f"rerun s, {way}": round(time.perf_counter() - started, 1)}
        told |= {f"rerun CPU s, {way}": round(time.process_time() - cpu, 1), f"MB, {way}": peak_mb()}
        told |= {f"requests, {way}": dict(FarStore.requests)}
    return {**told, "of which imports MB": base}


def seed(store: Store, jobs: Preprocessing, clips: int) -> None:
    """The index of a dataset, in parts as runs leave them."""
    rows: dict[str, list[Row]] = defaultdict(list)
    digests = KnownDigests(store)
    for number in range(clips):
        one = source(number)
        digests.add(one.uri, one.stamp, one.sha256)
        for entry in entries(jobs, one):
            rows[entry.stage].append(entry.row)
        if (number + 1) % FULL_PART == 0 or number + 1 == clips:
            for stage, part in rows.items():
                put_part(store, stage, part)
            rows.clear()
    digests.save()


def entries(jobs: Preprocessing, one: Source) -> Iterator[Entry]:
    found, tracked = (entry(job) for job in jobs.video_chain(one))
    (cropping,) = jobs.crop_chain(one, found, tracked)
    cropped = entry(cropping)
    yield from (found, tracked, cropped)
    yield from (entry(job) for job in jobs.clip_chain(one, cropped, CLIP, ""))  # type: ignore[arg-type]


def entry(job: Job) -> Entry:
    return Entry(job.stage, job.keys[0], "done", None, None, 160, 1.0, FACTS[job.stage], {"one.mp4": 160_000})  # type: ignore[arg-type]


def found(folder: Path, clips: int) -> dict[str, object]:
    """Finding videos in folders of 100: names, sizes and times, not a byte of them is read."""
    for number in range(clips):
        file = folder / f"id{10000 + number // 100}" / f"{number:011d}.mp4"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    started, cpu = time.perf_counter(), time.process_time()
    (videos, _), seconds = find_videos([str(folder)]), time.perf_counter() - started
    assert len(videos) == clips
    return {"clips": clips, "s": round(seconds, 1), "CPU s": round(time.process_time() - cpu, 1), "MB": peak_mb()}


def sources(clips: int) -> Iterator[Source]:
    return (source(number) for number in range(clips))


def source(number: int) -> Source:
    person = f"id{10000 + number // 800}"  # sorted by address, as `find_videos` gives them
    return Source(
        f"/videos/{person}/{number:011d}.mp4", f"{number:011d}", person, "640000:1", sha256(b"%d" % number).hexdigest()
    )


def peak_mb() -> int:
    """Of this process alone: what getrusage says begins with the peak of the process that started it."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) // 1024


CASES = {"made": made, "requests": requests, "found": found, "known": known, "rerun": rerun}


def in_own_process(name: str, *arguments: object) -> None:
    folder = Path(tempfile.mkdtemp(prefix="scale-"))
    case = json.dumps([name, str(folder / "store"), *arguments])
    try:
        done = subprocess.run([sys.executable, __file__, "--case", case], check=True, stdout=subprocess.PIPE, text=True)
    finally:
        shutil.rmtree(folder)
    print(f"{name:9}", ", ".join(f"{key} {value}" for key, value in json.loads(done.stdout).items()), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, nargs="*", default=[10_000, 100_000])
    parser.add_argument("--workers", type=int, nargs="*", default=[0, 2])
    parser.add_argument("--known", type=int, nargs="*", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--case", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.case:
        name, folder, *arguments = json.loads(chosen.case)
        print(json.dumps(CASES[name](Path(folder), *arguments)))
        return
    for clips in chosen.clips:
        for workers in chosen.workers:
            in_own_process("made", clips, workers)
    in_own_process("requests", min(chosen.clips, default=1000))
    for clips in chosen.known:
        in_own_process("found", clips)
        in_own_process("known", clips)


if __name__ == "__main__":
    main()
