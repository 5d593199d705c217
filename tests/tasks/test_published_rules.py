"""The published rules to the letter: `track` against a literal writing-out of them, and against cases worked by hand.

The rules, as the fact sheet of the VoxCeleb preprocessing states them: a frame without a face is the box (0, 0, 0, 0);
frames are compared with the anchor, the track's first; the frame that fails is the next anchor.
"""

import random
from pathlib import Path

import numpy as np
import pytest
from test_annotated import utterance
from test_track import clips, still, table

from reenactory.tasks.presets import KNOBS, Preset
from reenactory.tasks.tracking.sparse import Seen, SparseSearch

Box = tuple[int, int, int, int]
Clip = tuple[int, int, Box]  # first frame, frames, crop box

ZERO: Box = (0, 0, 0, 0)
WIDTH, HEIGHT = 1000, 800


def literal_iou(a: Box, b: Box) -> float:
    """One pixel at a time in thought: a box from 3 to 5 is three pixels wide."""
    columns = min(a[2], b[2]) - max(a[0], b[0]) + 1
    rows = min(a[3], b[3]) - max(a[1], b[1]) + 1
    shared = columns * rows if columns > 0 and rows > 0 else 0
    area_a, area_b = ((box[2] - box[0] + 1) * (box[3] - box[1] + 1) for box in (a, b))
    return shared / (area_a + area_b - shared)


def literal_clips(boxes: list[Box]) -> list[Clip]:
    """The published loop over one chunk, a box per frame."""
    tubes: list[tuple[int, list[Box]]] = []
    held: list[Box] = []
    for frame, box in enumerate(boxes):
        if held and literal_iou(held[0], box) >= 0.25 and len(held) < 1024:
            held.append(box)
            continue
        if held:
            tubes.append((frame - len(held), held))
        held = [box]
    tubes.append((len(boxes) - len(held), held))
    judged = [(start, len(tube), literal_crop(tube)) for start, tube in tubes]
    return [(start, count, crop) for start, count, crop in judged if crop is not None]


def literal_crop(tube: list[Box]) -> Box | None:
    left, top = min(box[0] for box in tube), min(box[1] for box in tube)
    right, bottom = max(box[2] for box in tube), max(box[3] for box in tube)
    w, h = right - left, bottom - top
    if len(tube) < 64 or max(w, h) < 256:
        return None
    gw = max(0.1, (1.2 * h - w) / (2 * w))
    gh = max(0.1, (1.2 * w - h) / (2 * h))
    grown = int(left - gw * w), int(top - gh * h), int(right + gw * w), int(bottom + gh * h)
    leaves = grown[0] < 0 or grown[1] < 0 or grown[2] > WIDTH or grown[3] > HEIGHT
    return None if leaves else grown


def ours(folder: Path, boxes: list[Box], given: tuple[dict[str, object], ...] = (), **knobs: object) -> list[Clip]:
    """What `track` makes of one face per frame, with the knobs of the exact preset."""
    detections = table(
        [(frame, box) for frame, box in enumerate(boxes) if box != ZERO], len(boxes), size=(WIDTH, HEIGHT)
    )
    found = clips(folder, detections, given, **{**KNOBS[Preset.FOMM_EXACT]["track"], **knobs})
    return [(clip["start_frame"], clip["frame_count"], tuple(clip["box_ltrb"])) for clip in found]


def wandering(chance: random.Random) -> list[Box]:
    """A face that drifts, jumps, shrinks, and is missed now and then, over a few hundred frames."""
    boxes: list[Box] = []
    while len(boxes) < 400:
        left, top = chance.randrange(10, 500), chance.randrange(10, 380)
        w, h = chance.randrange(180, 420), chance.randrange(180, 420)
        step = chance.choice([0, 0, 1, 3])
        for n in range(chance.choice([1, 5, 62, 63, 64, 65, 120])):
            x, y = left + n * step, top + chance.randrange(3)
            boxes.append((x, y, x + w, y + h))
        boxes += [ZERO] * chance.choice([0, 0, 1, 2, 70])
    return boxes


@pytest.mark.parametrize("seed", range(40))
def test_every_clip_is_the_one_of_the_literal_rules(tmp_path: Path, seed: int) -> None:
    boxes = [(300, 200, 600, 500)] * 64 + [ZERO] + wandering(random.Random(seed))  # never without a clip
    expected = literal_clips(boxes)
    assert ours(tmp_path, boxes) == expected
    whole = utterance(range(len(boxes) + 1))
    whole["boxes"] = [[0, 0, 1, 1]] * (len(boxes) + 1)  # an annotation that meets every face
    assert ours(tmp_path, boxes, (whole,)) == expected


def test_the_made_up_faces_reach_every_rule() -> None:
    """Else the comparison above would prove less than it seems to."""
    drawn = [wandering(random.Random(seed)) for seed in range(40)]
    found = [clip for boxes in drawn for clip in literal_clips(boxes)]
    assert len(found) > 60
    lengths = {count for _, count, _ in found}
    assert 64 in lengths
    assert min(lengths) == 64
    assert any(ZERO in boxes for boxes in drawn)


