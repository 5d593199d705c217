"""Tracks: the numbers of the published VoxCeleb preprocessing, one by one."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from reenactory.tasks.detect import SCHEMA
from reenactory.tasks.outcomes import Made, Rejected
from reenactory.tasks.track import Item, Params, clips_of, missed_of, run
from reenactory.tasks.tracking.crop_box import Picture, fit_inside, grow
from reenactory.tasks.tracking.face_tracks import iou
from reenactory.tasks.tracking.published import first_frame

BOX = (100, 100, 400, 420)  # grows by 0.1 to 384 square: well inside 1000x800
Detections = list[tuple[int, tuple[float, float, float, float]]]


def table(
    boxes: Detections,
    frames: int,
    fps: tuple[int, int] = (25, 1),
    size: tuple[int, int] = (1000, 800),
    shots: tuple[int, ...] = (0,),
) -> pa.Table:
    made = pa.table(
        {
            "frame": [frame for frame, _ in boxes],
            "box_ltrb": [list(box) for _, box in boxes],
            "points": [[0.0] * 10 for _ in boxes],
            "score": [0.9 for _ in boxes],
            "sharpness": [float(frame) for frame, _ in boxes],
            "interpolated": [False for _ in boxes],
        },
        schema=SCHEMA,
    )
    meta: dict[str, object] = {
        "width": size[0],
        "height": size[1],
        "frames": frames,
        "fps_num": fps[0],
        "fps_den": fps[1],
    }
    meta["shot_starts"] = list(shots)
    return made.replace_schema_metadata({name: str(value) for name, value in meta.items()})


def outcome(folder: Path, detections: pa.Table, given: tuple[dict[str, object], ...] = (), **knobs: object) -> object:
    (only,) = run(Item(folder, detections, given), Params.model_validate(knobs), None)  # type: ignore[arg-type]
    return only


def clips(folder: Path, detections: pa.Table, given: tuple[dict[str, object], ...] = (), **knobs: object) -> list[dict]:
    made = outcome(folder, detections, given, **knobs)
    assert isinstance(made, Made), made
    return list(clips_of(made.facts))


def reason(folder: Path, detections: pa.Table, given: tuple[dict[str, object], ...] = (), **knobs: object) -> str:
    """Why nothing was made of the video, or of the one row of metadata."""
    made = outcome(folder, detections, given, **knobs)
    if not given:
        assert isinstance(made, Rejected), made
        return made.reason.value
    assert isinstance(made, Made)
    assert not list(clips_of(made.facts))
    (missed,) = missed_of(made.facts)
    return str(missed["reason"])


def still(frames: int, box: tuple[float, float, float, float] = BOX, start: int = 0) -> Detections:
    return [(frame, box) for frame in range(start, start + frames)]


def spans(found: list[dict]) -> list[tuple[int, int]]:
    return [(clip["start_frame"], clip["frame_count"]) for clip in found]


class TestGeometry:
    def test_growth(self) -> None:
        assert grow((100, 100, 200, 220), 0.1) == (78, 88, 222, 232)

    @pytest.mark.parametrize("box", [(100, 100, 200, 220), (50, 80, 350, 200), (10, 10, 20, 20), (0, 5, 0, 305)])
    def test_growth_is_a_square_around_the_same_middle(self, box: tuple[int, int, int, int]) -> None:
        left, top, right, bottom = grow(box, 0.1)
        side = 1.2 * max(box[2] - box[0], box[3] - box[1])
        assert (right - left, bottom - top) == (pytest.approx(side, abs=2.2), pytest.approx(side, abs=2.2))
        assert abs((left + right) - (box[0] + box[2])) <= 2
        assert abs((top + bottom) - (box[1] + box[3])) <= 2

    def test_overlap_counts_inclusive_pixels(self) -> None:
        anchor = np.array([0, 0, 9, 9])  # 100 pixels
        others = np.array([[0, 0, 9, 9], [9, 9, 18, 18], [5, 0, 14, 9], [10, 0, 19, 9], [0, 0, 0, 0]])
        expected = [1, 1 / 199, 50 / 150, 0, 1 / 100]
        assert iou(anchor, others) == pytest.approx(expected)

    @pytest.mark.parametrize(
        ("box", "expected"),
        [
            ((-20, 100, 180, 300), (0, 100, 200, 300)),
            ((700, 500, 900, 700), (440, 280, 640, 480)),
            ((-50, -50, 650, 650), (60, 0, 540, 480)),
        ],
    )
    def test_fitting_shifts_and_then_shrinks(self, box: tuple[int, int, int, int], expected: tuple[int, ...]) -> None:
        assert fit_inside(box, Picture(640, 480)) == expected


class TestLength:
    def test_64_frames_are_kept_and_63_are_not(self, tmp_path: Path) -> None:
        (clip,) = clips(tmp_path, table(still(64), 64))
        assert (spans([clip]), clip["crop_mode"]) == ([(0, 64)], "square")
        assert reason(tmp_path, table(still(63), 63)) == "TOO_SHORT"

    def test_a_track_is_cut_after_1024_frames(self, tmp_path: Path) -> None:
        assert spans(clips(tmp_path, table(still(1025), 1025), min_frames=1)) == [(0, 1024), (1024, 1)]
        assert spans(clips(tmp_path, table(still(1024), 1024))) == [(0, 1024)]

    def test_a_missed_frame_ends_a_track_unless_gaps_are_allowed(self, tmp_path: Path) -> None:
        boxes = still(70) + still(70, start=71)
        assert spans(clips(tmp_path, table(boxes, 141))) == [(0, 70), (71, 70)]
        (one,) = clips(tmp_path, table(boxes, 141), max_gap=1)
        assert spans([one]) == [(0, 141)]
        assert one["detected_share"] == pytest.approx(140 / 141, abs=1e-4)
        two_missed = still(70) + still(70, start=72)
        assert spans(clips(tmp_path, table(two_missed, 142), max_gap=1)) == [(0, 70), (72, 70)]

    def test_a_gap_at_the_end_is_not_part_of_the_clip(self, tmp_path: Path) -> None:
        assert spans(clips(tmp_path, table(still(70), 100), max_gap=50)) == [(0, 70)]


class TestAnchor:
    def test_frames_are_compared_with_the_first_box_and_not_with_the_one_before(self, tmp_path: Path) -> None:
        drifting = [(frame, (100 + 2 * frame, 100, 400 + 2 * frame, 420)) for frame in range(200)]
        found = spans(
            clips(tmp_path, table(drifting, 200, size=(2000, 2000)), min_frames=1, margin=0.0, out_of_frame="fit")
        )
        width = 301
        last = max(shift for shift in range(300) if (width - 2 * shift) / (width + 2 * shift) >= 0.25)
        assert found[0] == (0, last + 1)
        assert found[1][0] == last + 1

    def test_the_box_is_the_union(self, tmp_path: Path) -> None:
        boxes = [(f, (100 + (f == 3) * 10, 100 - (f == 4) * 5, 400 + (f == 5) * 20, 420)) for f in range(64)]
        (clip,) = clips(tmp_path, table(boxes, 64), margin=0.0)
        assert clip["box_ltrb"] == list(grow((100, 95, 420, 420), 0.0))
        assert clip["track_iou_min"] < 1
        assert clip["blur"] == 31.5

    def test_the_largest_face_is_followed_and_others_are_counted(self, tmp_path: Path) -> None:
        boxes = [(f, box) for f in range(64) for box in ((600.0, 100.0, 700.0, 200.0), BOX)]
        (clip,) = clips(tmp_path, table(boxes, 64), margin=0.0)
        assert clip["box_ltrb"] == list(grow(BOX, 0.0))
        assert clip["faces_max"] == 2

    def test_numbers_below_zero_are_clipped(self, tmp_path: Path) -> None:
        (clip,) = clips(tmp_path, table(still(64, (-30.5, -2.0, 300.9, 300.0)), 64), margin=0.0)
        assert clip["box_ltrb"] == [0, 0, 300, 300]


class TestShots:
    def test_a_shot_ends_a_track_unless_told_otherwise(self, tmp_path: Path) -> None:
        detections = table(still(200), 200, shots=(0, 90))
        assert spans(clips(tmp_path, detections)) == [(0, 90), (90, 110)]
        assert spans(clips(tmp_path, detections, end_at_shots=False)) == [(0, 200)]

    def test_gaps_do_not_reach_over_a_cut(self, tmp_path: Path) -> None:
        detections = table(still(90) + still(90, start=95), 185, shots=(0, 92))
        assert spans(clips(tmp_path, detections, max_gap=10)) == [(0, 90), (95, 90)]


class TestWhatEndedATrack:
    """The detail of TOO_SHORT: what a person would have to change."""

    def detail(self, folder: Path, detections: pa.Table, **knobs: object) -> str:
        made = outcome(folder, detections, **knobs)
        assert isinstance(made, Rejected)
        assert made.reason.value == "TOO_SHORT"
        return made.detail

    def test_the_end_of_the_video(self, tmp_path: Path) -> None:
        detail = self.detail(tmp_path, table(still(40), 40))
        assert detail.startswith("40 frames, min_frames is 64; ended by the end of the video (longest of 1 tracks")

    def test_a_cut(self, tmp_path: Path) -> None:
        detail = self.detail(tmp_path, table(still(90), 90, shots=(0, 50)))
        assert "50 frames" in detail
        assert "ended by a cut to another shot at 2.00 s (frame 50)" in detail

    def test_a_face_that_is_lost(self, tmp_path: Path) -> None:
        boxes = still(50) + still(30, start=51)
        assert "ended by a frame without the face at 1.00 s (frame 50)" in self.detail(
            tmp_path, table(boxes, 81, fps=(50, 1))
        )

    def test_a_face_that_moves_away(self, tmp_path: Path) -> None:
        boxes = still(50) + still(30, (300, 100, 600, 420), start=50)
        detail = self.detail(tmp_path, table(boxes, 80))
        assert "ended by a face that overlaps the track's first box by 0.20 only at 2.00 s (frame 50)" in detail
        assert "min_iou is 0.25" in detail

    def test_a_gap_is_told_by_its_beginning(self, tmp_path: Path) -> None:
        detections = table(still(50) + still(30, start=60), 90, shots=(0, 52))
        assert "a frame without the face at 2.00 s" in self.detail(tmp_path, detections, max_gap=5)
        assert "a frame without the face at 2.00 s" in self.detail(tmp_path, table(still(50), 55), max_gap=50)

    def test_a_limit_below_the_least_length(self, tmp_path: Path) -> None:
        assert "ended by max_frames 50 at 2.00 s" in self.detail(tmp_path, table(still(90), 90), max_frames=50)

    def test_a_face_that_belongs_to_another_track_is_not_there(self, tmp_path: Path) -> None:
        boxes = sorted(still(60, (100, 100, 500, 500)) + still(50, (120, 100, 420, 420)))
        assert len(clips(tmp_path, table(boxes, 60), faces="all", min_frames=55)) == 1
        (dropped,) = json.loads((tmp_path / "tracks.json").read_text())["dropped"]
        assert dropped["detail"].endswith("ended by a frame without the face at 2.00 s (frame 50)")


class TestFilters:
    def test_the_longer_side_decides_about_size(self, tmp_path: Path) -> None:
        assert reason(tmp_path, table(still(64, (200, 200, 455, 455)), 64)) == "TOO_SMALL"
        assert len(clips(tmp_path, table(still(64, (200, 200, 300, 456)), 64))) == 1

    def test_one_pixel_outside_is_outside(self, tmp_path: Path) -> None:
        inside = (30, 100, 330, 400)  # grows by 30 on each side: touches the edge
        assert clips(tmp_path, table(still(64, inside), 64))[0]["box_ltrb"] == [0, 70, 360, 430]
        outside = (29, 100, 329, 400)
        assert reason(tmp_path, table(still(64, outside), 64)) == "BOX_LEAVES_FRAME"
        (fitted,) = clips(tmp_path, table(still(64, outside), 64), out_of_frame="fit")
        assert fitted["box_ltrb"] == [0, 70, 360, 430]

    def test_the_right_and_lower_edges(self, tmp_path: Path) -> None:
        assert len(clips(tmp_path, table(still(64, (670, 470, 970, 770)), 64))) == 1
        assert reason(tmp_path, table(still(64, (671, 470, 971, 770)), 64)) == "BOX_LEAVES_FRAME"
        assert reason(tmp_path, table(still(64, (670, 471, 970, 771)), 64)) == "BOX_LEAVES_FRAME"

    def test_no_face(self, tmp_path: Path) -> None:
        assert reason(tmp_path, table([], 100)) == "NO_FACE"
        assert reason(tmp_path, table([], 0)) == "NO_FACE"

    def test_the_verdict_is_that_of_the_longest_track(self, tmp_path: Path) -> None:
        small = (200.0, 200.0, 300.0, 300.0)
        assert reason(tmp_path, table(still(63) + still(80, small, start=70), 200)) == "TOO_SMALL"

    def test_good_tracks_are_kept_beside_dropped_ones(self, tmp_path: Path) -> None:
        made = outcome(tmp_path, table(still(64) + still(10, start=70), 100))
        assert isinstance(made, Made)
        assert (made.facts["dropped"], made.facts["frames_dropped"], made.frames) == (1, 10, 100)


def published(**changes: object) -> dict[str, object]:
    row = {
        "start": 100,
        "end": 200,
        "fps": 25.0,
        "width": 500.0,
        "height": 400.0,
        "box_ltrb": [50.0, 60.0, 150.0, 200.0],
    }
    return {**row, "identity": "id10280", "split": "test", **changes}


class TestPublishedMetadata:
    def test_a_row_at_its_own_rate_and_size(self, tmp_path: Path) -> None:
        (clip,) = clips(tmp_path, table(still(300), 300, size=(500, 400)), (published(),))
        assert (spans([clip]), clip["box_ltrb"]) == ([(100, 100)], [50, 60, 150, 200])
        assert clip["crop_mode"] == "published_metadata"
        assert clip["track_iou_min"] is None
        assert clip["detected_share"] == 1

    def test_another_size_scales_the_box_and_does_not_make_it_square(self, tmp_path: Path) -> None:
        (clip,) = clips(tmp_path, table(still(300), 300), (published(),))
        assert clip["box_ltrb"] == [100, 120, 300, 400]

    @pytest.mark.parametrize("fps", [(25, 1), (30, 1), (30000, 1001), (24, 1), (50, 1), (15, 1)])
    def test_frame_i_belongs_when_start_f_is_at_most_i_fps_and_below_end_f(
        self, tmp_path: Path, fps: tuple[int, int]
    ) -> None:
        rate = fps[0] / fps[1]
        expected = [i for i in range(600) if 100 * rate <= i * 25 + 1e-6 and i * 25 + 1e-6 < 200 * rate]
        (clip,) = clips(tmp_path, table(still(600), 600, fps), (published(),))
        assert spans([clip]) == [(expected[0], len(expected))]
        assert first_frame(published(), "start", rate) == expected[0]  # type: ignore[arg-type]

    def test_a_span_beyond_the_end(self, tmp_path: Path) -> None:
        assert reason(tmp_path, table(still(199), 199), (published(),)) == "SPAN_OUTSIDE_VIDEO"
        assert len(clips(tmp_path, table(still(200), 200), (published(),))) == 1
        assert reason(tmp_path, table(still(200), 200), (published(end=100),)) == "SPAN_OUTSIDE_VIDEO"
        assert reason(tmp_path, table(still(50), 50), (published(),)) == "SPAN_OUTSIDE_VIDEO"
        before = published(start=-1_000_000_000)
        assert reason(tmp_path, table(still(50), 50), (before,)) == "SPAN_OUTSIDE_VIDEO"

    def test_a_box_outside_the_picture_drops_its_own_clip_only(self, tmp_path: Path) -> None:
        rows = (published(), published(start=0, box_ltrb=[50.0, 60.0, 501.0, 200.0]))
        assert spans(clips(tmp_path, table(still(300), 300), rows)) == [(100, 100)]
        assert reason(tmp_path, table(still(300), 300), rows[1:]) == "BOX_LEAVES_FRAME"

    def test_no_face_in_the_span_is_still_a_clip(self, tmp_path: Path) -> None:
        """The metadata says what a clip is; that no face was seen there is written beside it."""
        assert reason(tmp_path, table([], 300), (published(),), min_detected_share=0.01) == "FACE_TOO_RARE"
        (clip,) = clips(tmp_path, table([], 300), (published(),))
        assert (clip["detected_share"], clip["faces_max"]) == (0, 0)

    def test_the_face_in_the_box_is_the_one_that_counts(self, tmp_path: Path) -> None:
        beside = [(f, box) for f in range(300) for box in ((600.0, 100.0, 900.0, 400.0), (110.0, 130.0, 290.0, 390.0))]
        (clip,) = clips(tmp_path, table(beside, 300), (published(),))
        assert (clip["face_px_min"], clip["faces_max"], clip["detected_share"]) == (260, 2, 1)
        (clip,) = clips(tmp_path, table(beside[::2], 300), (published(),))
        assert (clip["face_px_min"], clip["faces_max"], clip["detected_share"]) == (0, 0, 0)

    def test_two_rows_of_one_span_are_two_people_or_one_clip(self, tmp_path: Path) -> None:
        other = published(box_ltrb=[250.0, 60.0, 350.0, 200.0], identity="id10281")
        made = outcome(tmp_path, table(still(300), 300, size=(500, 400)), (published(), other, published()))
        assert isinstance(made, Made)
        assert [clip["identity"] for clip in clips_of(made.facts)] == ["id10280", "id10281"]
        (missed,) = missed_of(made.facts)
        assert (missed["reason"], missed["identity"], missed["start_frame"]) == ("DUPLICATE_ROW", "id10280", 100)


class TestSeveralFaces:
    LEFT, RIGHT = (100.0, 100.0, 400.0, 420.0), (600.0, 300.0, 880.0, 600.0)

    def both(self, frames: int, start: int = 0) -> Detections:
        return [(f, box) for f in range(start, start + frames) for box in (self.RIGHT, self.LEFT)]

    def test_all_faces_have_clips_of_their_own(self, tmp_path: Path) -> None:
        found = clips(tmp_path, table(self.both(80), 80), faces="all", margin=0.0)
        assert [(clip["face"], clip["box_ltrb"]) for clip in found] == [
            (0, list(grow((100, 100, 400, 420), 0.0))),
            (1, list(grow((600, 300, 880, 600), 0.0))),
        ]
        (largest,) = clips(tmp_path, table(self.both(80), 80))
        assert largest["face"] is None

    def test_a_face_that_comes_later_is_followed_from_there(self, tmp_path: Path) -> None:
        boxes = sorted(still(200, self.LEFT) + still(100, self.RIGHT, start=50))
        found = clips(tmp_path, table(boxes, 200), faces="all")
        assert [(*spans([clip])[0], clip["face"]) for clip in found] == [(0, 200, 0), (50, 100, 1)]
        assert [clip["faces_max"] for clip in found] == [2, 2]

    def test_a_long_track_that_is_cut_stays_one_face_but_not_over_a_shot(self, tmp_path: Path) -> None:
        found = clips(tmp_path, table(self.both(200), 200), faces="all", max_frames=100)
        assert [(clip["start_frame"], clip["face"]) for clip in found] == [(0, 0), (0, 1), (100, 0), (100, 1)]
        found = clips(tmp_path, table(self.both(200), 200, shots=(0, 100)), faces="all")
        assert [(clip["start_frame"], clip["face"]) for clip in found] == [(0, 0), (0, 1), (100, 2), (100, 3)]

    def test_no_detection_is_in_two_tracks(self, tmp_path: Path) -> None:
        crossing = [(f, (100.0 + 6 * f, 100.0, 400.0 + 6 * f, 420.0)) for f in range(80)]
        crossing += [(f, (580.0 - 6 * f, 110.0, 880.0 - 6 * f, 430.0)) for f in range(80)]
        found = clips(tmp_path, table(sorted(crossing), 80), faces="all", min_frames=1, out_of_frame="fit", margin=0.0)
        assert sum(clip["frame_count"] for clip in found) == 160

    def test_reject_heeds_the_share_of_frames_with_a_second_face(self, tmp_path: Path) -> None:
        ten = sorted(still(100, self.LEFT) + still(10, self.RIGHT, start=20))
        eleven = sorted(still(100, self.LEFT) + still(11, self.RIGHT, start=20))
        assert len(clips(tmp_path, table(ten, 100), faces="reject")) == 1
        assert reason(tmp_path, table(eleven, 100), faces="reject") == "MORE_THAN_ONE_FACE"
        assert reason(tmp_path, table(ten, 100), faces="reject", max_crowded_share=0.0) == "MORE_THAN_ONE_FACE"


class TestQuality:
    def test_motion_is_in_face_widths_per_second(self, tmp_path: Path) -> None:
        moving = [(f, (100.0 + 2 * f, 100.0, 400.0 + 2 * f, 420.0)) for f in range(64)]
        (clip,) = clips(tmp_path, table(moving, 64))
        assert clip["motion"] == pytest.approx(2 * 25 / 300, abs=1e-4)
        (still_one,) = clips(tmp_path, table(still(64), 64))
        assert still_one["motion"] == 0
        (faster,) = clips(tmp_path, table(moving, 64, fps=(50, 1)))
        assert faster["motion"] == pytest.approx(2 * 50 / 300, abs=1e-4)

    def test_filters_are_off_until_they_are_asked_for(self, tmp_path: Path) -> None:
        detections = table(still(70) + still(10, start=100), 110)  # sharpness is the number of the frame
        assert spans(clips(tmp_path, detections, max_gap=40)) == [(0, 110)]
        assert reason(tmp_path, detections, max_gap=40, min_detected_share=0.8) == "FACE_TOO_RARE"
        assert reason(tmp_path, detections, max_gap=40, min_blur=60.0) == "TOO_BLURRED"
        assert len(clips(tmp_path, detections, max_gap=40, min_blur=30.0, min_detected_share=0.7)) == 1
