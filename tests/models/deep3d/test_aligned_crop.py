"""The cut against the official recipe: by indices where nothing is resized, by Pillow where it is."""

import numpy as np
import pytest

from reenactory.models.deep3d.crop import aligned_frames, can_be_cut
from reenactory.models.face_model.alignment import Alignment, place


def picture(height: int, width: int) -> np.ndarray:
    """Smooth waves with some noise: no resize is easy on it."""
    chance = np.random.default_rng(5)
    rows, columns = np.mgrid[:height, :width]
    waves = [127 + 100 * np.sin(rows / (3 + k) + columns / (5 - k)) for k in range(3)]
    return np.clip(np.stack(waves, axis=-1) + chance.normal(0, 10, (height, width, 3)), 0, 255).astype(np.uint8)


def alignment(scale: float, tx: float, ty: float) -> Alignment:
    return Alignment.of_crop(np.array([[scale, tx, ty]], np.float32))


def recipe(frame: np.ndarray, scale: float, tx: float, ty: float) -> np.ndarray:
    """The published steps with Pillow."""
    image = pytest.importorskip("PIL.Image")
    height, width = frame.shape[:2]
    scale, tx, ty = (float(np.float32(value)) for value in (scale, tx, ty))
    w, h = int(width * scale), int(height * scale)
    left = int(w / 2 - 112 + (tx - width / 2) * scale)
    up = int(h / 2 - 112 + (height / 2 - ty) * scale)
    resized = image.fromarray(frame).resize((w, h), resample=image.BICUBIC)
    return np.asarray(resized.crop((left, up, left + 224, up + 224)))


@pytest.mark.parametrize(
    ("size", "crop"),
    [
        ((256, 256), (0.975, 128.7, 125.8)),
        ((256, 256), (1.3, 60.2, 200.9)),  # leaves the picture on two sides
        ((360, 640), (0.55, 320.0, 180.0)),
        ((300, 200), (0.4, 100.0, 150.0)),  # smaller than the frame: black all around
    ],
)
def test_as_the_official_recipe(size: tuple[int, int], crop: tuple[float, float, float]) -> None:
    frame = picture(*size)
    got = aligned_frames(frame[None], alignment(*crop))[0].permute(1, 2, 0).numpy()
    difference = np.abs(got.astype(int) - recipe(frame, *crop))
    assert difference.max() <= 1
    assert (difference > 0).mean() < 0.01


def test_scale_one_copies_the_pixels() -> None:
    frame = picture(300, 280)
    got = aligned_frames(frame[None], alignment(1, 150, 120))[0].permute(1, 2, 0).numpy()
    left, up = 150 - 112, 300 - 120 - 112
    np.testing.assert_array_equal(got, frame[up : up + 224, left : left + 224])


def test_a_frame_beside_the_picture_is_black() -> None:
    assert not aligned_frames(picture(100, 100)[None], alignment(1, 5000, 50)).any()


def test_what_cannot_be_cut() -> None:
    crops = np.array([[1, 50, 50], [np.nan] * 3, [np.inf, 50, 50], [1e-3, 50, 50], [1e6, 50, 50]], np.float32)
    fits = can_be_cut(place(Alignment.of_crop(crops), (100, 100)))
    assert fits.tolist() == [True, False, False, False, False]
    with pytest.raises(ValueError, match=r"frames \[1, 2\] have no usable alignment"):
        aligned_frames(np.zeros((3, 100, 100, 3), np.uint8), Alignment.of_crop(crops[:3]))


def test_frames_of_another_type_are_refused() -> None:
    with pytest.raises(ValueError, match="uint8"):
        aligned_frames(np.zeros((1, 100, 100, 3), np.float32), alignment(1, 50, 50))
