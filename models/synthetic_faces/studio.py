"""Clips of synthetic people: frames, mattes and descriptors, and the meshes that know the exact flow."""

from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from reenactory.models.face_model.camera import Camera, project, rotation_from_angles
from reenactory.models.face_model.conventions import CAMERA_DISTANCE, FOCAL
from reenactory.models.face_model.model import FaceModel
from reenactory.models.face_model.normals import VertexNormals
from reenactory.models.face_model.shading import harmonics, light_of
from reenactory.models.rasterizer.fragments import interpolate
from reenactory.models.rasterizer.rasterize import rasterize
from reenactory.models.synthetic_faces.bust import PIVOT, Bust
from reenactory.models.synthetic_faces.performance import Performance, perform
from reenactory.models.synthetic_faces.person import Person, draw_person
from reenactory.models.synthetic_faces.placement import Placement, aligned_pose, descriptors_of
from reenactory.models.synthetic_faces.surroundings import Light, draw_backdrop, draw_light

VERSION = 1  # raised when the same number gives other bytes
PICTURE_PX = 256  # side of the picture in whose pixels descriptors speak, as the clips of a dataset have
FPS = 25.0
_FINER = 2  # rasterized this much finer than the frames, against steps at edges
_NEAR = (0.98, 1.24)  # crop's s: 1 is a face of 102 / 224 of a unit in the picture; in real clips 0.98 to 1.24
_CENTRE_PX = ((128.0, 9.0), (135.0, 18.0))  # mean and deviation of the face's column and row
_BODY_TURN, _BODY_SWAY = 0.3, 0.7  # how much of the head's mean pose and of its way the body shares
_BATCH = 8  # frames at once: more do not fit the cache
_SHININESS = 24.0


class SyntheticClip(NamedTuple):
    """A clip of T frames.

    Attributes:
        frames: (T, S, S, 3) uint8 RGB.
        alphas: (T, S, S) uint8: the share of each pixel that is the person.
        descriptors: (T, 73) float32, in pixels of a picture of `PICTURE_PX`.
        identity, texture: (80,) float32.
        gamma: (27,) float32.
        landmarks: (T, 68, 2) float32, column and row in pixels of the frames, the first pixel's centre at 0.5.
        uvz: (T, N, 3) float32, the mesh in pixels of the frames.
        triangles: (F, 3) int64 that this person has.
        residual_px: the worst landmark's distance between its place and the one that the descriptors say.
    """

    frames: NDArray[np.uint8]
    alphas: NDArray[np.uint8]
    descriptors: NDArray[np.float32]
    identity: Tensor
    texture: Tensor
    gamma: Tensor
    landmarks: NDArray[np.float32]
    uvz: Tensor
    triangles: Tensor
    residual_px: float


class _Scene(NamedTuple):
    """points (T, N, 3) float32 in the camera's axes (Z towards it), camera in pixels of `PICTURE_PX`."""

    points: Tensor
    camera: Camera


class Studio:
    """Synthetic people by number; the same number is the same clip, bit for bit on one CPU."""

    def __init__(self, model: FaceModel, seed: int = 0) -> None:
        """Args: model: the open face model, on the CPU."""
        self._bust = Bust.of(model)
        self._seed = seed

    @torch.inference_mode()
    def clip(self, number: int, frames: int, side_px: int) -> SyntheticClip:
        """A person nobody has seen.

        Args:
            frames: T.
            side_px: S.
        """
        streams = np.random.default_rng((self._seed, number)).spawn(6)
        person = draw_person(streams[0], self._bust)
        performance = perform(streams[1], frames, FPS)
        light = draw_light(streams[2])
        backdrop = torch.from_numpy(draw_backdrop(streams[3], side_px * _FINER))
        expression = torch.from_numpy(performance.expression).float()
        shape = self._bust.model.shape(person.identity.expand(frames, -1), expression)  # (T, V, 3)
        scene = self._scene(streams[4], person, performance, shape)
        placement = self._placement(scene, shape, performance)
        ratio = scene.points.new_tensor([side_px / PICTURE_PX, side_px / PICTURE_PX, 1.0])
        uvz = project(_with_depth(scene.points), scene.camera) * ratio
        triangles = self._bust.triangles[~person.hidden]
        normals = VertexNormals.of(triangles, uvz.shape[1])
        drawn = [
            _draw(uvz[batch], scene.points[batch], normals, person, light, backdrop)
            for batch in (slice(first, first + _BATCH) for first in range(0, frames, _BATCH))
        ]
        return SyntheticClip(
            _as_filmed(streams[5], torch.cat([picture for picture, _ in drawn])),
            (torch.cat([alpha for _, alpha in drawn]) * 255).round().to(torch.uint8).numpy(),
            descriptors_of(expression, placement),
            person.identity,
            person.texture,
            light.gamma,
            self._bust.model.points_68(uvz[:, : self._bust.model.vertex_count])[..., :2].numpy(),
            uvz,
            triangles,
            float(placement.residual.max()),
        )

    def _scene(self, draw: np.random.Generator, person: Person, performance: Performance, shape: Tensor) -> _Scene:
        """The head turns on the neck, the body follows a little, the camera stands still."""
        bust = self._bust
        rise = shape[:, bust.wig] + person.wig_rise
        chest_and_hair = person.still.expand(len(shape), -1, -1)
        whole = torch.cat([shape, rise, chest_and_hair], dim=1)  # (T, N, 3)
        pivot = shape.new_tensor(PIVOT)
        angles, sway = (torch.from_numpy(values).float() for values in (performance.angles, performance.sway))
        mean = rotation_from_angles(angles.mean(dim=0, keepdim=True))
        rest = pivot - pivot @ mean.transpose(1, 2)[0]  # the clip's mean pose has the face in the picture's middle
        slow = sway.mean(dim=0) + _BODY_SWAY * (sway - sway.mean(dim=0))
        head = (whole - pivot) @ rotation_from_angles(angles).transpose(1, 2) + pivot + sway[:, None]
        body_turn = rotation_from_angles(_BODY_TURN * angles.mean(dim=0, keepdim=True))
        body = (whole - pivot) @ body_turn.transpose(1, 2) + pivot + slow[:, None]
        weight = person.follows_head[:, None]
        points = weight * head + (1 - weight) * body - rest
        near = draw.uniform(*_NEAR)
        centre = [[draw.normal(mean, deviation) for mean, deviation in _CENTRE_PX]]
        return _Scene(points, Camera(points.new_full((1, 2), FOCAL / near), points.new_tensor(centre)))

    def _placement(self, scene: _Scene, shape: Tensor, performance: Performance) -> Placement:
        model = self._bust.model
        landmarks = model.points_68(scene.points[:, : model.vertex_count])
        camera = Camera(scene.camera.focal.double(), scene.camera.centre.double())
        seen = project(_with_depth(landmarks.double()), camera)[..., :2]
        angles = torch.from_numpy(performance.angles)
        return aligned_pose(seen, model.points_68(shape).double(), angles, (PICTURE_PX, PICTURE_PX))


