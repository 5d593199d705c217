"""Pixels along a flow: sizes, units, NaN; what is drawn over them; detail that a renderer brings back."""

import pytest
import torch

from reenactory.models.flow3d.animation import animate, prepare
from reenactory.models.flow3d.carrying import carry, draw_over
from reenactory.models.flow3d.config import changed
from reenactory.models.flow3d.network import Flow3d, initialised
from reenactory.models.flow3d.objective import boxes, landmark_terms, masked_l1
from reenactory.models.flow3d.presets import PRESETS

CARRYING = changed(PRESETS["tiny"], {"network": {"carry_pixels": True, "relative_motion": True}}).network


@pytest.mark.parametrize("side", [32, 48])
def test_no_flow_changes_nothing_at_any_size(side: int) -> None:
    picture = torch.rand(2, 4, side, side, generator=torch.Generator().manual_seed(0))
    assert (carry(picture, torch.zeros(2, 2, 8, 8)) - picture).abs().max() < 1e-5


@pytest.mark.parametrize(("axis", "component"), [(3, 0), (2, 1)], ids=["x", "y"])
def test_flow_is_backward_and_in_voxels_whatever_the_pictures_size(axis: int, component: int) -> None:
    flow = torch.zeros(1, 2, 8, 8)
    flow[:, component] = 1.0  # one of 8 voxels: 4 of 32 pixels
    picture = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    moved = carry(picture, flow)
    kept = [slice(None)] * 4
    kept[axis] = slice(0, 28)
    assert (moved[tuple(kept)] - picture.roll(-4, axis)[tuple(kept)]).abs().max() < 1e-5


def test_nan_in_a_flow_does_not_end_the_process() -> None:
    flow = torch.zeros(1, 2, 8, 8)
    flow[0, 0, 3, 3] = float("nan")
    assert torch.isfinite(carry(torch.rand(1, 3, 32, 32), flow)).all()


def test_the_gate_chooses() -> None:
    base, drawn = torch.full((1, 3, 2, 2), 0.5), torch.cat([torch.full((1, 3, 2, 2), -0.5), torch.zeros(1, 1, 2, 2)], 1)
    drawn[0, 3, 0, 0] = 1
    planes, kept = draw_over(base, drawn)
    assert planes[0, 0].tolist() == [[-0.5, 0.5], [0.5, 0.5]]
    assert kept[0, 0].tolist() == [[0, 1], [1, 1]]


def test_landmarks_say_where_the_flow_should_point() -> None:
    target = torch.rand(2, 68, 2, generator=torch.Generator().manual_seed(0)) * 0.6 + 0.2
    source = target + torch.tensor([0.125, -0.0625])
    flow = torch.zeros(2, 2, 16, 16)
    flow[:, 0], flow[:, 1] = 2.0, -1.0
    landmarks = torch.stack([source, target], dim=1)
    assert landmark_terms(flow, landmarks)["landmark_flow"] < 1e-6
    still = landmark_terms(0 * flow, landmarks)
    assert still["landmark_flow"].item() == pytest.approx((0.125 + 0.0625) / 2, rel=1e-4)
    assert still["landmark_shape"] < 1e-6  # every feature moves as one piece
    landmarks[1] = float("nan")
    assert landmark_terms(flow, landmarks)["landmark_flow"] < 1e-6
    assert landmark_terms(flow, landmarks * float("nan"))["landmark_flow"] == 0


def test_a_mouth_that_opens_is_a_change_of_shape() -> None:
    target = torch.full((1, 68, 2), 0.5)
    source = target.clone()
    source[:, 48:58, 1] -= 0.01  # the upper half of the mouth's points
    source[:, 58:68, 1] += 0.01
    terms = landmark_terms(torch.zeros(1, 2, 16, 16), torch.stack([source, target], dim=1))
    assert terms["landmark_shape"].item() == pytest.approx(20 * 0.01 / 68 / 2, rel=1e-4)  # of x and y


def test_boxes_are_around_eyes_and_mouth_and_nowhere_else() -> None:
    points = torch.full((2, 68, 2), 0.1)
    points[:, 36:42], points[:, 42:48] = torch.tensor([0.25, 0.25]), torch.tensor([0.75, 0.25])
    points[:, 48:68] = torch.tensor([0.4, 0.75])
    points[:, 60] = torch.tensor([0.6, 0.75])
    points[1, 50] = float("nan")
    inside = boxes(points, torch.zeros(2, 3, 64, 64))
    assert inside[0, 0, 48, 24:40].all()  # row of the mouth
    assert inside[:, 0, :8].sum() == 0  # 0.1: other points
    assert inside[1, 0, 40:].sum() == 0  # its mouth is not known
    picture = torch.zeros(1, 3, 64, 64)
    picture[..., :8, :] = 1
    assert masked_l1(picture, 0 * picture, inside[:1]) == 0
    assert masked_l1(picture + inside[:1], 0 * picture, inside[:1]) == pytest.approx(1)


def test_equal_frames_have_no_motion() -> None:
    network = initialised(CARRYING, 0)
    window = torch.randn(1, 73, 1, generator=torch.Generator().manual_seed(0)).expand(1, 73, 27)
    assert network.code(window, window).abs().max() < 1e-6
    assert network.code(window, window * 2).abs().max() > 1e-3


def quiet(network: Flow3d) -> Flow3d:
    """Keeps every carried pixel: gates shut."""
    with torch.no_grad():
        for drawing in (network.decoder, network.refiner, network.inpainter):
            assert drawing is not None
            drawing.out.weight[-1].zero_()
            drawing.out.bias[-1] = -20.0
    return network


def test_carried_detail_reaches_the_clips_own_size() -> None:
    """A checkerboard of single pixels is grey at the network's side; a person who stands still keeps it."""
    network = quiet(initialised(CARRYING, 0)).eval().requires_grad_(False)
    side = 4 * CARRYING.image_px
    board = (torch.arange(side)[:, None] + torch.arange(side)) % 2
    frame = (board * 200 + 20)[..., None].expand(side, side, 3).to(torch.uint8).numpy()
    matte = torch.full((side, side), 255, dtype=torch.uint8).numpy()
    descriptor = torch.randn(73, generator=torch.Generator().manual_seed(1))
    windows = descriptor[None, :, None].expand(1, 73, 27).numpy()
    made = torch.from_numpy(next(animate(network, prepare(network, frame, matte, descriptor.numpy()), windows)))
    wanted = torch.from_numpy(frame.copy()).permute(2, 0, 1) / 255
    inside = slice(8, side - 8)
    assert (made[0, :, inside, inside] - wanted[:, inside, inside]).abs().mean() < 0.05
    assert wanted[:, inside, inside].std() > 0.3
