"""Rendered people: the same ones every time, descriptors that put the model where the picture has it, exact flow."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from reenactory.models.extractors.open import OpenExtractor
from reenactory.models.face_mesh.landmarker import FaceLandmarker
from reenactory.models.face_model.camera import picture_camera, project, to_camera
from reenactory.models.face_model.model import FaceModel
from reenactory.models.face_model.motion import PLACES
from reenactory.models.face_model.normals import vertex_normals
from reenactory.models.face_model.open_model import load_open_model
from reenactory.models.face_model.open_shape import EXPRESSION_UNITS
from reenactory.models.face_model.shading import shade
from reenactory.models.synthetic_faces.bust import CURTAIN, Bust
from reenactory.models.synthetic_faces.exact_flow import exact_flow
from reenactory.models.synthetic_faces.studio import PICTURE_PX, Studio, SyntheticClip
from reenactory.models.synthetic_faces.surroundings import draw_backdrop, draw_light, lamp

pytestmark = pytest.mark.weights
SIDE, FRAMES = 128, 12


@pytest.fixture(scope="module")
def model(weight: Callable[[str], Path]) -> FaceModel:
    return load_open_model(weight("open_face_model"))


@pytest.fixture(scope="module")
def clips(model: FaceModel) -> list[SyntheticClip]:
    return [Studio(model).clip(number, FRAMES, SIDE) for number in range(3)]


def test_the_same_number_is_the_same_clip(model: FaceModel, clips: list[SyntheticClip]) -> None:
    again = Studio(model).clip(1, FRAMES, SIDE)
    for one, other in zip(again[:3], clips[1][:3], strict=True):
        np.testing.assert_array_equal(one, other)
    assert not np.array_equal(clips[0].frames, clips[1].frames)
    assert not np.array_equal(Studio(model, seed=1).clip(1, FRAMES, SIDE).frames, clips[1].frames)


def test_another_side_is_the_same_scene(model: FaceModel, clips: list[SyntheticClip]) -> None:
    smaller = Studio(model).clip(0, FRAMES, SIDE // 2)
    np.testing.assert_array_equal(smaller.descriptors, clips[0].descriptors)
    np.testing.assert_allclose(smaller.uvz[..., :2] * 2, clips[0].uvz[..., :2], atol=1e-3)
    means = clips[0].alphas.reshape(FRAMES, SIDE // 2, 2, SIDE // 2, 2).mean(axis=(2, 4))
    assert np.abs(means - smaller.alphas).mean() < 2


def test_descriptors_put_the_model_where_the_picture_has_it(model: FaceModel, clips: list[SyntheticClip]) -> None:
    """Through the extractor's camera, which rounds to whole pixels and follows the face, unlike the one that filmed."""
    for clip in clips:
        parts = {name: torch.from_numpy(clip.descriptors[:, place]) for name, place in PLACES.items()}
        shape = model.shape(clip.identity.expand(FRAMES, -1), parts["exp"])
        seen = to_camera(model.points_68(shape), parts["angles"], parts["trans"])
        places = project(seen, picture_camera(parts["crop"], (PICTURE_PX, PICTURE_PX)))[..., :2]
        drawn = model.points_68(clip.uvz[:, : model.vertex_count])[..., :2] * (PICTURE_PX / SIDE)
        assert float((places - drawn).norm(dim=-1).max()) == pytest.approx(clip.residual_px, abs=0.02)
        assert clip.residual_px < 0.5
        np.testing.assert_allclose(clip.landmarks * (PICTURE_PX / SIDE), drawn.numpy(), atol=1e-3)


def test_mattes_are_the_mesh_and_pictures_are_lit(clips: list[SyntheticClip]) -> None:
    for clip in clips:
        assert clip.frames.shape == (FRAMES, SIDE, SIDE, 3) and clip.alphas.shape == (FRAMES, SIDE, SIDE)
        assert 0.2 < (clip.alphas > 127).mean() < 0.8
        assert clip.alphas[:, -1].max(axis=1).min() == 255  # shoulders reach the lower edge of every frame
        person = clip.frames[clip.alphas == 255]
        assert 25 < person.mean() < 220 and person.std() > 12
        room = (clip.alphas == 0).all(axis=0)
        assert clip.frames[:, room].std(axis=0).mean() < 4  # it stands still, but for the grain


