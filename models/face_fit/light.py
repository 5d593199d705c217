"""Light and skin colours from pixels: linear least squares, in turns, on vertices that the camera sees.

Light is Deep3DFaceRecon's nine spherical harmonics per colour (methods B.5), fitted to every frame by itself. Albedo
is the open model's texture, fitted once per clip. What is seen is told by normals alone: no shadows, no occlusion by
hair or hand; vertices whose colour disagrees lose weight instead.
"""

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from reenactory.models.face_fit.point_model import UNITS
from reenactory.models.face_fit.points_fit import State
from reenactory.models.face_model.camera import Camera, project
from reenactory.models.face_model.conventions import CAMERA_DISTANCE
from reenactory.models.face_model.model import TEXTURE_COUNT, FaceModel
from reenactory.models.face_model.shading import BANDS, harmonics, light_of

_VERTICES = 160  # 27 numbers are fitted to their 480 colours; 250 cost half as much again for the same light
_COLOUR = 0.1  # standard deviation of a colour, in [0, 1]: neighbours err alike, so more than they scatter
_LIGHT = 0.5  # standard deviation of a light coefficient
_FACING = 0.2  # cosine to the camera's axis below which a vertex is not used
_TURNS, _ROUNDS = 4, 2  # of light and texture; of robust weights
_FEWEST = 3 * BANDS  # vertices in the picture that light can be had from


@dataclass(frozen=True, eq=False)
class SkinModel:
    """n vertices of the front of the face.

    Attributes:
        model: whose vertices they are.
        rows: (n,) int64 rows of the model's vertices.
        neutral, normals: (n, 3) of the mean face, or of one person where `of_person` made them.
        units: (51, 3 n), how the landmarker's units move them.
        albedo, texture: (n, 3) and (80, n, 3) RGB.
    """

    model: FaceModel
    rows: Tensor
    neutral: Tensor
    normals: Tensor
    units: Tensor
    albedo: Tensor
    texture: Tensor

    @classmethod
    def of(cls, model: FaceModel) -> "SkinModel":
        """Evenly spread over the vertices of the `face` mask.

        Raises:
            ValueError: the model has no colours.
        """
        if model.mean_texture is None or model.texture is None:
            raise ValueError(f"the face model {model.name} has no colours")
        face = model.masks["face"].nonzero()[:, 0]
        rows = face[torch.linspace(0, len(face) - 1, min(_VERTICES, len(face))).round().long()]
        normals = model.normals(model.mean[None])[0, rows]
        units = model.expression[UNITS, rows].flatten(1)
        return cls(model, rows, model.mean[rows], normals, units, model.mean_texture[rows], model.texture[:, rows])

    def of_person(self, identity: Tensor) -> "SkinModel":
        """With normals of a neutral face (80,): expression turns skin by too little to be worth them per frame."""
        neutral = self.model.mean + torch.einsum("k,kvi->vi", identity, self.model.identity)
        return replace(self, neutral=neutral[self.rows], normals=self.model.normals(neutral[None])[0, self.rows])

    def place(self, state: State) -> Tensor:
        """(T, n, 3) before the camera, Z the distance; identity is the one given to `of_person`."""
        vertices = self.neutral + (state.units @ self.units).view(len(state.units), -1, 3)
        moved = vertices @ state.rotation.transpose(1, 2) + state.translation[:, None]
        return torch.cat([moved[..., :2], CAMERA_DISTANCE - moved[..., 2:]], dim=-1)


@dataclass(frozen=True, eq=False)
class Samples:
    """Colours of T frames: colours (T, n, 3) in [0, 1], bands (T, n, 9) of the normals, seen (T, n) 0 or 1."""

    colours: Tensor
    bands: Tensor
    seen: Tensor


