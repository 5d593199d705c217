"""Coefficients as arrays, and the motion windows that are formed of them at read time."""

import numpy as np
import pyarrow as pa
import pytest

from reenactory.tasks.face3d import SCHEMA, column
from reenactory.tasks.motion import windows

WIDTHS = {"exp": 64, "angles": 3, "trans": 3, "crop": 3}


def coefficients(frames: int, missing: tuple[int, ...] = ()) -> pa.Table:
    """Frame i holds 1000 i + the number of the coefficient, counted through exp, angles, trans, crop."""
    rows = []
    for frame in range(frames):
        row: dict[str, object] = {"frame": frame, "detected": frame not in missing, "extractor": "test"}
        first = 0
        for name, width in WIDTHS.items():
            values = [1000.0 * frame + first + place for place in range(width)]
            row[name] = None if frame in missing else values
            first += width
        rows.append(row)
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def frames_of(window: np.ndarray) -> list[int]:
    return [int(value) // 1000 for value in window[0]]


def test_the_window_of_the_first_of_five_frames() -> None:
    made = windows(coefficients(5))
    assert made.shape == (5, 73, 27)
    assert made.dtype == np.float32
    assert frames_of(made[0]) == [0] * 14 + [1, 2, 3, 4] + [4] * 9
    assert frames_of(made[4]) == [0] * 9 + [0, 1, 2, 3] + [4] * 14
    assert frames_of(made[2]) == [0] * 11 + [0, 1, 2, 3, 4] + [4] * 11


def test_the_order_is_expression_angles_translation_crop() -> None:
    assert windows(coefficients(40))[20, :, 13].tolist() == [20_000.0 + place for place in range(73)]


@pytest.mark.parametrize("radius", [0, 1, 13])
def test_the_middle_is_the_frame_itself(radius: int) -> None:
    made = windows(coefficients(30), radius)
    assert made.shape == (30, 73, 2 * radius + 1)
    assert [frames_of(window)[radius] for window in made] == list(range(30))


def test_a_frame_without_a_face_is_nan_wherever_it_stands_and_nowhere_else() -> None:
    made = windows(coefficients(6, missing=(2,)), radius=1)
    lost = np.isnan(made)
    assert (lost.any(axis=1) == lost.all(axis=1)).all()
    assert lost.all(axis=1).tolist() == [
        [False, False, False],
        [False, False, True],
        [False, True, False],
        [True, False, False],
        [False, False, False],
        [False, False, False],
    ]


def test_columns_of_a_slice_and_of_chunks() -> None:
    whole = coefficients(10, missing=(0, 4))
    expected = column(whole, "angles")
    assert np.isnan(expected[[0, 4]]).all()
    assert np.isfinite(expected[[1, 2, 3, 5, 9]]).all()
    np.testing.assert_array_equal(column(whole.slice(3, 5), "angles"), expected[3:8])
    chunked = pa.concat_tables([whole.slice(0, 4), whole.slice(4, 6)])
    np.testing.assert_array_equal(column(chunked, "angles"), expected)


def test_a_column_that_is_null_throughout() -> None:
    assert np.isnan(column(coefficients(3), "id")).all()
    assert column(coefficients(3), "id").shape == (3, 80)
    assert column(coefficients(0), "exp").shape == (0, 64)
