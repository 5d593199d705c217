"""Windows, gaps and the crop scale of two people, on tables made by hand."""

import numpy as np
import pytest

from reenactory.models.face_model.motion import (
    ANGLES,
    CROP_SCALE,
    WIDTH,
    fill_gaps,
    hold,
    incomplete,
    match_crop_scale,
    window_frames,
    windows_of,
    with_crop_scale,
)


def ramp(frames: int, missing: tuple[int, ...] = ()) -> np.ndarray:
    """Frame i holds 10 i + the number of the coefficient / 100; angles 0.01 i."""
    table = 10.0 * np.arange(frames)[:, None] + np.arange(WIDTH) / 100
    table[:, ANGLES] = 0.01 * np.arange(frames)[:, None]
    table[list(missing)] = np.nan
    return table.astype(np.float32)


def test_the_ends_of_a_clip_are_repeated() -> None:
    assert window_frames(np.array([0, 4, 2]), 5, 2).tolist() == [[0, 0, 0, 1, 2], [2, 3, 4, 4, 4], [0, 1, 2, 3, 4]]
    assert window_frames(np.array([0]), 5, 13)[0].tolist() == [0] * 14 + [1, 2, 3] + [4] * 10
    assert window_frames(np.array([], np.int64), 5, 1).shape == (0, 3)


@pytest.mark.parametrize("frames", [[-1], [5], [0, 7]])
def test_a_frame_beyond_the_clip_is_an_error(frames: list[int]) -> None:
    with pytest.raises(IndexError, match="of a clip of 5"):
        window_frames(np.array(frames), 5)
    with pytest.raises(ValueError, match="radius"):
        window_frames(np.array([0]), 5, -1)


def test_windows_against_a_loop() -> None:
    table = ramp(40)
    frames = np.array([3, 39, 20, 0])
    got = windows_of(table, frames, 13)
    assert got.shape == (4, 73, 27)
    for row, frame in enumerate(frames):
        for place in range(27):
            np.testing.assert_array_equal(got[row, :, place], table[min(max(frame - 13 + place, 0), 39)])


def test_a_still_image_is_its_descriptor_27_times() -> None:
    table = ramp(3)
    got = hold(table)
    assert got.shape == (3, 73, 27)
    assert (got == table[:, :, None]).all()
    np.testing.assert_array_equal(got[1], windows_of(table[1:2], np.array([0]))[0])  # a clip of one frame


def test_windows_with_an_unknown_frame_are_marked() -> None:
    known = np.array([True] * 6 + [False] + [True] * 3)
    every = np.arange(10)
    assert np.flatnonzero(incomplete(known, every, 2)).tolist() == [4, 5, 6, 7, 8]
    assert np.flatnonzero(incomplete(known, every, 0)).tolist() == [6]
    windows = windows_of(ramp(10, missing=(6,)), every, 2)
    np.testing.assert_array_equal(np.isnan(windows).any(axis=(1, 2)), incomplete(known, every, 2))


def test_short_gaps_are_filled_in_a_straight_line_and_flagged() -> None:
    filled = fill_gaps(ramp(12, missing=(3, 4, 8)), max_gap_frames=2)
    np.testing.assert_allclose(filled.descriptors, ramp(12), rtol=1e-6)
    assert np.flatnonzero(filled.filled).tolist() == [3, 4, 8]


def test_long_gaps_and_the_ends_stay_unknown() -> None:
    table = ramp(12, missing=(0, 1, 4, 5, 6, 9, 11))
    filled = fill_gaps(table, max_gap_frames=2)
    assert np.flatnonzero(filled.filled).tolist() == [9]
    assert np.flatnonzero(np.isnan(filled.descriptors).any(axis=1)).tolist() == [0, 1, 4, 5, 6, 11]
    np.testing.assert_array_equal(filled.descriptors[[2, 3, 7, 8, 10]], table[[2, 3, 7, 8, 10]])


@pytest.mark.parametrize("missing", [(), (1,), (0, 1, 2, 3)])
def test_nothing_is_made_up_unless_asked_for(missing: tuple[int, ...]) -> None:
    table = ramp(4, missing)
    filled = fill_gaps(table, 0)
    np.testing.assert_array_equal(filled.descriptors, table)
    assert not filled.filled.any()
    np.testing.assert_array_equal(fill_gaps(ramp(4, (0, 1, 2, 3)), 9).descriptors, ramp(4, (0, 1, 2, 3)))


def test_angles_are_filled_the_short_way_round() -> None:
    table = ramp(3, missing=(1,))
    table[[0, 2], ANGLES] = [[3.0, 0, 0], [-3.0, 0, 0]]
    middle = fill_gaps(table, 1).descriptors[1, ANGLES]
    assert abs(abs(middle[0]) - np.pi) < 1e-6  # halfway is behind, not ahead
    assert middle[1:].tolist() == [0, 0]


def by_hand(driving: np.ndarray, source: np.ndarray) -> tuple[int, float]:
    """The published rule, in a loop."""
    best, found = np.inf, -1
    for frame, row in enumerate(driving):
        exp = sum(abs(float(a) - float(b)) for a, b in zip(row[:64], source[:64], strict=True)) / 64
        angles = sum(abs(float(a) - float(b)) for a, b in zip(row[64:67], source[64:67], strict=True)) / 3
        if 0.3 * exp + 0.7 * angles < best:
            best, found = 0.3 * exp + 0.7 * angles, frame
    return found, float(source[70]) / float(driving[found, 70])


@pytest.mark.parametrize("seed", range(5))
def test_crop_scale_by_the_published_rule(seed: int) -> None:
    chance = np.random.default_rng(seed)
    driving, source = chance.normal(0, 0.2, (30, 73)).astype(np.float32), chance.normal(0, 0.2, 73).astype(np.float32)
    driving[:, CROP_SCALE], source[CROP_SCALE] = chance.uniform(0.7, 1.4, 30), 0.9
    got = match_crop_scale(driving, source)
    frame, ratio = by_hand(driving, source)
    assert got.frame == frame
    assert got.ratio == pytest.approx(ratio, rel=1e-6)
    changed = with_crop_scale(driving, got.ratio)
    assert changed[got.frame, CROP_SCALE] == pytest.approx(0.9, rel=1e-6)
    untouched = np.arange(73) != CROP_SCALE
    np.testing.assert_array_equal(changed[:, untouched], driving[:, untouched])


def test_crop_scale_passes_over_frames_without_a_face() -> None:
    driving, source = ramp(4, missing=(0, 2)), ramp(1)[0]
    assert match_crop_scale(driving, source).frame == 1
    with pytest.raises(ValueError, match="without a face"):
        match_crop_scale(np.full_like(driving, np.nan), source)
    with pytest.raises(ValueError, match="without a face"):
        match_crop_scale(driving, np.full_like(source, np.nan))
