"""Sparse search: what is skipped, what is not, and that nothing that decides a crop box is."""

import numpy as np
import pytest

from reenactory.tasks.tracking.reach import match
from reenactory.tasks.tracking.sparse import Found, Seen, SparseSearch

BOX = (100.0, 100.0, 200.0, 220.0)


def seen(*boxes: tuple[float, ...]) -> Seen:
    made = np.array(boxes, np.float32).reshape(-1, 4)
    points = np.repeat(made[:, None, :2], 5, axis=1)
    return Seen(made, points, np.full(len(made), 0.9, np.float32))


def search(truth: list[Seen], stride: int, cuts: tuple[int, ...] = ()) -> tuple[list[Found], list[int]]:
    """What comes out for a video whose frame i holds the number i, and which frames were looked at."""
    looked: list[int] = []

    def look(frame: np.ndarray) -> Seen:
        looked.append(int(frame[0, 0, 0]))
        return truth[looked[-1]]

    frames = (np.full((1, 1, 3), i, np.uint16) for i in range(len(truth)))
    found = list(SparseSearch(look, lambda frame: int(frame[0, 0, 0]) in cuts, stride).faces(frames))
    return found, sorted(looked)


def moved(x: float) -> tuple[float, ...]:
    return (BOX[0] + x, BOX[1], BOX[2] + x, BOX[3])


def settled(frames: int, tail: list[Seen]) -> list[Seen]:
    """A face that has been 4 px out on every side, and then rests; then the tail."""
    wide = [seen(BOX), seen((96, 96, 196, 216)), seen((104, 104, 204, 224)), seen(BOX)]
    return wide + [seen(BOX)] * (frames - len(wide)) + tail


def test_every_frame_is_searched_with_stride_1() -> None:
    truth = [seen(moved(x)) for x in range(20)]
    found, looked = search(truth, 1)
    assert looked == list(range(20))
    assert all(
        np.array_equal(f.seen.boxes, t.boxes) and not f.seen.interpolated for f, t in zip(found, truth, strict=True)
    )


def test_a_face_at_rest_within_its_reach_is_searched_on_the_stride() -> None:
    found, looked = search(settled(100, []), 8)
    late = [frame for frame in looked if frame > 8]
    assert late == [*range(16, 100, 8), 99]
    assert [f.seen.interpolated for f in found[9:17]] == [True] * 7 + [False]
    assert all(np.allclose(f.seen.boxes, [BOX]) for f in found[9:])


def test_boxes_points_and_scores_in_between_lie_on_the_line() -> None:
    truth = settled(17, [seen(moved(x / 4)) for x in range(1, 9)])
    found, looked = search(truth, 8)
    assert [frame for frame in looked if frame > 16] == [24]
    for frame in range(17, 24):
        assert found[frame].seen.interpolated
        assert found[frame].seen.boxes == pytest.approx(truth[frame].boxes)
        assert found[frame].seen.points == pytest.approx(truth[frame].points)
        assert found[frame].seen.scores == pytest.approx(0.9)


def test_a_face_at_the_edge_of_its_reach_is_searched_in_every_frame() -> None:
    outwards = [seen(moved(2 * x)) for x in range(40)]
    assert search(outwards, 8)[1] == list(range(40))


@pytest.mark.parametrize("start", [41, 44, 47, 48])
def test_a_change_in_the_number_of_faces_is_found_to_the_frame(start: int) -> None:
    other = (400.0, 100.0, 500.0, 220.0)
    truth = [seen(BOX, other) if frame >= start else one for frame, one in enumerate(settled(80, []))]
    found, _ = search(truth, 8)
    assert [len(f.seen.boxes) for f in found] == [len(t.boxes) for t in truth]


def test_nothing_between_nothing_is_not_searched() -> None:
    assert search([seen()] * 33, 8)[1] == [0, 8, 16, 24, 32]


def test_nothing_is_interpolated_over_a_cut() -> None:
    found, looked = search(settled(80, []), 8, cuts=(45,))
    assert {44, 45} <= set(looked)
    assert [frame for frame, f in enumerate(found) if f.cut] == [45]
    assert not {42, 43} & set(looked) or not found[44].seen.interpolated


def test_partners_are_joined_by_place_and_not_by_order() -> None:
    other = (400.0, 100.0, 500.0, 220.0)
    one, swapped = seen(BOX, other).boxes, seen(other, BOX).boxes
    assert match(one, swapped) == [1, 0]
    assert match(one, one[:1]) is None
    assert match(one, seen(BOX, (600.0, 100.0, 700.0, 220.0)).boxes) is None
    truth = [seen(BOX, other)] * 4 + [
        seen((96, 96, 196, 216), (396, 96, 496, 216)),
        seen((104, 104, 204, 224), (404, 104, 504, 224)),
    ]
    truth += [seen(BOX, other) if frame % 16 < 8 else seen(other, BOX) for frame in range(6, 64)]
    found, _ = search(truth, 8)
    assert any(f.seen.interpolated for f in found)
    for frame, f in enumerate(found[6:], start=6):
        assert f.seen.boxes[np.argsort(f.seen.boxes[:, 0])] == pytest.approx(np.array([BOX, other])), frame


def test_random_walks_keep_their_union_within_two_pixels_at_256() -> None:
    """Faces that nod and sway smoothly, with a detector's noise: the union decides the crop box."""
    for seed in range(20):
        chance = np.random.default_rng(seed)
        time = np.arange(400)
        sway = sum(
            chance.uniform(2, 12) * np.sin(time * 2 * np.pi / chance.uniform(20, 150) + chance.uniform(0, 6))
            for _ in range(3)
        )
        boxes = np.array(BOX) + sway[:, None] * np.array([1, 0.5, 1, 0.5]) + chance.normal(0, 0.3, (400, 4))
        found, looked = search([seen(tuple(box)) for box in boxes], 8)
        sparse = np.concatenate([f.seen.boxes for f in found])
        edges = [np.concatenate([each[:, :2].min(axis=0), each[:, 2:].max(axis=0)]) for each in (boxes, sparse)]
        assert np.abs(edges[0] - edges[1]).max() * 256 / 144 < 2
        assert len(looked) < 400
