"""RVM over a clip: the states are carried, and how the frames arrive changes nothing."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from reenactory.infra.video import ReadSpec, read_frames
from reenactory.models.rvm.matting import VideoMatter
from reenactory.models.weights import locate

pytestmark = pytest.mark.weights
FRAMES = 10


@pytest.fixture(scope="module")
def matter() -> VideoMatter:
    return VideoMatter(locate("rvm_mobilenetv3"), "cpu", 1)


@pytest.fixture(scope="module")
def frames() -> NDArray[np.uint8]:
    wide = read_frames(locate("demo_man"), ReadSpec(frame_count=FRAMES))
    return np.stack([cv2.resize(frame[:, 113:473], (128, 128), interpolation=cv2.INTER_AREA) for frame in wide])


@pytest.fixture(scope="module")
def whole(matter: VideoMatter, frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return matter.mattes(frames)


@pytest.mark.parametrize("chunk", [1, 3, 32])
def test_portions_change_nothing(
    matter: VideoMatter, frames: NDArray[np.uint8], whole: NDArray[np.uint8], chunk: int
) -> None:
    matting = matter.begin()
    parts = [matte.alpha for at in range(0, FRAMES, chunk) for matte in matting.step(frames[at : at + chunk])]
    np.testing.assert_array_equal(np.stack(parts), whole)


def test_states_are_carried_within_a_clip_and_not_beyond(
    matter: VideoMatter, frames: NDArray[np.uint8], whole: NDArray[np.uint8]
) -> None:
    again = matter.mattes(frames[-1:])[0]
    assert (again != whole[-1]).any()
    np.testing.assert_array_equal(matter.mattes(frames[:1])[0], whole[0])


def test_a_person_is_found(whole: NDArray[np.uint8]) -> None:
    assert whole[:, 40:80, 50:78].mean() > 250
    assert whole[:, :8, :8].mean() < 5


def test_a_warm_start_changes_the_beginning_most(
    matter: VideoMatter, frames: NDArray[np.uint8], whole: NDArray[np.uint8]
) -> None:
    matting = matter.begin()
    matting.warm_up(frames[:4])
    warm = np.stack([matte.alpha for matte in matting.step(frames)])
    moved = np.abs(warm.astype(int) - whole).mean(axis=(1, 2))
    assert moved[0] > 0
    assert moved[0] > moved[-1]


def test_colours_are_the_persons(matter: VideoMatter, frames: NDArray[np.uint8], whole: NDArray[np.uint8]) -> None:
    mattes = list(matter.begin(colours=True).step(frames[:2]))
    np.testing.assert_array_equal(np.stack([matte.alpha for matte in mattes]), whole[:2])
    colour = mattes[0].colour
    assert colour is not None and colour.shape == frames[0].shape
    opaque = whole[0] == 255
    assert np.abs(colour[opaque].astype(int) - frames[0][opaque]).mean() < 3
    assert np.abs(colour.astype(int) - frames[0]).mean() > 5  # the background is not the picture's
    assert next(matter.begin().step(frames[:1])).colour is None