class TestByHand:
    """Numbers worked out on paper, so that a mistake common to both writings shows."""

    ANCHOR: Box = (300, 200, 599, 499)  # 300 x 300 pixels

    def test_a_quarter_of_overlap_is_enough_and_a_pixel_less_is_not(self, tmp_path: Path) -> None:
        """Moved by 180: 120 * 300 shared of 480 * 300 in all is one quarter. By 181: 119 of 481."""
        for shift, expected in ((180, 1), (181, 2)):
            moved = (300 + shift, 200, 599 + shift, 499)
            boxes: list[Box] = [self.ANCHOR] * 64 + [moved] * 64
            assert len(ours(tmp_path, boxes)) == expected

    def test_without_inclusive_pixels_the_quarter_would_lie_elsewhere(self, tmp_path: Path) -> None:
        """Counted as 299 wide, the same 180 would be 119 / 479 = 0.248: not enough."""
        moved = (480, 200, 779, 499)
        assert literal_iou(self.ANCHOR, moved) == 0.25
        assert ours(tmp_path, [self.ANCHOR] * 64 + [moved] * 64)[0][1] == 128

    def test_the_frame_that_fails_is_the_first_of_the_next_clip_and_its_anchor(self, tmp_path: Path) -> None:
        far = (600, 200, 899, 499)
        back = (500, 200, 799, 499)  # overlaps `far` by half and the anchor by a quarter of it: stays with `far`
        found = ours(tmp_path, [self.ANCHOR] * 64 + [far] + [back] * 63)
        assert [(start, count) for start, count, _ in found] == [(0, 64), (64, 64)]

    def test_1024_frames_are_one_clip_and_frame_1025_begins_another(self, tmp_path: Path) -> None:
        found = ours(tmp_path, [self.ANCHOR] * (1024 + 64))
        assert [(start, count) for start, count, _ in found] == [(0, 1024), (1024, 64)]
        assert len(ours(tmp_path, [self.ANCHOR] * (1024 + 63))) == 1

    def test_a_single_missed_frame_ends_a_clip(self, tmp_path: Path) -> None:
        found = ours(tmp_path, [self.ANCHOR] * 70 + [ZERO] + [self.ANCHOR] * 63)
        assert [(start, count) for start, count, _ in found] == [(0, 70)]

    def test_growth_is_truncated_toward_zero(self, tmp_path: Path) -> None:
        """300 x 261: gw = 0.1, gh = (360 - 261) / 522. Up by 49.5 from 200.: 150.5, so 150; down to 510.5, so 510."""
        assert ours(tmp_path, [(300, 200, 600, 461)] * 64) == [(0, 64, (270, 150, 630, 510))]

    def test_half_a_pixel_outside_is_inside_and_one_is_not(self, tmp_path: Path) -> None:
        """261 high: grows by 49.5 up. From 49 it ends at -0.5, which is truncated to 0; from 48 at -1.5."""
        assert len(ours(tmp_path, [(300, 49, 600, 310)] * 64)) == 1
        boxes: list[Box] = [(300, 48, 600, 309)] * 64 + [ZERO] + [self.ANCHOR] * 64
        assert [start for start, _, _ in ours(tmp_path, boxes)] == [65]

    def test_255_pixels_are_too_small(self, tmp_path: Path) -> None:
        small: list[Box] = [(300, 200, 400, 455)] * 64
        large: list[Box] = [(300, 200, 400, 456)] * 64
        assert [start for start, _, _ in ours(tmp_path, [*small, ZERO, *large])] == [65]


def one_face_missed_at(missed: int, stride: int) -> list[int]:
    """Numbers of faces per frame that the search reports of a face that the detector misses once.

    The face nods for a second and is still then: a still face within its reach is what the stride skips frames of.
    """

    def search(frame: np.ndarray) -> Seen:
        number = int(frame[0])  # stands for the picture
        here = 0 if number == missed else 1
        reach = 20 if number % 8 == 4 and number < 32 else 0
        boxes = np.array([[300 - reach, 200 - reach, 600 + reach, 500 + reach]] * here, np.float32).reshape(-1, 4)
        return Seen(boxes, np.zeros((here, 5, 2), np.float32), np.ones(here, np.float32))

    frames = (np.array([number]) for number in range(140))
    return [len(found.seen.boxes) for found in SparseSearch(search, lambda frame: False, stride).faces(frames)]


def test_the_exact_preset_sees_a_single_missed_frame_and_the_stride_may_not(tmp_path: Path) -> None:
    def lengths(preset: Preset) -> list[int]:
        stride = int(str(KNOBS[preset].get("detect", {}).get("stride", 8)))
        counts = one_face_missed_at(69, stride)
        seen = [detection for frame, count in enumerate(counts) for detection in still(count, start=frame)]
        found = clips(tmp_path, table(seen, 140), **KNOBS[preset].get("track", {}))
        return [clip["frame_count"] for clip in found]

    assert lengths(Preset.FOMM_EXACT) == [69, 70]
    assert lengths(Preset.FOMM) == [140]