def test_flow_takes_one_frame_to_another(clips: list[SyntheticClip]) -> None:
    clip = clips[0]
    turns = clip.descriptors[:, 65]
    source, target = int(turns.argmin()), int(turns.argmax())
    exact = exact_flow(clip, source, target)
    middle = torch.stack(torch.meshgrid(*[torch.arange(SIDE) + 0.5] * 2, indexing="xy"), dim=-1)
    grid = ((middle + exact.flow) * (2 / SIDE) - 1)[None]
    frames = torch.from_numpy(clip.frames[[source, target]]).permute(0, 3, 1, 2).float()
    warped = F.grid_sample(frames[:1], grid, align_corners=False, padding_mode="border")[0]
    person = torch.from_numpy(clip.alphas[target] == 255)
    known = exact.visible & person
    error, before = ((one - frames[1]).abs().mean(dim=0)[known].mean() for one in (warped, frames[0]))
    assert float(error) < 0.5 * float(before)
    still = exact_flow(clip, 2, 2)
    assert not still.flow.any() and (still.visible | ~person).float().mean() > 0.9
    assert exact.flow[~person & (torch.from_numpy(clip.alphas[target]) == 0)].abs().max() == 0


def test_the_open_extractor_finds_what_was_rendered(model: FaceModel, weight: Callable[[str], Path]) -> None:
    """It is another program that sees only pixels: its conventions are ours, its errors its own."""
    clip = Studio(model).clip(1, 24, PICTURE_PX)
    found = FaceLandmarker(weight("face_landmarker"), 0.5).detect(clip.frames)
    fit = OpenExtractor("cpu", 1, {"open_face_model": weight("open_face_model")}).fit(clip.frames, found)
    true = {name: clip.descriptors[:, place] for name, place in PLACES.items()}
    assert np.isfinite(fit.exp).all()
    assert np.abs(np.degrees(fit.angles - true["angles"])).mean(axis=0) == pytest.approx([0, 0, 0], abs=6)
    assert np.abs(fit.crop - true["crop"]).mean(axis=0) == pytest.approx([0, 0, 0], abs=4)
    assert np.abs(fit.crop[:, 0] / true["crop"][:, 0] - 1).mean() < 0.05
    blink, jaw = (EXPRESSION_UNITS.index(name) for name in ("eyeBlinkLeft", "jawOpen"))
    for unit in (blink, jaw):
        if true["exp"][:, unit].std() > 0.1:
            assert np.corrcoef(fit.exp[:, unit], true["exp"][:, unit])[0, 1] > 0.7


def test_a_bust_is_one_closed_shape_that_turns_with_its_head(model: FaceModel) -> None:
    bust = Bust.of(model)
    assert (bust.follows_head[: model.vertex_count][model.masks["head"]] == 1).all()
    assert (bust.follows_head[torch.from_numpy(bust.rim)] == 0).all()
    neck = bust.follows_head[: model.vertex_count][model.masks["neck"]]
    assert float(((neck > 0.02) & (neck < 0.98)).float().mean()) > 0.1
    neutral = model.mean.double().numpy()
    chest = bust.chest(neutral)
    hair = bust.curtain(neutral, -1.0, 1.8, 1.2, np.zeros(CURTAIN[0] * CURTAIN[1]))
    whole = torch.from_numpy(np.concatenate([neutral, neutral[bust.wig], chest, hair])).float()
    outwards = vertex_normals(whole[None], bust.triangles)[0]
    for part in (slice(-len(chest) - len(hair), -len(hair)), slice(-len(hair), None)):
        towards = whole[part] - whole[part].new_tensor([0.0, 0.0, -0.9])
        assert ((outwards[part] * towards)[:, [0, 2]].sum(dim=1) > 0).float().mean() > 0.95


def test_a_lamp_brings_what_faces_it_to_one() -> None:
    towards = np.array([0.6, 0.0, 0.8])
    gamma = torch.from_numpy(np.tile(lamp(towards), 3)).reshape(3, 9)
    gamma[:, 0] -= 0.8  # the ambient light of zeros
    normals = torch.from_numpy(np.stack([towards, -towards]))[None]
    lit = shade(torch.ones(1, 2, 3, dtype=torch.float64), normals, gamma.reshape(1, 27))
    torch.testing.assert_close(lit[0, 0], torch.ones(3, dtype=torch.float64))
    assert float(lit[0, 1].abs().max()) < 0.1  # the clamped cosine by three bands: 0.06
    assert draw_light(np.random.default_rng(0)).key.norm() == pytest.approx(1)


def test_a_backdrop_at_half_the_side_is_the_same_picture() -> None:
    for seed in range(4):
        large, small = (draw_backdrop(np.random.default_rng(seed), side) for side in (128, 64))
        means = large.reshape(64, 2, 64, 2, 3).mean(axis=(1, 3))
        assert np.abs(means - small).mean() < 0.02
        assert large.min() >= 0 and large.max() <= 1
