"""The matte stage around its network: files, numbers, and the clip that lost its face."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray
from pydantic import JsonValue

from reenactory.infra.index import RecordIndex
from reenactory.infra.sources import Source
from reenactory.infra.store import Store
from reenactory.models.rvm.matting import Matte
from reenactory.tasks import detect, matte
from reenactory.tasks.matte_quality import MatteQuality
from reenactory.tasks.outcomes import Made, Outcome, Reason, Rejected
from reenactory.tasks.preprocess import Preprocessing, PreprocessParams
from reenactory.tasks.running.runner import decode, save
from reenactory.tasks.stage import ArtefactRef, Job

FRAMES, SIDE = 6, 32
BOX = {"frame": 0, "box_ltrb": [108.0, 58.0, 124.0, 74.0], "points": [0.0] * 10, "score": 0.9, "sharpness": 1.0}


class FakeMatter:
    """Alpha is the frame's red, colour its inverse; frame `blind` is lost. Remembers what it was warmed up with."""

    def __init__(self, blind: int | None = None) -> None:
        self.blind, self.head, self.colours = blind, np.zeros((0, 1, 1, 3), np.uint8), False

    def begin(self, downsample_ratio: float, colours: bool) -> "FakeMatter":
        self.colours = colours
        return self

    def warm_up(self, head: NDArray[np.uint8]) -> None:
        self.head = head

    def step(self, frames: Iterable[NDArray[np.uint8]]) -> Iterator[Matte]:
        for number, frame in enumerate(frames):
            alpha = np.zeros_like(frame[..., 0]) if number == self.blind else frame[..., 0]
            yield Matte(alpha, 255 - frame if self.colours else None)


def outcome(folder: Path, matter: FakeMatter, with_detections: bool = True, **knobs: object) -> Outcome:
    frames = np.full((FRAMES, SIDE, SIDE, 3), 255, np.uint8)
    frames[..., 1] = np.arange(FRAMES, dtype=np.uint8)[:, None, None]
    fields = [detect.SCHEMA.field(name) for name in BOX]
    table = pa.Table.from_pylist([{**BOX, "frame": 7 + i} for i in range(FRAMES)], schema=pa.schema(fields))
    placed = {"detections": table, "start_frame": 7, "box_ltrb": (100.0, 50.0, 132.0, 82.0)} if with_detections else {}
    item = matte.Item(folder, frames, 25, 1, **placed)  # type: ignore[arg-type]
    params = matte.Params.model_validate(knobs)
    (made,) = matte.run(item, params, matte.Models(matter, 1))  # type: ignore[arg-type]
    return made


def test_the_alpha_is_stored_losslessly_with_its_numbers(tmp_path: Path) -> None:
    made = outcome(tmp_path, FakeMatter(blind=4))
    assert isinstance(made, Made)
    stored = np.asarray(decode(made.files["alpha.mkv"]))
    assert [int(alpha.mean()) for alpha in stored] == [255, 255, 255, 255, 0, 255]
    assert list(made.files) == ["alpha.mkv"]
    assert made.facts == {
        "alpha_mean": 0.8333,
        "alpha_min": 0.0,
        "alpha_change": 0.4,
        "alpha_soft_max": 0.0,
        "alpha_face_min": 0.0,
        "matte_flag": "LOST_FACE",
    }


def test_the_worst_frame_says_how_much_is_half_transparent() -> None:
    alphas = np.zeros((3, 10, 10), np.uint8)
    alphas[0, :5], alphas[1, :5] = 255, 128
    alphas[1, 5, :5], alphas[2, 0] = 230, 229
    quality = MatteQuality.of(alphas, np.full((3, 4), np.nan, np.float32))
    assert (quality.soft_max, quality.mean) == (0.5, round((0.5 + 0.251 + 0.05 * 0.902 + 0.1 * 0.898) / 3, 4))


