"""A cached rerun by receipts is the one by the index, and whatever could make a receipt untrue makes it go unused."""

import random
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from reenactory.flows import preprocess as flow
from reenactory.flows import workplace
from reenactory.flows.plan import plan_videos
from reenactory.flows.preprocess import PreprocessRequest, preprocess, preprocessing
from reenactory.infra import index_parts
from reenactory.infra.entries import Entry
from reenactory.infra.glance import Glance
from reenactory.infra.index import RecordIndex, rebuild_index
from reenactory.infra.index_parts import put_part, rewrite
from reenactory.infra.receipts import FOLDER, Receipts, drop_receipts
from reenactory.infra.records import Record, library_versions
from reenactory.infra.sources import Source
from reenactory.infra.store_local import LocalStore
from reenactory.infra.summary import Summary
from reenactory.tasks import dataset
from reenactory.tasks.outcomes import Reason
from reenactory.tasks.running.planning import Plan, plan_shard
from reenactory.tasks.stage import Job

QUALITY = {"track_iou_min": 0.5, "face_px_min": 100, "faces_max": 1, "blur": 20.0, "crop_mode": "square"}
CLIP = {"start_frame": 0, "frame_count": 99, "box_ltrb": [0, 0, 400, 400], "detected_share": 1.0, "motion": 0.2}
CLIP |= {"face": None, **QUALITY}
FOUND = {"fps_num": 25, "fps_den": 1, "width": 640, "height": 360, "has_audio": True, "deinterlace": False}
FACTS = {"detect": FOUND, "track": {"clips": [CLIP], "missed": []}, "crop": {"fps_num": 25, "fps_den": 1}}
REQUEST = PreprocessRequest(inputs=["x"], store="", dataset="d", workers=0, device="cpu")
JOBS = preprocessing(REQUEST)
VIDEOS = [
    Source(
        f"/videos/{number:04d}.mp4", f"{number:04d}", f"id{number % 7}", "640000:1", sha256(b"%d" % number).hexdigest()
    )
    for number in range(400)
]