def sample(
    frames: NDArray[np.uint8], chosen: NDArray[np.int64], skin: SkinModel, state: State, camera: Camera
) -> Samples:
    """The pixel under each vertex.

    Args:
        frames: (F, H, W, 3) uint8 RGB of the clip.
        chosen: (T,) which of them.
        skin: of the person.
        state: of these frames.
        camera: of the whole pictures.
    """
    height, width = frames.shape[1:3]
    uv = project(skin.place(state), camera)[..., :2].numpy()
    columns, rows = np.floor(uv[..., 0]), np.floor(uv[..., 1])
    inside = (columns >= 0) & (columns < width) & (rows >= 0) & (rows < height)
    column = np.where(inside, columns, 0).astype(np.int64)
    row = np.where(inside, rows, 0).astype(np.int64)
    colours = torch.from_numpy(frames[chosen[:, None], row, column]).float() / 255
    normals = skin.normals @ state.rotation.transpose(1, 2)  # (T, n, 3)
    seen = torch.from_numpy(inside) & (normals[..., 2] > _FACING)
    return Samples(colours, harmonics(normals), seen.float())


def fit_light(samples: Samples, albedo: Tensor) -> Tensor:
    """Light of every frame for a given albedo.

    Args:
        samples: of T frames.
        albedo: (n, 3).

    Returns:
        gamma (T, 27); NaN where too little of the face is in the picture.
    """
    ambient = light_of(samples.colours.new_zeros(3 * BANDS))  # (3, 9)
    design = albedo.T[:, :, None] * samples.bands[:, None]  # (T, 3, n, 9)
    target = samples.colours.transpose(1, 2) - (design @ ambient[..., None])[..., 0]  # (T, 3, n)
    prior = torch.eye(BANDS) / _LIGHT**2
    gamma = design.new_zeros(*design.shape[:2], BANDS)
    for _ in range(_ROUNDS):
        error = (target - (design @ gamma[..., None])[..., 0]) / _COLOUR
        weight = samples.seen / (1 + error.square().mean(dim=1)) / _COLOUR**2
        weighted = (design * weight[:, None, :, None]).transpose(-1, -2)  # (T, 3, 9, n)
        gamma = torch.linalg.solve(weighted @ design + prior, (weighted @ target[..., None])[..., 0])
    enough = samples.seen.sum(dim=1) >= _FEWEST
    return torch.where(enough[:, None], gamma.flatten(1), torch.nan)


def fit_texture(samples: Samples, skin: SkinModel) -> Tensor:
    """Texture coefficients (80,) that a clip has in common, in turns with the light of its frames.

    Modes without effect stay 0, and so do all where no frame shows enough of the face.
    """
    texture = samples.colours.new_zeros(TEXTURE_COUNT)
    usable = samples.seen.sum(dim=1) >= _FEWEST
    if not usable.any():
        return texture
    samples = Samples(samples.colours[usable], samples.bands[usable], samples.seen[usable])
    modes = skin.texture[skin.texture.flatten(1).any(dim=1)].permute(1, 2, 0)  # (n, 3, M)
    active = texture.new_zeros(modes.shape[-1])
    for _ in range(_TURNS):
        albedo = skin.albedo + modes @ active
        light = light_of(fit_light(samples, albedo))  # (T, 3, 9)
        shading = samples.bands @ light.transpose(1, 2)  # (T, n, 3)
        error = (samples.colours - albedo * shading) / _COLOUR
        weight = samples.seen / (1 + error.square().mean(dim=2)) / _COLOUR**2 / len(error)  # a clip counts as one frame
        target = samples.colours - skin.albedo * shading
        strength = (weight[..., None] * shading.square()).sum(dim=0)  # (n, 3)
        normal = torch.einsum("nc,ncj,nck->jk", strength, modes, modes) + torch.eye(len(active))
        pull = torch.einsum("nc,ncj->j", (weight[..., None] * shading * target).sum(dim=0), modes)
        active = torch.linalg.solve(normal, pull)
    texture[skin.texture.flatten(1).any(dim=1)] = active
    return texture
