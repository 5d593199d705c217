"""Light and texture from pixels that a known light made."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from reenactory.models.face_fit.light import Samples, SkinModel, fit_light, fit_texture, sample
from reenactory.models.face_fit.points_fit import State
from reenactory.models.face_model.camera import picture_camera, rotation_from_angles
from reenactory.models.face_model.open_model import load_open_model
from reenactory.models.face_model.shading import harmonics, light_of

FRAMES = 6


@pytest.fixture(scope="module")
def skin(weight: Callable[[str], Path]) -> SkinModel:
    return SkinModel.of(load_open_model(weight("open_face_model")))


def lit(skin: SkinModel, texture: torch.Tensor) -> tuple[Samples, torch.Tensor]:
    """Colours of a turning face in a light of its own per frame, without noise."""
    random = torch.Generator().manual_seed(1)
    gamma = 0.15 * torch.randn(FRAMES, 27, generator=random)
    angles = torch.stack([torch.zeros(FRAMES), torch.linspace(-0.6, 0.6, FRAMES), torch.zeros(FRAMES)], dim=-1)
    normals = skin.normals @ rotation_from_angles(angles).transpose(1, 2)
    bands = harmonics(normals)
    albedo = skin.albedo + torch.einsum("k,knc->nc", texture, skin.texture)
    seen = (normals[..., 2] > 0.2).float()
    return Samples(albedo * (bands @ light_of(gamma).transpose(1, 2)), bands, seen), gamma


def predicted(samples: Samples, albedo: torch.Tensor, gamma: torch.Tensor) -> torch.Tensor:
    return albedo * (samples.bands @ light_of(gamma).transpose(1, 2))


def test_light_is_the_one_that_shone(skin: SkinModel) -> None:
    samples, gamma = lit(skin, torch.zeros(80))
    found = fit_light(samples, skin.albedo)
    assert torch.corrcoef(torch.stack([found.flatten(), gamma.flatten()]))[0, 1] > 0.99
    error = (predicted(samples, skin.albedo, found) - samples.colours).abs() * samples.seen[..., None]
    assert error.sum() / samples.seen.sum() / 3 < 0.002


def test_texture_explains_colours_that_light_cannot(skin: SkinModel) -> None:
    texture = torch.zeros(80)
    texture[[0, 2, 3, 4]] = torch.tensor([-1.0, 1.5, 1.0, 1.5])  # skin tone, lips, brows, beard
    samples, _ = lit(skin, texture)
    found = fit_texture(samples, skin)
    assert found[9:].abs().max() == 0
    # Skin tone is not asked for: with light unknown, a brighter face is a brighter lamp.
    assert (found[[2, 3, 4]] - texture[[2, 3, 4]]).abs().max() < 0.6


def test_a_face_outside_the_picture_has_no_light(skin: SkinModel) -> None:
    state = State(torch.eye(3).expand(2, 3, 3), torch.zeros(2, 3), torch.zeros(2, 51), torch.zeros(80))
    camera = picture_camera(torch.tensor([[1.0, 112, 112], [1.0, 2000, 112]]), (224, 224))
    frames = np.full((2, 224, 224, 3), 128, np.uint8)
    samples = sample(frames, np.arange(2), skin, state, camera)
    assert samples.seen.sum(dim=1).tolist()[1] == 0
    gamma = fit_light(samples, skin.albedo)
    assert torch.isfinite(gamma[0]).all()
    assert torch.isnan(gamma[1]).all()
    assert torch.isfinite(fit_texture(samples, skin)).all()


def test_a_few_vertices_of_another_colour_change_little(skin: SkinModel) -> None:
    samples, _ = lit(skin, torch.zeros(80))
    clean = fit_light(samples, skin.albedo)
    colours = samples.colours.clone()
    colours[:, ::12] = 0  # a strand of hair
    spoiled = fit_light(Samples(colours, samples.bands, samples.seen), skin.albedo)
    assert (spoiled - clean).abs().mean() < 0.02