class Bucket:
    """A store that is trusted as a remote one is, with the index of a dataset; the flow is called as it is."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.store = LocalStore(folder, remote=True)
        self.videos = VIDEOS
        self.asked = 0  # how many records
        patch.setattr(workplace, "open_store", lambda uri, create: self.store)
        patch.setattr(flow, "find_videos", lambda inputs: (self.videos, 0))
        patch.setattr(flow, "with_digests", lambda store, sources: iter(sources))
        patch.setattr(dataset, "_coefficients", lambda store, rows: dataset.FACE3D.empty_table())
        told = RecordIndex.told
        patch.setattr(RecordIndex, "told", lambda *given: self._count(told, *given))
        told_all = RecordIndex.told_all
        patch.setattr(RecordIndex, "told_all", lambda *given: self._count_all(told_all, *given))
        self.record(VIDEOS)

    def _count(self, told: Callable[..., Entry | None], *given: object) -> Entry | None:
        self.asked += 1
        return told(*given)

    def _count_all(
        self, told_all: Callable[..., dict[str, Entry]], index: RecordIndex, stage: str, keys: list[str]
    ) -> dict[str, Entry]:
        self.asked += len(keys)
        return told_all(index, stage, keys)

    def record(self, videos: list[Source], seed: int = 0) -> None:
        """Each video is done, or was refused at one of its five stages."""
        draw = random.Random(seed)
        entries: dict[str, dict[str, Entry]] = {}
        for video in videos:
            refused = draw.choice(["detect", "track", "crop", "matte", "face3d", *[None] * 10])
            found, tracked = (_entry(job, refused) for job in JOBS.video_chain(video))
            made = [found, tracked] if found.outcome == "done" else [found]
            if tracked.outcome == found.outcome == "done":
                (cropping,) = JOBS.crop_chain(video, found, tracked)
                made.append(cropped := _entry(cropping, refused))
                for job in JOBS.clip_chain(video, cropped, CLIP, "") if cropped.outcome == "done" else ():
                    made.append(_entry(job, refused))
                    if job.stage == refused:
                        break
            for entry in made:
                entries.setdefault(entry.stage, {})[entry.key] = entry
        for stage, by_key in entries.items():
            put_part(self.store, stage, [entry.row for entry in by_key.values()])

    def run(self, **changes: object) -> Summary:
        self.asked = 0
        return preprocess(REQUEST.model_copy(update=changes))

    def plan(self) -> Plan:
        receipts = Receipts(self.store, "d", believed=True)
        self.asked = 0
        return plan_videos(JOBS, self.videos, RecordIndex(self.store), 1, receipts)

    def tables(self) -> dict[str, bytes]:
        """Everything that a person reads of it."""
        paths = [*self.store.list("datasets/"), *self.store.list("runs/preprocess-d/outcomes/")]
        return {path: self.store.get(path) for path in paths}


def _entry(job: Job, refused: str | None) -> Entry:
    facts = {"size_px": 256, **FACTS.get(job.stage, {})}
    if job.stage == refused:
        return Entry(job.stage, job.keys[0], "rejected", "NO_FACE", "none", 0, 0.1, {}, {})
    return Entry(job.stage, job.keys[0], "done", None, None, 99, 1.0, facts, {"one.mp4": 9})  # type: ignore[arg-type]


@pytest.fixture
def bucket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    return Bucket(tmp_path, monkeypatch)


def facts(summary: Summary) -> dict[str, object]:
    return summary.model_dump(exclude={"seconds", "versions"})


def test_by_receipts_all_is_as_by_the_index_and_no_record_is_asked_for(bucket: Bucket) -> None:
    first, planned = bucket.run(), bucket.plan()
    tables = bucket.tables()
    assert bucket.asked == 0 and first.rejected["NO_FACE"] > 50 and first.done > 200
    by_index = plan_videos(JOBS, VIDEOS, RecordIndex(bucket.store), 1)
    assert planned == by_index and not sum(planned.to_compute.values())
    again = bucket.run()
    assert bucket.asked == 0
    assert facts(again) == facts(first)
    assert bucket.tables() == tables


def test_a_new_video_costs_its_own_shard_and_few_others(bucket: Bucket) -> None:
    bucket.run()
    new = Source("/videos/0100x.mp4", "0100x", "id9", "640000:1", "7f" * 32)
    bucket.record([new], seed=1)
    bucket.videos = sorted([*VIDEOS, new], key=lambda video: video.uri)
    summary = bucket.run()
    assert summary.items == len(VIDEOS) + 1
    assert 0 < bucket.asked < 5 * 200
    slow = bucket.tables()
    for path in list(bucket.store.list(FOLDER)):
        bucket.store.delete(path)
    assert facts(bucket.run()) == facts(summary)
    assert bucket.tables() == slow


def drop_an_entry(bucket: Bucket) -> None:
    done = next(iter(RecordIndex(bucket.store).entries("matte")))
    rewrite(bucket.store, "matte", {done.key})


def change_the_bytes_of_a_video(bucket: Bucket) -> None:
    bucket.videos = [replace(VIDEOS[0], sha256="ab" * 32), *VIDEOS[1:]]


def change_a_name(bucket: Bucket) -> None:
    bucket.videos = [replace(VIDEOS[0], identity="somebody"), *VIDEOS[1:]]


def remove_a_part_of_the_dataset(bucket: Bucket) -> None:
    bucket.store.delete(next(iter(bucket.store.list("datasets/d/clips/"))))


def damage_the_receipts(bucket: Bucket) -> None:
    (path,) = bucket.store.list(FOLDER)
    bucket.store.put(path, bucket.store.get(path)[:-40])


@pytest.mark.parametrize(
    "happens", [drop_an_entry, change_the_bytes_of_a_video, change_a_name, remove_a_part_of_the_dataset]
)
def test_what_a_receipt_no_longer_holds_for_is_looked_up(bucket: Bucket, happens: Callable[[Bucket], None]) -> None:
    bucket.run()
    happens(bucket)
    by_index = plan_videos(JOBS, bucket.videos, RecordIndex(bucket.store), 1)
    assert bucket.plan() == by_index
    glance = Glance(RecordIndex(bucket.store))
    rows = sorted(str(row["clip_id"]) for video in bucket.videos for row in JOBS.rows(video, glance))
    if happens not in (change_the_bytes_of_a_video, drop_an_entry):  # there is work to do, on videos that do not exist
        bucket.run()
        assert bucket.asked > 0
        assert sorted(dataset.read_clips(bucket.store, "d", done_only=False)["clip_id"].to_pylist()) == rows


def test_damaged_receipts_are_no_receipts(bucket: Bucket) -> None:
    first = bucket.run()
    damage_the_receipts(bucket)
    assert facts(bucket.run()) == facts(first)


def test_other_knobs_and_reasons_to_be_tried_again_do_not_meet_receipts(bucket: Bucket) -> None:
    bucket.run()
    shard = VIDEOS[:40]
    other = preprocessing(REQUEST.model_copy(update={"params": REQUEST.params.model_copy(
        update={"track": REQUEST.params.track.model_copy(update={"min_frames": 65})})}))  # fmt: skip
    persons = replace(JOBS, test_persons={"id1"})
    prints = {jobs.fingerprint(shard) for jobs in (JOBS, other, persons, replace(JOBS, metadata={}))}
    assert len(prints) == 4 and JOBS.fingerprint(shard) in prints
    assert Receipts(bucket.store, "d", believed=False).find(VIDEOS[0].uri, JOBS.fingerprint(shard)) is None
    request = REQUEST.model_copy(update={"retry": [Reason.NO_FACE]})
    assert request.retry  # and the flow believes receipts only without it
    rebuild_index(bucket.store)
    assert not list(bucket.store.list(FOLDER))


def test_on_a_disk_files_are_looked_at_and_there_are_no_receipts(bucket: Bucket, tmp_path: Path) -> None:
    store = LocalStore(tmp_path, remote=False)
    receipts = Receipts(store, "d", believed=True)
    receipts.save()
    assert not receipts.kept and not list(store.list(FOLDER))


def test_a_rejected_item_that_is_made_anew_takes_the_receipts_of_all_datasets_along(bucket: Bucket) -> None:
    """Another dataset of the same videos would say for ever that it is rejected."""
    bucket.run()
    assert list(bucket.store.list(FOLDER))
    known = RecordIndex(bucket.store)
    known.add(_record(next(iter(known.entries("detect")))))
    assert list(bucket.store.list(FOLDER))  # without a reason to try again, what is made was not there before
    again = RecordIndex(bucket.store, retry=["NO_FACE"])
    again.add(_record(next(iter(again.entries("detect")))))
    assert not list(bucket.store.list(FOLDER))


def _record(entry: Entry) -> Record:
    return Record.model_construct(
        stage=entry.stage, key=entry.key, outcome="done", reason=None, detail=None, frames=1, seconds=1.0,
        facts=entry.facts, files={}, versions=library_versions(),
    )  # fmt: skip


@pytest.mark.parametrize("had_receipts", [False, True])
def test_a_run_that_has_read_what_is_gone_by_its_end_leaves_no_receipts(bucket: Bucket, had_receipts: bool) -> None:
    """`store forget` beside a run: what the run knows is older than that."""
    if had_receipts:
        bucket.run()
    running = Receipts(bucket.store, "d", believed=True)
    running.begin()
    drop_receipts(bucket.store)
    running.save()
    assert not list(bucket.store.list(FOLDER))
    bucket.run()
    assert list(bucket.store.list(FOLDER))


def test_a_run_that_begins_while_entries_are_taken_out_leaves_no_receipts(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = Receipts(bucket.store, "d", believed=True)
    put = index_parts.put_part
    monkeypatch.setattr(index_parts, "put_part", lambda *given: (running.begin(), put(*given))[1])
    drop_an_entry(bucket)
    running.save()
    assert not list(bucket.store.list(FOLDER))


def test_a_video_without_rows_is_not_one_that_the_metadata_leaves_out() -> None:
    named, unnamed = (replace(JOBS, metadata=rows) for rows in ({VIDEOS[0].video_id: ()}, {}))
    assert named.wants(VIDEOS[0]) != unnamed.wants(VIDEOS[0])
    assert named.fingerprint(VIDEOS[:1]) != unnamed.fingerprint(VIDEOS[:1])


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("retry", [(), ("NO_FACE",)])
def test_shards_are_counted_as_videos_one_by_one(bucket: Bucket, seed: int, retry: tuple[str, ...]) -> None:
    """Of any mixture of done, rejected, missing, disputed and empty."""
    draw = random.Random(seed)
    for stage in ("detect", "track", "crop", "matte", "face3d"):
        entries = list(RecordIndex(bucket.store).entries(stage))
        rewrite(bucket.store, stage, {entry.key for entry in draw.sample(entries, len(entries) // 5)})
    bucket.record(VIDEOS[::7], seed=seed + 1)  # what these tell differently is disputed
    videos = [replace(video, stamp="0:1") if draw.random() < 0.1 else video for video in VIDEOS]
    index = RecordIndex(bucket.store, retry)
    together, one_by_one = Plan(0, 1), Plan(0, 1)
    for first in range(0, len(videos), 50):
        shard = videos[first : first + 50]
        together.add(plan_shard(JOBS, shard, Glance(index), 1))
        for video in shard:
            one_by_one.add(plan_shard(JOBS, [video], Unforeseen(index), 1))
    assert together == one_by_one
    assert together.empty and together.to_compute.total() > 100 and 0 < together.unfinished < len(videos)


class Unforeseen(Glance):
    """Asks for each record when it is needed."""

    def foresee(self, keys: object) -> None:
        pass
