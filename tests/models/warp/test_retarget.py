"""Where the face is put: the camera, the landmarks, and what the driver's movement is relative to."""

import pytest
import torch
from painted_head import motion, units

from reenactory.models.face_mesh.topology import POINT_COUNT
from reenactory.models.face_model import camera as official
from reenactory.models.warp.coefficients import Coefficients, fit_error
from reenactory.models.warp.face import WarpFace
from reenactory.models.warp.head import lift, project, steadied, unproject
from reenactory.models.warp.retarget import Person, Target, likeness, retarget

ANGLES = [(0.0, 0.0, 0.0), (0.1, 0.3, -0.1), (-0.2, -0.4, 0.2)]
SHIFT = [(0.0, 0.0, 0.0), (0.1, -0.05, 0.2), (-0.1, 0.1, -0.3)]
UPPER_LIP, LOWER_LIP = 13, 14


def pixels(face: WarpFace, target: Target, source: Coefficients) -> torch.Tensor:
    """(T, 478, 2) where the landmarks come to lie."""
    return project(target.shape[:, face.drawn :], target.head, source.camera())[..., :2]


def moved(face: WarpFace, source: Coefficients, driving: Coefficients) -> Target:
    return retarget(face, Person(source, fit_error(face, source)[0]), driving)


def test_the_head_is_where_the_camera_of_the_coefficients_has_it(warp_face: WarpFace) -> None:
    driving = motion(warp_face, ANGLES, shift=SHIFT)
    shape = warp_face.shape(driving.identity, driving.expression)
    there = official.to_camera(shape, driving.angles, driving.translation)
    expected = official.project(there, official.picture_camera(driving.crop, driving.size))
    torch.testing.assert_close(project(shape, driving.head(), driving.camera()), expected, atol=2e-3, rtol=0)


def test_pixels_go_back_to_where_they_came_from(warp_face: WarpFace) -> None:
    driving = motion(warp_face, ANGLES, shift=SHIFT)
    head, camera = driving.head(), driving.camera()
    shape = warp_face.mean.expand(3, -1, -1)
    seen = project(shape, head, camera)
    torch.testing.assert_close(unproject(seen[..., :2], seen[..., 2], head, camera), shape, atol=1e-4, rtol=0)
    torch.testing.assert_close(lift(seen[..., :2], shape[..., 2], head, camera), shape, atol=1e-3, rtol=0)


def test_steadying_changes_pose_and_shape_but_no_pixel(warp_face: WarpFace) -> None:
    source, driving = motion(warp_face, ANGLES[:1]), motion(warp_face, ANGLES, units(browInnerUp=0.5), SHIFT)
    shape = warp_face.shape(driving.identity, driving.expression)
    turn = official.rotation_from_angles(torch.tensor([[0.05, 0.1, -0.03]]))
    odd = 1.1 * shape @ turn + 0.05  # a part of the pose is in the shape
    rows = [warp_face.drawn + point for point in (10, 234, 454, 168, 33, 263, 4)]
    like, camera = warp_face.shape(source.identity, source.expression)[0], source.camera()
    calm, head = steadied(odd, driving.head(), camera, like, rows)
    torch.testing.assert_close(
        project(calm, head, camera)[..., :2], project(odd, driving.head(), camera)[..., :2], atol=5e-3, rtol=0
    )
    assert (calm - like)[:, rows].norm(dim=-1).mean() < 0.03 < (odd - like)[:, rows].norm(dim=-1).mean()


def test_self_reenactment_puts_the_landmarks_where_the_landmarker_saw_them(warp_face: WarpFace) -> None:
    driving = motion(warp_face, ANGLES, units(jawOpen=0.4, mouthSmileLeft=0.3), SHIFT)
    noise = torch.randn(3, POINT_COUNT, 3, generator=torch.Generator().manual_seed(0))
    driving = driving._replace(points=driving.points + noise / 3)  # the fit explains only a part of what was seen
    source = driving.only(torch.tensor([0]))
    made = pixels(warp_face, moved(warp_face, source, driving), source)
    front = (warp_face.normals[warp_face.drawn :] @ driving.head().rotation.transpose(1, 2))[..., 2] > 0.3
    assert (made - driving.points[..., :2])[front].abs().max() < 0.05


