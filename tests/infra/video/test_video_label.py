"""Words in the corner: legible, in their place, and nothing else changed."""

import numpy as np
import pytest

from reenactory.infra.video import draw_label

SIDES = (64, 96, 128, 256, 512, 1024)


def grey(side: int, count: int = 2) -> np.ndarray:
    return np.full((count, side, side, 3), 120, np.uint8)


@pytest.mark.parametrize("side", SIDES)
def test_it_stands_in_the_bottom_left_corner_alone(side: int) -> None:
    frames = grey(side)
    labelled = draw_label(frames, "re-enacted:", "warp")
    assert (frames == 120).all(), "the frames that were given are not touched"
    rows, columns = np.nonzero((labelled != 120).any(axis=(0, 3)))
    assert rows.max() == side - 1 and columns.min() == 0
    assert rows.min() >= side * 0.8
    assert columns.max() < side * (1 if side < 96 else 0.7)
    assert (labelled[0] == labelled[1]).all()


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("level", [0, 255])
def test_letters_stand_out_from_any_background(side: int, level: int) -> None:
    labelled = draw_label(np.full((1, side, side, 3), level, np.uint8), "re-enacted:", "warp")[0]
    box = labelled[-max(9, side // 20) :, : side // 2]
    assert int(box.max()) - int(np.median(box)) > 100


@pytest.mark.parametrize("side", SIDES)
def test_other_words_give_another_picture(side: int) -> None:
    names = ("copy", "warp", "flow3d", "flow3d_expression")
    pictures = {draw_label(grey(side, 1), "re-enacted:", name).tobytes() for name in names}
    assert len(pictures) == len(names)


def test_a_long_name_takes_a_second_line_and_stays_inside() -> None:
    short, long = (draw_label(grey(128), "re-enacted:", name) for name in ("warp", "a_very_long_renderer_name_indeed"))
    tall = [int((picture != 120).any(axis=(0, 2, 3)).sum()) for picture in (short, long)]
    assert tall[1] > 1.6 * tall[0]
    assert draw_label(grey(24), "re-enacted:", "warp").shape == (2, 24, 24, 3)