def test_colours_on_demand(tmp_path: Path) -> None:
    made = outcome(tmp_path, FakeMatter(), foreground=True)
    assert isinstance(made, Made)
    colours = np.asarray(decode(made.files["foreground.mp4"]))
    assert colours[3, 0, 0].tolist() == [0, 252, 0]
    assert colours.shape == (FRAMES, SIDE, SIDE, 3)


@pytest.mark.parametrize(("bound", "reason"), [(0.0, None), (0.6, Reason.MATTE_LOST_FACE)])
def test_a_lost_face_is_rejected_only_when_asked(tmp_path: Path, bound: float, reason: Reason | None) -> None:
    made = outcome(tmp_path, FakeMatter(blind=2), min_face_alpha=bound)
    if reason is None:
        assert isinstance(made, Made)
    else:
        assert isinstance(made, Rejected) and made.reason == reason
        assert "frame 2" in made.detail and "0.6" in made.detail


def test_without_detections_nothing_is_said_of_the_face(tmp_path: Path) -> None:
    made = outcome(tmp_path, FakeMatter(blind=2), with_detections=False, min_face_alpha=0.9)
    assert isinstance(made, Made)
    assert (made.facts["alpha_face_min"], made.facts["matte_flag"]) == (None, None)


@pytest.mark.parametrize("frames", [0, 3, 100])
def test_the_head_is_run_first(tmp_path: Path, frames: int) -> None:
    matter = FakeMatter()
    outcome(tmp_path, matter, warm_up_frames=frames)
    assert matter.head[:, 0, 0, 1].tolist() == list(range(min(frames, FRAMES)))


def test_the_clips_table_gets_the_numbers_and_the_job_the_clips_place(store: Store) -> None:
    jobs, index = Preprocessing(PreprocessParams()), RecordIndex(store)
    source = Source("/videos/a.mp4", "a", "a", "800000:1", "5" * 64)

    def record(job: Job, made: Made) -> None:
        index.add(save(store, job, 0, made, 0.1))

    quality = {"track_iou_min": 0.5, "face_px_min": 100, "faces_max": 1, "blur": 20.0, "detected_share": 1.0}
    clip = {
        "start_frame": 7,
        "frame_count": FRAMES,
        "box_ltrb": [100, 50, 132, 82],
        "motion": 0.0,
        "face": None,
        "crop_mode": "square",
        **quality,
    }
    rate = {"fps_num": 25, "fps_den": 1}
    chain = jobs.video_chain(source)
    sizes = {"width": 640, "height": 360, "has_audio": False, "frames": 99, "deinterlace": "never"}
    record(chain[0], Made({}, 99, {**rate, **sizes}))
    record(chain[1], Made({}, 99, {"clips": [clip], "missed": []}))
    ((cropping,),) = jobs.follow_up(source, chain, {job.keys[0]: index.get(job.stage, job.keys[0]) for job in chain})  # type: ignore[misc]
    record(cropping, Made({}, FRAMES, rate))
    cropped = {cropping.keys[0]: index.get("crop", cropping.keys[0])}
    ((matting, fitting),) = jobs.follow_up(source, (cropping,), cropped)  # type: ignore[arg-type]
    assert matting.inputs["detections"] == ArtefactRef("detect", chain[0].keys[0], "detections.parquet")
    assert (matting.fields["start_frame"], matting.fields["box_ltrb"]) == (7, clip["box_ltrb"])
    numbers: dict[str, JsonValue] = {"alpha_mean": 0.5, "alpha_change": 0.01, "alpha_soft_max": 0.04}
    numbers |= {"alpha_face_min": 0.2, "matte_flag": "LOST_FACE"}
    record(matting, Made({}, FRAMES, {**numbers, "alpha_min": 0.1}))
    record(fitting, Made({}, FRAMES))
    (row,) = jobs.rows(source, index)
    assert {name: row[name] for name in numbers} == numbers
