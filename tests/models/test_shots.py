"""Cuts are found to the frame; a moving camera and changing light are none."""

import cv2
import numpy as np

from reenactory.models.shots import ShotDetector


def picture(hue: int, shift: int = 0) -> np.ndarray:
    chance = np.random.default_rng(hue)
    blocks = chance.integers(0, 255, (6, 10, 3)).astype(np.uint8)
    blocks[..., 0] = hue
    large = cv2.resize(blocks, (640, 360), interpolation=cv2.INTER_CUBIC)
    return np.roll(cv2.cvtColor(large, cv2.COLOR_HSV2BGR), shift, axis=1)


def test_a_cut_is_its_first_frame_and_a_moving_camera_is_none() -> None:
    detector = ShotDetector()
    frames = [picture(20, 4 * i) for i in range(10)] + [picture(110, 4 * i) for i in range(10)]
    assert [i for i, frame in enumerate(frames) if detector.is_cut(frame)] == [10]


def test_light_that_changes_is_no_cut() -> None:
    detector = ShotDetector()
    frames = [(picture(20) * share).astype(np.uint8) for share in (1, 0.9, 0.8, 0.7, 0.6, 0.7)]
    assert not any(detector.is_cut(frame) for frame in frames)
