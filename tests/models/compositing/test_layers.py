"""Person and plate: no trace of the person behind them, the seen untouched, the picture again from both."""

import torch
from torch import Tensor

from reenactory.models.compositing.layers import clean_plate, premultiplied_foreground

SIDE = 64


def scene() -> tuple[Tensor, Tensor]:
    """A white person with a soft edge before a slope of grey, and their matte."""
    alphas = torch.zeros(1, 1, SIDE, SIDE)
    alphas[..., 20:, 20:44] = 1
    alphas = torch.nn.functional.avg_pool2d(alphas, 3, 1, 1)
    behind = (torch.arange(SIDE) / SIDE / 2).expand(1, 3, SIDE, SIDE)
    return alphas + (1 - alphas) * behind, alphas


def test_the_plate_keeps_what_is_seen_and_hides_the_person() -> None:
    pictures = torch.full((1, 3, SIDE, SIDE), 0.25)
    alphas = torch.zeros(1, 1, SIDE, SIDE)
    alphas[..., 20:, 20:44] = 1
    pictures[alphas.expand_as(pictures) > 0] = 1.0
    plate = clean_plate(pictures, alphas)
    torch.testing.assert_close(plate.picture, torch.full_like(pictures, 0.25), atol=1e-4, rtol=0)
    assert plate.seen[0, 0, 0, 0] == 1 and plate.seen[0, 0, 40, 30] == 0


def test_person_over_plate_is_the_picture() -> None:
    pictures, alphas = scene()
    plate = clean_plate(pictures, alphas).picture
    person = premultiplied_foreground(pictures, alphas, plate)
    assert (person[:, :3] + (1 - person[:, 3:]) * plate - pictures).abs().max() < 0.03  # the slope is only continued
    assert (person[:, :3] <= person[:, 3:] + 1e-6).all()


def test_pictures_of_a_batch_do_not_meet() -> None:
    pictures, alphas = scene()
    covered = torch.ones_like(alphas)  # nothing of its background is seen
    both = clean_plate(torch.cat([pictures, 1 - pictures]), torch.cat([alphas, covered]))
    assert torch.equal(both.picture[:1], clean_plate(pictures, alphas).picture)
    assert torch.equal(both.picture[1:], clean_plate(1 - pictures, covered).picture)
    assert torch.isfinite(both.picture).all()
