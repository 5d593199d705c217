"""What a method does to the picture behind the person: it should stay as it is in the source frame."""

import cv2
import numpy as np
from numpy.typing import NDArray

from reenactory.models.metrics.image import PSNR_CAP_DB, Frames

Mask = NDArray[np.bool_]

TRANSPARENT = 0.05  # alpha up to which a pixel is background
MARGIN = 0.04  # of the frame's longer side: hair and blurred edges lie outside of what a matte says
LEAST_SHARE = 0.01  # of the frame: less background than this says nothing


def background_mask(source_alpha: NDArray[np.uint8], driving_alpha: NDArray[np.uint8]) -> Mask:
    """Pixels that belong to nobody: away from the person in the source frame and in every driving frame.

    The render's own matte is not asked for: a method that smears the person over the background would be excused by it.

    Args:
        source_alpha: (H, W) uint8, 255 = foreground.
        driving_alpha: (T, H, W) uint8.

    Returns:
        (H, W) bool.
    """
    if source_alpha.shape != driving_alpha.shape[1:]:
        raise ValueError(f"mattes differ in size: {source_alpha.shape} and {driving_alpha.shape[1:]}")
    person = np.maximum(source_alpha, driving_alpha.max(axis=0)) > 255 * TRANSPARENT
    reach = round(MARGIN * max(person.shape))
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    return ~cv2.dilate(person.astype(np.uint8), disc).astype(bool)


def background_stability(generated: Frames, background: Mask) -> float:
    """Standard deviation over time of background pixels, mean over them and RGB.

    Args:
        generated: (T, H, W, 3) uint8 RGB, the valid frames.
        background: (H, W) bool.

    Returns:
        Levels of 255, in [0, 127.5]; NaN with fewer than two frames or less than 1 % background.
    """
    if len(generated) < 2 or background.mean() < LEAST_SHARE:
        return float("nan")
    pixels = int(background.sum())
    total, squares = np.zeros((pixels, 3), np.int64), np.zeros((pixels, 3), np.int64)
    for frame in generated:
        values = frame[background].astype(np.int64)  # (P, 3)
        total += values
        squares += values * values
    count = len(generated)
    variance = (count * squares - total * total) / count**2  # of integers: nothing is lost in the subtraction
    return float(np.sqrt(variance).mean())


def background_psnr(generated: Frames, source: Frames, background: Mask) -> float:
    """PSNR of the background against the source frame's, mean over frames.

    Args:
        generated: (T, H, W, 3) uint8 RGB, the valid frames.
        source: (H, W, 3) uint8 RGB.
        background: (H, W) bool.

    Returns:
        dB, at most 100; NaN without a frame or with less than 1 % background.
    """
    if not len(generated) or background.mean() < LEAST_SHARE:
        return float("nan")
    still = source[background]
    squared = [cv2.norm(frame[background], still, cv2.NORM_L2SQR) for frame in generated]
    with np.errstate(divide="ignore"):
        decibels = 10.0 * np.log10(255.0**2 * still.size / np.array(squared))
    return float(np.minimum(decibels, PSNR_CAP_DB).mean())
