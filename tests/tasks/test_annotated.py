"""Utterances: the detection with the largest overlap with the annotation is the face, by time and by picture size."""

from pathlib import Path

import pyarrow as pa
import pytest
from test_track import BOX, Detections, clips, outcome, spans, still, table

from reenactory.tasks.outcomes import Made
from reenactory.tasks.track import missed_of

OTHER = (450.0, 300.0, 900.0, 780.0)  # larger than BOX: without annotation it would be followed


def utterance(frames: range, box: tuple[float, ...] = (100, 100, 400, 420), **changes: object) -> dict[str, object]:
    """In a picture of 1000x800; VoxCeleb2's fractions."""
    left, top, right, bottom = box
    plain = {"utterance": "00001", "identity": "id00017", "split": None, "fps": 25.0, "relative": True}
    plain |= {"start": frames[0], "end": frames[-1], "frames": list(frames)}
    plain["boxes"] = [[left / 1000, top / 800, right / 1000, bottom / 800]] * len(frames)
    return {**plain, **changes}


def both(frames: int) -> pa.Table:
    boxes: Detections = [(frame, box) for frame in range(frames) for box in (OTHER, BOX)]
    return table(boxes, frames)


def reasons(folder: Path, detections: pa.Table, *rows: dict[str, object]) -> list[tuple[str, object]]:
    made = outcome(folder, detections, rows)
    assert isinstance(made, Made)
    return [(str(missed["reason"]), missed["utterance"]) for missed in missed_of(made.facts)]


def test_the_annotated_face_is_followed_from_the_first_to_the_last_frame(tmp_path: Path) -> None:
    (clip,) = clips(tmp_path, both(300), (utterance(range(50, 151)),))
    assert spans([clip]) == [(50, 100)]
    assert clip["box_ltrb"] == clips(tmp_path, table(still(100), 100))[0]["box_ltrb"]
    assert (clip["faces_max"], clip["crowded_share"], clip["face"]) == (2, 1, None)
    assert (clip["identity"], clip["utterance"], clip["number"]) == ("id00017", "00001", 0)
    assert clip["crop_mode"] == "square"


def test_voxceleb1_counts_pixels_at_height_360(tmp_path: Path) -> None:
    row = utterance(range(100), relative=False)
    row["boxes"] = [[value * 360 / 800 for value in BOX]] * 100
    (clip,) = clips(tmp_path, both(300), (row,))
    assert spans([clip]) == [(0, 99)]
    assert clip["track_iou_min"] == 1


@pytest.mark.parametrize("fps", [(25, 1), (50, 1), (30000, 1001)])
def test_annotations_are_counted_at_25_frames_per_second(tmp_path: Path, fps: tuple[int, int]) -> None:
    moving = [(0.0, 0.0, 300.0, 320.0)] * 50 + [BOX] * 150  # the annotation jumps after two seconds: so does the face
    rate = fps[0] / fps[1]
    detections = table([(i, moving[int(i * 25 / rate + 1e-9)]) for i in range(int(8 * rate))], int(8 * rate), fps)
    row = utterance(range(200))
    row["boxes"] = [[box[0] / 1000, box[1] / 800, box[2] / 1000, box[3] / 800] for box in moving]
    found = clips(tmp_path, detections, (row,), min_iou=0.9, out_of_frame="fit", min_frames=1)
    assert len(found) == 2
    assert found[1]["start_frame"] == -(-50 * fps[0] // (25 * fps[1]))


def test_a_frame_without_annotation_or_without_a_face_ends_a_clip(tmp_path: Path) -> None:
    gappy = utterance(range(201))
    del gappy["frames"][100], gappy["boxes"][100]  # type: ignore[attr-defined]
    found = clips(tmp_path, both(300), (gappy,))
    assert spans(found) == [(0, 100), (101, 99)]
    assert [clip["number"] for clip in found] == [0, 1]
    faceless = table(still(100) + still(100, start=101), 300)
    assert spans(clips(tmp_path, faceless, (utterance(range(201)),))) == [(0, 100), (101, 99)]


def test_each_utterance_ends_as_clips_or_as_a_reason(tmp_path: Path) -> None:
    nobody = utterance(range(100), (600, 500, 700, 600), utterance="00002")
    short = utterance(range(50), utterance="00003")
    beyond = utterance(range(400, 500), utterance="00004")
    detections = table(still(300), 300)
    assert reasons(tmp_path, detections, utterance(range(100)), nobody, short, beyond) == [
        ("NO_FACE", "00002"),
        ("TOO_SHORT", "00003"),
        ("SPAN_OUTSIDE_VIDEO", "00004"),
    ]


def test_a_short_clip_is_told_from_a_short_annotation(tmp_path: Path) -> None:
    made = outcome(tmp_path, both(300), (utterance(range(50)), utterance(range(280, 400), utterance="00002")))
    assert isinstance(made, Made)
    annotated, video = (str(missed["detail"]) for missed in missed_of(made.facts))
    assert "49 frames, min_frames is 64; ended by the end of the annotation" in annotated
    assert "20 frames, min_frames is 64; ended by the end of the video" in video


def test_an_utterance_that_outlasts_the_video_ends_with_it(tmp_path: Path) -> None:
    assert spans(clips(tmp_path, both(120), (utterance(range(200)),))) == [(0, 120)]
