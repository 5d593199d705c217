"""Person and background apart, and together again (methods of the paper, section on separation)."""

from typing import NamedTuple

import torch
from torch import Tensor

from reenactory.models.compositing.layers import clean_plate, premultiplied_foreground

BLACK = -1.0  # behind a person
HOLE = 0.0  # mid-grey: pixels that nobody knows
PERSON = 0.5  # alpha above which a pixel of the source is the person's


class Composite(NamedTuple):
    """What the inpainter gets: a picture (B, 3, S, S) in [-1, 1], and its unknown pixels (B, 1, S, S) in [0, 1]."""

    picture: Tensor
    hole: Tensor


class Layers(NamedTuple):
    """A picture taken apart, all of one size."""

    person: Tensor  # (B, 3, S, S) in [-1, 1], on black
    alpha: Tensor  # (B, 1, S, S) in [0, 1]
    behind: Tensor  # (B, 3, S, S) in [-1, 1]
    unknown: Tensor  # (B, 1, S, S) in [0, 1]: how much of `behind` the picture does not show


def torn(image: Tensor, alpha: Tensor) -> Layers:
    """The paper's way: person times alpha, and behind them a grey hole.

    Args:
        image: (B, 3, S, S) in [-1, 1].
        alpha: (B, 1, S, S) in [0, 1].
    """
    person = alpha > PERSON
    behind = torch.where(person, HOLE, image)
    return Layers((image - BLACK) * alpha + BLACK, alpha, behind, person.to(alpha.dtype))


@torch.no_grad()
def cut_out(image: Tensor, alpha: Tensor) -> Layers:
    """The person without what shines through their edge, and the background continued behind them.

    Arguments as of `torn`. With a grey hole a head that moves uncovers grey, which the inpainter has to paint from
    nothing; what stands beside the hole is a better guess, at any size, before anything is learnt.
    """
    with torch.autocast(image.device.type, enabled=False):
        pictures = (image.float() + 1) / 2
        plate = clean_plate(pictures, alpha.float())
        person = premultiplied_foreground(pictures, alpha.float(), plate.picture)
    return Layers(2 * person[:, :3] - 1, alpha, 2 * plate.picture - 1, 1 - plate.seen)


def compose(face: Tensor, face_alpha: Tensor, source: Layers) -> Composite:
    """A face laid over the source's background.

    Faces are trained on people on black, so they are multiplied by their alpha already; to multiply again would draw a
    dark seam around the hair. With a true target's person this is the paper's `a t + (1 - a) background`.

    Args:
        face: (B, 3, S, S) in [-1, 1], a person on black.
        face_alpha: (B, 1, S, S) in [0, 1].
    """
    return Composite(face + (1 - face_alpha) * (source.behind - BLACK), (1 - face_alpha) * source.unknown)


def threshold_alpha(face: Tensor) -> Tensor:
    """Alpha of a face that was made on black: 1 where any colour is above 3 % of its range."""
    return (face.amax(dim=1, keepdim=True) > BLACK + 0.06).to(face.dtype)