@pytest.mark.parametrize("shift", [(0.2, 0.0, 0.0), (0.0, -0.15, 0.0), (0.0, 0.0, 0.5)])
def test_place_and_size_follow_the_driver(warp_face: WarpFace, shift: tuple[float, float, float]) -> None:
    driving = motion(warp_face, ANGLES[:1] * 2, shift=[(0.0, 0.0, 0.0), shift])
    source = driving.only(torch.tensor([0]))
    made = pixels(warp_face, moved(warp_face, source, driving), source)
    assert (made - driving.points[..., :2]).abs().max() < 0.1


def test_a_driver_elsewhere_and_larger_starts_from_the_source(warp_face: WarpFace) -> None:
    source = motion(warp_face, ANGLES[:1])
    driving = motion(warp_face, ANGLES[:1] * 2, shift=[(0.3, 0.2, 1.5)] * 2)
    made = pixels(warp_face, moved(warp_face, source, driving), source)
    assert (made - source.points[..., :2]).abs().max() < 0.1


def test_reference_does_not_flip_between_frames_that_are_equally_alike(warp_face: WarpFace) -> None:
    source = motion(warp_face, ANGLES[:1])
    driving = motion(warp_face, [(0.0, 0.2, 0.0), (0.0, -0.2, 0.0)], shift=[(0.2, 0.0, 0.0), (-0.2, 0.0, 0.0)])
    nudge = torch.tensor([[0.0, 1e-4, 0.0]])
    results = []
    for sign in (1, -1):  # one time the first frame is a little nearer, then the second
        noisy = driving._replace(angles=driving.angles + sign * nudge)
        assert int(likeness(source, noisy).argmax()) == (1 if sign > 0 else 0)
        results.append(pixels(warp_face, moved(warp_face, source, noisy), source))
    assert (results[0] - results[1]).abs().max() < 0.5  # the one best frame would move the face by 20 pixels


def test_the_source_itself_counts_alone(warp_face: WarpFace) -> None:
    driving = motion(warp_face, ANGLES)
    assert likeness(driving.only(torch.tensor([1])), driving)[1] > 0.999


def test_a_mouth_that_is_open_in_the_source_closes_when_the_drivers_is_closed(warp_face: WarpFace) -> None:
    source, driving = motion(warp_face, ANGLES[:1], units(jawOpen=0.7)), motion(warp_face, ANGLES[:1])
    made = pixels(warp_face, moved(warp_face, source, driving), source)[0]
    opened = (source.points[0, UPPER_LIP] - source.points[0, LOWER_LIP])[1].abs()
    assert (made[UPPER_LIP] - made[LOWER_LIP])[1].abs() < 0.05 * opened


def test_lids_close_with_the_drivers_and_open_no_wider_than_the_sources(warp_face: WarpFace) -> None:
    still, blink = (
        motion(warp_face, ANGLES[:1]),
        motion(warp_face, ANGLES[:1], units(eyeBlinkLeft=0.9, eyeBlinkRight=0.9)),
    )

    def opening(source: Coefficients, driving: Coefficients) -> float:
        made = pixels(warp_face, moved(warp_face, source, driving), source)[0]
        return float((made[145] - made[159])[1])

    assert opening(still, blink) < 0.3 * opening(still, still)
    assert opening(blink, still) == pytest.approx(opening(blink, blink), abs=0.1)


def test_what_one_lip_does_is_no_business_of_the_other(warp_face: WarpFace) -> None:
    reach = warp_face.spread[: warp_face.drawn]
    near = torch.cdist(warp_face.mean[: warp_face.drawn], warp_face.mean[warp_face.drawn :]).argmin(dim=0)
    assert reach[near[LOWER_LIP], LOWER_LIP] > 2 * reach[near[UPPER_LIP], LOWER_LIP].abs()
    held = reach[near[1], 1]  # the tip of the nose
    assert held > 0.3
