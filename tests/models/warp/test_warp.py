"""Golden checks of the warp on the mean face of the open model, painted with waves."""

import numpy as np
import pytest
import torch
from painted_head import SIDE, motion, units, waves

from reenactory.models.warp import warp
from reenactory.models.warp.coefficients import Coefficients
from reenactory.models.warp.face import WarpFace
from reenactory.models.warp.warp import WarpState, animate, prepare

ANGLES = [(0.0, 0.0, 0.0), (0.0, 0.25, 0.0), (0.15, -0.1, 0.0), (0.0, 0.0, 0.1)]


@pytest.fixture(scope="module")
def state(warp_face: WarpFace) -> WarpState:
    return prepare(warp_face, *waves(), motion(warp_face, ANGLES[:1]))


@pytest.fixture(scope="module")
def moving(warp_face: WarpFace) -> Coefficients:
    """Still, yawed, pitched, rolled."""
    return motion(warp_face, ANGLES)


def test_driver_equal_to_source_gives_the_source(state: WarpState, warp_face: WarpFace) -> None:
    picture, alpha = waves()
    frame = animate(state, motion(warp_face, ANGLES[:1]))[0].permute(1, 2, 0).numpy() * 255
    error = ((frame - picture)[alpha > 250] ** 2).mean()
    assert 10 * np.log10(255**2 / error) > 40


def test_an_open_mouth_of_the_source_stays_as_it_is(warp_face: WarpFace) -> None:
    source = motion(warp_face, ANGLES[:1], units(jawOpen=0.6))
    frame = animate(prepare(warp_face, *waves(), source), source)[0].permute(1, 2, 0).numpy() * 255
    picture, alpha = waves()
    assert 10 * np.log10(255**2 / ((frame - picture)[alpha > 250] ** 2).mean()) > 33


def test_shoulders_and_background_stand_still(state: WarpState, moving: Coefficients) -> None:
    frames = animate(state, moving)
    assert (frames[:, :, -3:] - frames[:1, :, -3:]).abs().max() < 0.1  # the picture's lower border
    corners = torch.cat((frames[:, :, :8, :6], frames[:, :, :8, -6:]), dim=-1)
    assert (corners - corners[:1]).abs().max() < 1e-5


def test_every_pixel_is_covered_and_finite(state: WarpState, moving: Coefficients) -> None:
    frames = animate(state, moving)
    assert frames.shape == (4, 3, SIDE, SIDE)
    assert torch.isfinite(frames).all() and frames.min() >= 0 and frames.max() <= 1


def test_frames_do_not_depend_on_how_many_are_rendered_at_once(
    state: WarpState, moving: Coefficients, monkeypatch: pytest.MonkeyPatch
) -> None:
    together = animate(state, moving)
    monkeypatch.setattr(warp, "_FRAMES_AT_ONCE", 1)
    # Products of one matrix and of several round differently, and now and then a pixel changes its triangle.
    assert (animate(state, moving) - together).abs().mean() < 1e-5


def test_an_opening_mouth_shows_teeth(warp_face: WarpFace) -> None:
    skin, alpha = np.full((SIDE, SIDE, 3), (220, 160, 140), np.uint8), np.full((SIDE, SIDE), 255, np.uint8)
    wide = motion(warp_face, ANGLES[:1] * 2, torch.cat([units(), units(jawOpen=0.8, mouthUpperUpLeft=0.5)]))
    frame = animate(prepare(warp_face, skin, alpha, motion(warp_face, ANGLES[:1])), wide)[1]
    upper, lower = wide.points[1, [13, 14], :2]
    inside = frame[:, int(upper[1]) + 1 : int(lower[1]), int(upper[0])]  # (3, N) from lip to lip
    light = inside.mean(dim=0)
    assert light.max() > 1.5 * light.min()  # teeth, and the dark behind them
    brightest, darkest = inside[:, int(light.argmax())], inside[:, int(light.argmin())]
    assert brightest.max() < 1.2 * brightest.min()  # white, where the picture is the colour of skin
    assert darkest.max() > 1.3 * darkest.min()  # red


@pytest.mark.parametrize("yaw", [0.7, -0.7])
def test_a_cheek_that_the_source_does_not_show_has_the_colour_of_the_other(warp_face: WarpFace, yaw: float) -> None:
    picture = np.full((SIDE, SIDE, 3), (0, 255, 0), np.uint8)
    source = motion(warp_face, [(0.0, yaw, 0.0)])
    bare = prepare(warp_face, picture, np.zeros((SIDE, SIDE), np.uint8), source)
    grown = torch.nn.functional.max_pool2d((bare.depths[:1, None] < 11).float(), 9, 1, 4)[0, 0, ::2, ::2] > 0
    picture[grown.numpy()] = (200, 150, 120)
    alpha = (grown.numpy() * 255).astype(np.uint8)
    frame = animate(prepare(warp_face, picture, alpha, source), motion(warp_face, [(0.0, 0.0, 0.0)]))[0]
    cheeks = motion(warp_face, [(0.0, 0.0, 0.0)]).points[0, [50, 280, 205, 425, 234, 454]]
    # The head turns about its pivot: its landmarks are where the frontal head's are, but for the reference's place.
    shift = frame_shift(warp_face, source)
    for column, row in (cheeks[:, :2] + shift)[:4].round().long().tolist():
        torch.testing.assert_close(frame[:, row, column], torch.tensor([200, 150, 120]) / 255, atol=0.06, rtol=0)


def frame_shift(face: WarpFace, source: Coefficients) -> torch.Tensor:
    """(2,) how far a frontal head, put where the source's is, lies from one with no translation."""
    front = motion(face, [(0.0, 0.0, 0.0)])
    return source.head().place[0] - front.head().place[0]


def test_a_source_without_a_face_is_refused(warp_face: WarpFace) -> None:
    lost = motion(warp_face, ANGLES[:1])
    with pytest.raises(ValueError, match="no face"):
        prepare(warp_face, *waves(), lost._replace(points=torch.full((1, 478, 3), torch.nan)))
