"""Preprocessing as jobs and rows: every video ends in a row, and every row says what is true."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from reenactory.infra.glance import Glance
from reenactory.infra.index import RecordIndex
from reenactory.infra.sources import Source
from reenactory.infra.store import Store
from reenactory.tasks import face3d
from reenactory.tasks.dataset import CLIPS, FACE3D, NoSuchDatasetError, keep_only, read_clips, write_shard
from reenactory.tasks.outcomes import Made, Outcome, Reason, Rejected
from reenactory.tasks.preprocess import Preprocessing, PreprocessParams
from reenactory.tasks.running.planning import plan_shard, plan_videos
from reenactory.tasks.running.runner import save
from reenactory.tasks.stage import Chain, Job
from reenactory.tasks.track import Params as TrackParams

SOURCE = Source("/videos/id10280/NXjT3732Ekg.mp4", "NXjT3732Ekg", "id10280", "800000:1", "5" * 64)
FOUND = {"fps_num": 25, "fps_den": 1, "width": 1280, "height": 720, "has_audio": True, "frames": 2000}
FOUND["deinterlace"] = "never"
QUALITY = {"track_iou_min": 0.5, "face_px_min": 100, "faces_max": 1, "blur": 20.0}
QUALITY |= {"detected_share": 1.0, "motion": 0.2, "face": None, "crop_mode": "square"}
CLIP = {"start_frame": 1093, "frame_count": 99, "box_ltrb": [334, 46, 760, 472], **QUALITY}
CROPPED = {"size_px": 256, "fps_num": 25, "fps_den": 1}
FACELESS = Rejected(Reason.NO_FACE, "none")


class Bench:
    """Writes records as a run would, without a run."""

    def __init__(self, store: Store, jobs: Preprocessing, folder: Path) -> None:
        self.store, self.jobs, self.folder = store, jobs, folder
        self.index = RecordIndex(store)

    def record(self, job: Job, *outcomes: Outcome) -> None:
        for number, outcome in enumerate(outcomes):
            self.index.add(save(self.store, job, number, outcome, 0.1))

    def video(
        self, clips: list[dict], source: Source = SOURCE, found: dict | None = None, missed: Sequence[dict] = ()
    ) -> None:
        finding, tracking = self.jobs.video_chain(source)
        self.record(finding, Made({}, 2000, found or FOUND))
        self.record(tracking, Made({}, 2000, {"clips": clips, "missed": list(missed)}))

    def crop_job(self, source: Source = SOURCE) -> Job:
        chain = self.jobs.video_chain(source)
        entries = {job.keys[0]: self.index.get(job.stage, job.keys[0]) for job in chain}
        ((job,),) = self.jobs.follow_up(source, chain, {key: entry for key, entry in entries.items() if entry})
        return job

    def clip_chains(self, source: Source = SOURCE) -> list[Chain]:
        job = self.crop_job(source)
        entries = {key: entry for key in job.keys if (entry := self.index.get("crop", key))}
        return list(self.jobs.follow_up(source, (job,), entries))

    def coefficients(self, frames: int) -> Made:
        rows = [{"frame": i, "detected": i != 1, "extractor": "test"} for i in range(frames)]
        for row in rows:
            if row["detected"]:
                row["exp"] = [float(row["frame"])] * 64
        path = self.folder / "coefficients.parquet"
        pq.write_table(pa.Table.from_pylist(rows, schema=face3d.SCHEMA), path)
        return Made({"coefficients.parquet": path}, frames)

    def finish(self, source: Source = SOURCE, frames: int = 4) -> None:
        job = self.crop_job(source)
        self.record(job, *(Made({}, clip["frame_count"], CROPPED) for clip in job.per_key))  # type: ignore[arg-type]
        for matting, fitting in self.clip_chains(source):
            self.record(matting, Made({}, 99))
            self.record(fitting, self.coefficients(frames))

    def rows(self, source: Source = SOURCE) -> list[dict[str, object]]:
        return self.jobs.rows(source, self.index)


@pytest.fixture
def bench(store: Store, tmp_path: Path) -> Bench:
    return Bench(store, Preprocessing(PreprocessParams()), tmp_path)


def published(bench: Bench, *rows: dict) -> Bench:
    plain = {"fps": 25.0, "width": 1280.0, "height": 720.0, "box_ltrb": CLIP["box_ltrb"]}
    jobs = Preprocessing(PreprocessParams(), {SOURCE.video_id: tuple({**plain, **row} for row in rows)})
    return Bench(bench.store, jobs, bench.folder)


def test_a_clip_is_named_as_the_published_files_are(bench: Bench) -> None:
    bench.video([CLIP])
    bench.finish()
    (row,) = bench.rows()
    assert row["clip_id"] == "id10280#NXjT3732Ekg#001093#001192"
    person, video, start, end = str(row["clip_id"]).split("#")
    assert (person, video, int(start), int(end) - int(start)) == ("id10280", "NXjT3732Ekg", 1093, 99)
    assert set(row) == set(CLIPS.names)
    assert (row["outcome"], row["crop_mode"], row["fps_num"]) == ("done", "square", 25)
    assert row["box_ltrb"] == CLIP["box_ltrb"]


def test_a_video_without_a_clip_has_a_row_with_its_reason(bench: Bench) -> None:
    finding, tracking = bench.jobs.video_chain(SOURCE)
    assert bench.rows() == []
    bench.record(finding, Made({}, 2000, FOUND))
    assert bench.rows() == []
    bench.record(tracking, FACELESS)
    (row,) = bench.rows()
    assert (row["clip_id"], row["outcome"], row["reason"]) == ("id10280#NXjT3732Ekg", "rejected", "NO_FACE")
    assert list(bench.jobs.follow_up(SOURCE, (finding, tracking), {})) == []


@pytest.mark.parametrize("at", ["crop", "matte", "face3d"])
def test_a_clip_that_is_rejected_on_the_way_has_a_row(bench: Bench, at: str) -> None:
    bench.video([CLIP])
    crash = Rejected(Reason.WORKER_CRASH, f"in {at}")
    bench.record(bench.crop_job(), crash if at == "crop" else Made({}, 99, CROPPED))
    if at != "crop":
        ((matting, fitting),) = bench.clip_chains()
        bench.record(matting, crash if at == "matte" else Made({}, 99))
        if at == "face3d":
            bench.record(fitting, crash)
    (row,) = bench.rows()
    assert (row["outcome"], row["reason"], row["detail"]) == ("rejected", "WORKER_CRASH", f"in {at}")


def test_a_clip_whose_work_failed_has_no_row_and_its_neighbour_has(bench: Bench) -> None:
    other = {**CLIP, "start_frame": 0}
    bench.video([CLIP, other])
    bench.record(bench.crop_job(), Made({}, 99, CROPPED), Made({}, 99, CROPPED))
    (matting, fitting), _ = bench.clip_chains()
    bench.record(matting, Made({}, 99))
    bench.record(fitting, Made({}, 99))
    assert [row["start_frame"] for row in bench.rows()] == [1093]


def test_identity_and_split_are_those_of_the_row(bench: Bench) -> None:
    with_rows = published(bench, {"start": 0, "end": 90}, {"start": 100, "end": 200})
    of_row = {"start_frame": 120, "frame_count": 120, "identity": "id2", "split": "test"}
    of_row["crop_mode"] = "published_metadata"
    with_rows.video([{**CLIP, **of_row}], found={**FOUND, "fps_num": 30})
    with_rows.finish()
    (row,) = with_rows.rows()
    assert (row["identity"], row["split"], row["crop_mode"]) == ("id2", "test", "published_metadata")
    assert row["clip_id"] == "id2#NXjT3732Ekg#000120#000240"
    assert with_rows.jobs.video_chain(SOURCE)[1].keys != bench.jobs.video_chain(SOURCE)[1].keys


class TestSplitList:
    """It fills in for clips that name no split; the keys, and so the work, are the same without it."""

    def listed(self, bench: Bench, *persons: str, metadata: dict | None = None) -> Bench:
        jobs = Preprocessing(PreprocessParams(), metadata, frozenset(persons))
        return Bench(bench.store, jobs, bench.folder)

    def test_persons_of_the_list_are_test_and_others_train(self, bench: Bench) -> None:
        bench.video([{**CLIP, "face": 1}, {**CLIP, "face": 2, "start_frame": 0}])
        bench.finish()
        assert {row["split"] for row in bench.rows()} == {"all"}
        assert {row["split"] for row in self.listed(bench, "id10280").rows()} == {"test"}
        assert {row["split"] for row in self.listed(bench, "id1028").rows()} == {"train"}

    def test_a_split_of_the_metadata_stands(self, bench: Bench) -> None:
        rows = tuple({"start": n, "end": n + 90, "identity": f"id{n}", "split": None} for n in range(2))
        given = {"gone": (*rows, {**rows[0], "split": "train", "start": 500})}
        missing = self.listed(bench, "id0", metadata=given).jobs.missing([SOURCE])
        assert [row["split"] for row in missing] == ["test", "train", "train"]

    def test_rejected_videos_have_one_too(self, bench: Bench) -> None:
        bench.record(bench.jobs.video_chain(SOURCE)[0], FACELESS)
        assert self.listed(bench, "id10280").rows()[0]["split"] == "test"


def test_a_video_that_the_metadata_lacks_is_not_touched_and_says_so(bench: Bench) -> None:
    with_rows = published(bench, {"start": 0, "end": 90})
    stranger = Source("/videos/other.mp4", "other", "other", "800000:1", "6" * 64)
    assert [with_rows.jobs.wants(each) for each in (SOURCE, stranger)] == [True, False]
    (row,) = with_rows.rows(stranger)
    assert (row["clip_id"], row["outcome"], row["reason"]) == ("other#other", "rejected", "NOT_IN_METADATA")
    plan = plan_videos(with_rows.jobs, [SOURCE, stranger], with_rows.index, 1)
    assert (plan.videos, plan.to_compute["detect"]) == (1, 1)


def test_clips_of_absent_videos_have_rows_with_the_names_they_would_have_had(bench: Bench) -> None:
    twins = ({"start": 0, "end": 90, "identity": "id3", "split": "test"},) * 2
    metadata = {SOURCE.video_id: twins, "gone": twins, "also": ({**twins[0], "identity": None, "split": None},)}
    jobs = Preprocessing(PreprocessParams(), metadata)  # type: ignore[arg-type]
    rows = jobs.missing([SOURCE])
    assert [row["clip_id"] for row in rows] == [
        "also#also#000000#000090",
        "id3#gone#000000#000090#001",
        "id3#gone#000000#000090#002",
    ]
    assert {row["reason"] for row in rows} == {"MISSING_VIDEO"}
    assert [row["split"] for row in rows] == ["all", "test", "test"]
    assert set().union(*rows) <= set(CLIPS.names)
    assert bench.jobs.missing([SOURCE]) == []


def test_rows_that_give_no_clip_stand_beside_those_that_do(bench: Bench) -> None:
    late = {"start_frame": 5000, "frame_count": 90, "identity": "id2", "split": "test"}
    late |= {"reason": "SPAN_OUTSIDE_VIDEO", "detail": "beyond"}
    with_rows = published(bench, {"start": 0, "end": 90}, {"start": 5000, "end": 5090})
    with_rows.video([CLIP], missed=[late])
    with_rows.finish()
    done, missed = with_rows.rows()
    assert (done["outcome"], missed["outcome"], missed["reason"]) == ("done", "rejected", "SPAN_OUTSIDE_VIDEO")
    assert (missed["clip_id"], missed["video_sha256"]) == ("id2#NXjT3732Ekg#005000#005090", SOURCE.sha256)
    assert set(missed) <= set(CLIPS.names)


def test_metadata_of_which_nothing_can_be_cut_ends_in_rows(bench: Bench) -> None:
    late = {"start_frame": 5000, "frame_count": 90, "identity": None, "split": None}
    late |= {"reason": "SPAN_OUTSIDE_VIDEO", "detail": "beyond"}
    with_rows = published(bench, {"start": 5000, "end": 5090})
    with_rows.video([], missed=[late])
    assert [row["reason"] for row in with_rows.rows()] == ["SPAN_OUTSIDE_VIDEO"]
    plan = plan_videos(with_rows.jobs, [SOURCE], with_rows.index, 1)
    assert (+plan.to_compute, plan.cached["track"]) == ({}, 1)


def test_clips_of_several_faces_are_several_people(bench: Bench) -> None:
    bench.video([{**CLIP, "face": 0}, {**CLIP, "face": 3, "box_ltrb": [800, 46, 1226, 472]}])
    bench.finish()
    rows = bench.rows()
    assert [(row["identity"], row["face"]) for row in rows] == [("id10280_f0", 0), ("id10280_f3", 3)]
    assert [row["clip_id"] for row in rows] == [f"id10280_f{n}#NXjT3732Ekg#001093#001192" for n in (0, 3)]


def test_two_people_of_one_name_in_the_same_frames_have_names_of_their_own(bench: Bench) -> None:
    bench.video([CLIP, {**CLIP, "box_ltrb": [800, 46, 1226, 472]}])
    bench.finish()
    assert [str(row["clip_id"])[-4:] for row in bench.rows()] == ["#001", "#002"]


def test_two_people_in_the_same_frames_have_keys_of_their_own(bench: Bench) -> None:
    bench.video([CLIP, {**CLIP, "box_ltrb": [800, 46, 1226, 472]}])
    assert len(set(bench.crop_job().keys)) == 2


def test_a_knob_changes_the_keys_from_its_stage_on(bench: Bench) -> None:
    other = Preprocessing(PreprocessParams(track=TrackParams(min_side_px=96)))
    (finding, tracking), (finding_too, tracking_too) = (jobs.video_chain(SOURCE) for jobs in (bench.jobs, other))
    assert finding.keys == finding_too.keys
    assert tracking.keys != tracking_too.keys


def test_the_plan_follows_the_records(bench: Bench) -> None:
    def plan() -> tuple[dict[str, int], dict[str, int]]:
        made = plan_videos(bench.jobs, [SOURCE], bench.index, 2)
        return dict(+made.cached), dict(+made.to_compute)

    assert plan() == ({}, dict.fromkeys(("detect", "track", "crop", "matte", "face3d"), 1))
    bench.video([CLIP, {**CLIP, "start_frame": 0}])
    assert plan()[0] == {"detect": 1, "track": 1}
    assert plan()[1]["crop"] == 2
    bench.finish()
    assert plan() == ({"detect": 1, "track": 1, "crop": 2, "matte": 2, "face3d": 2}, {})


def test_a_shard_is_unfinished_until_the_last_record_of_its_last_video_is_there(bench: Bench) -> None:
    copy = replace(SOURCE, uri="/videos/copy.mp4", video_id="copy")  # the same bytes: the same work

    def unfinished() -> tuple[int, int]:
        plan = plan_shard(bench.jobs, [SOURCE, copy], Glance(bench.index), 1)
        assert plan.videos == 2
        return plan.unfinished, sum(plan.to_compute.values())

    assert unfinished() == (1, 5)
    bench.video([CLIP])
    assert unfinished() == (1, 3)
    bench.finish()
    assert unfinished() == (0, 0)


def test_an_empty_file_is_unfinished_until_it_was_rejected(bench: Bench) -> None:
    empty = Source("/videos/empty.mp4", "empty", "empty", "0:1", "7" * 64)
    assert plan_shard(bench.jobs, [empty], Glance(bench.index), 1).unfinished == 1
    bench.record(bench.jobs.video_chain(empty)[0], Rejected(Reason.EMPTY_FILE, "no byte"))
    plan = plan_shard(bench.jobs, [empty], Glance(bench.index), 1)
    assert (plan.unfinished, plan.cached["detect"], plan.empty) == (0, 1, 0)


def test_an_empty_file_is_no_work(bench: Bench) -> None:
    empty = Source("/videos/empty.mp4", "empty", "empty", "0:1", "8" * 64)
    plan = plan_videos(bench.jobs, [SOURCE, empty], bench.index, 1)
    assert (plan.videos, plan.empty, plan.to_compute["detect"]) == (2, 1, 1)


class TestDataset:
    @pytest.fixture
    def rows(self, bench: Bench) -> list[dict[str, object]]:
        bench.video([CLIP, {**CLIP, "start_frame": 0}])
        bench.finish()
        faceless = Source("/videos/empty.mp4", "empty", "empty", "1:1", "7" * 64)
        bench.record(bench.jobs.video_chain(faceless)[0], FACELESS)
        return bench.rows() + bench.rows(faceless)

    def test_the_tables(self, store: Store, rows: list[dict[str, object]]) -> None:
        parts = write_shard(store, "vox", rows)
        everything = read_clips(store, "vox", done_only=False)
        assert everything.schema == CLIPS
        assert everything["clip_id"].to_pylist() == [
            "empty#empty",
            "id10280#NXjT3732Ekg#000000#000099",
            "id10280#NXjT3732Ekg#001093#001192",
        ]
        done = read_clips(store, "vox")
        assert done.num_rows == 2
        face = pq.read_table(pa.BufferReader(store.get(parts[1])))
        assert face.schema == FACE3D
        assert face["clip_id"].value_counts().to_pylist() == [
            {"values": name, "counts": 4} for name in (rows[0]["clip_id"], rows[1]["clip_id"])
        ]
        assert face["exp"].is_null().to_pylist() == [False, True, False, False] * 2
        assert face["id"].null_count == 8
        assert np.isnan(face3d.column(face.slice(0, 4), "exp")).all(axis=1).tolist() == [False, True, False, False]

    def test_the_same_rows_are_the_same_parts_and_are_written_once(
        self, store: Store, rows: list[dict[str, object]], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        parts = write_shard(store, "vox", rows)
        content = [store.get(part) for part in parts]
        written: list[str] = []
        monkeypatch.setattr(type(store), "put", lambda self, path, data: written.append(path))
        assert write_shard(store, "vox", [dict(reversed(row.items())) for row in rows]) == parts
        assert written == []
        monkeypatch.undo()
        for part in parts:
            store.delete(part)
        assert write_shard(store, "vox", rows) == parts
        assert [store.get(part) for part in parts] == content

    def test_only_the_last_runs_parts_stay_and_only_in_their_dataset(
        self, store: Store, rows: list[dict[str, object]]
    ) -> None:
        old = write_shard(store, "vox", rows)
        other = write_shard(store, "vox2", rows)
        new = write_shard(store, "vox", rows[:1])
        store.put("datasets/vox/README", b"mine")
        gone = keep_only(store, "vox", new)
        assert gone == [str(row["clip_id"]) for row in rows[1:] if row["outcome"] == "done"] and gone
        assert keep_only(store, "vox", new) == []
        assert set(store.list("datasets/")) == {*new, *other, "datasets/vox/README"}
        assert not set(old) & set(store.list("datasets/"))

    def test_a_dataset_that_is_not_there(self, store: Store, rows: list[dict[str, object]]) -> None:
        with pytest.raises(NoSuchDatasetError, match="it has: none"):
            read_clips(store, "vox")
        write_shard(store, "vox2", rows)
        with pytest.raises(NoSuchDatasetError, match="it has: vox2"):
            read_clips(store, "vox")
        assert write_shard(store, "vox", []) == ()


def test_clips_of_utterances_are_named_as_the_published_tracker_names_them(bench: Bench) -> None:
    said = {"utterance": "00003", "identity": "id10270", "split": "test", "start": 0, "end": 200}
    jobs = Preprocessing(PreprocessParams(), {SOURCE.video_id: (said,), "gone": (said,)})
    spoken = Bench(bench.store, jobs, bench.folder)
    lost = {**said, "utterance": "00004", "start_frame": 5, "frame_count": 10, "reason": "TOO_SHORT", "detail": "d"}
    del lost["start"], lost["end"]
    spoken.video([{**CLIP, **said, "number": n, "start_frame": 100 * n} for n in (0, 1)], missed=[lost])
    spoken.finish()
    rows = spoken.rows()
    places = ("00003#000", "00003#001", "00004")
    assert [row["clip_id"] for row in rows] == [f"id10270#NXjT3732Ekg#{at}" for at in places]
    assert [row["crop_mode"] for row in rows[:2]] == ["square"] * 2
    assert {row["split"] for row in rows} == {"test"}
    assert set().union(*rows) <= set(CLIPS.names)
    assert [row["clip_id"] for row in jobs.missing([SOURCE])] == ["id10270#gone#00003"]
