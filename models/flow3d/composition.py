"""Person and background apart, and together again (methods of the paper, section on separation)."""

from typing import NamedTuple

import torch
from torch import Tensor

BLACK = -1.0  # behind a person
HOLE = 0.0  # mid-grey: pixels that nobody knows
PERSON = 0.5  # alpha above which a pixel of the source is the person's


class Composite(NamedTuple):
    """What the inpainter gets: a picture (B, 3, S, S) in [-1, 1], and its unknown pixels (B, 1, S, S) in [0, 1]."""

    picture: Tensor
    hole: Tensor


def foreground(image: Tensor, alpha: Tensor) -> Tensor:
    """The person on black.

    Args:
        image: (B, 3, S, S) in [-1, 1].
        alpha: (B, 1, S, S) in [0, 1].
    """
    return (image - BLACK) * alpha + BLACK


def background(image: Tensor, alpha: Tensor) -> Tensor:
    """The picture with a hole where the person is."""
    return torch.where(alpha > PERSON, HOLE, image)


def compose(face: Tensor, face_alpha: Tensor, source: Tensor, source_alpha: Tensor) -> Composite:
    """A face laid over the source's background.

    Faces are trained on `foreground`, so they are multiplied by their alpha already; to multiply again would draw a
    dark seam around the hair. With a true target's foreground this is the paper's `a t + (1 - a) background`.

    Args:
        face: (B, 3, S, S) in [-1, 1], a person on black.
        face_alpha: (B, 1, S, S) in [0, 1].
        source: the source picture, whole, (B, 3, S, S).
        source_alpha: its matte, (B, 1, S, S).
    """
    behind = background(source, source_alpha)
    person = (source_alpha > PERSON).to(face_alpha.dtype)
    return Composite(face + (1 - face_alpha) * (behind - BLACK), (1 - face_alpha) * person)


def threshold_alpha(face: Tensor) -> Tensor:
    """Alpha of a face that was made on black: 1 where any colour is above 3 % of its range."""
    return (face.amax(dim=1, keepdim=True) > BLACK + 0.06).to(face.dtype)