def _with_depth(points: Tensor) -> Tensor:
    """Z towards the camera as distance from it."""
    return torch.cat([points[..., :2], CAMERA_DISTANCE - points[..., 2:]], dim=-1)


def _draw(
    uvz: Tensor, points: Tensor, normals: VertexNormals, person: Person, light: Light, backdrop: Tensor
) -> tuple[Tensor, Tensor]:
    """Pictures (B, 3, S, S) in [0, 1] and the person's share (B, S, S) of each pixel."""
    finer = uvz * uvz.new_tensor([_FINER, _FINER, 1.0])
    fragments = rasterize(finer, normals.triangles, (len(backdrop), len(backdrop)))
    colours = _colours(normals(points), person, light)
    image = interpolate(fragments, normals.triangles, colours)  # (B, 2S, 2S, 7)
    bare, dressed, covered = image[..., :3], image[..., 3:6], image[..., 6:]
    inside = fragments.triangle >= 0
    whole = torch.where(inside[..., None], torch.where(covered > 0, dressed, bare).clamp(0, 1), backdrop)
    picture = F.avg_pool2d(whole.permute(0, 3, 1, 2), _FINER)
    return picture, F.avg_pool2d(inside.float(), _FINER)


def _colours(normals: Tensor, person: Person, light: Light) -> Tensor:
    """(B, N, 7): skin and hair, clothes, and how far they cover.

    Spherical harmonics (methods B.5), and a highlight of the brightest lamp, which they cannot have.
    """
    lit = (harmonics(normals) @ light_of(light.gamma).T).clamp(min=0.03)
    halfway = F.normalize(light.key + light.key.new_tensor([0.0, 0.0, 1.0]), dim=0)
    highlight = person.gloss * (normals @ halfway).clamp(min=0) ** _SHININESS
    covered = person.covered.expand(len(normals), -1)[..., None]
    return torch.cat([person.albedo * lit + highlight[..., None], person.cloth * lit, covered], dim=-1)


def _as_filmed(draw: np.random.Generator, pictures: Tensor) -> NDArray[np.uint8]:
    """(T, S, S, 3) of (T, 3, S, S): a lens that is not quite sharp, a sensor that is not quite quiet."""
    blur, grain = draw.exponential(0.25), min(draw.exponential(0.005), 0.012)
    if blur > 0.2:
        reach = torch.arange(-2.0, 3.0)
        kernel = torch.exp(-0.5 * (reach / blur) ** 2)
        kernel /= kernel.sum()
        planes = F.pad(pictures, (2, 2, 2, 2), mode="replicate").flatten(0, 1)[:, None]  # (3 T, 1, S + 4, S + 4)
        for shape in ((1, 1, 1, 5), (1, 1, 5, 1)):
            planes = F.conv2d(planes, kernel.view(shape))
        pictures = planes.view(pictures.shape)
    noisy = pictures.permute(0, 2, 3, 1).numpy() + grain * draw.standard_normal((len(pictures), *pictures.shape[2:], 3))
    return np.asarray((noisy.clip(0, 1) * 255).round(), np.uint8)
