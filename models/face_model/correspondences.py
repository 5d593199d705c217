"""Where the landmarker's 478 points lie on the open model, and the alignment that follows from them.

Found once, by showing the landmarker rendered pictures of the mean face and casting its points back onto the mesh; kept
in `correspondences_478.npz`, since the landmarker's last digits differ between machines. To find them again:

    python -m reenactory.models.face_model.correspondences ARCHIVE LANDMARKER_TASK
"""

import sys
from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.spatial import cKDTree

from reenactory.models.face_mesh.pose import (
    CAMERA_DISTANCE,
    FOCAL,
    STANDARD_POINTS,
    five_points,
    rotation_from_angles,
)
from reenactory.models.face_mesh.topology import LANDMARKS_68, MOUTH_LOWER, MOUTH_UPPER, POINT_COUNT
from reenactory.models.face_model.identity_modes import read_identity_modes
from reenactory.models.face_model.makehuman import MakeHumanAssets
from reenactory.models.face_model.open_shape import EXPRESSION_UNITS, Alignment, OpenShape, open_shape
from reenactory.models.face_model.open_texture import open_texture
from reenactory.models.face_model.regions import soft_regions
from reenactory.models.rasterizer.fragments import interpolate
from reenactory.models.rasterizer.rasterize import rasterize

Floats = NDArray[np.float64]
FILE = Path(__file__).with_name("correspondences_478.npz")
SKIN_POINTS = 468

_SIZE = 512
_YAWS, _PITCHES, _JAWS = np.radians((-28, 0, 28)), np.radians((-12, 0, 12)), (0.0, 0.4)
_LIGHTS = np.array([(0.0, 0.3, 0.95), (0.5, 0.45, 0.74)])
_ROUNDS = 3  # the first knows no lips and brows, the second paints them, the third is where it stays
_UPPER, _LOWER = MOUTH_UPPER[1:-1], MOUTH_LOWER[1:-1]


class Correspondences(NamedTuple):
    """What is kept.

    Attributes:
        triangles: (478,) int64 rows of the head mesh's triangles.
        weights: (478, 3) float64 barycentrics, multiples of 2^-14.
        alignment: of MakeHuman's decimetres to model units.
    """

    triangles: NDArray[np.int64]
    weights: Floats
    alignment: Alignment

    def points(self, vertices: Floats, triangles: NDArray[np.int64]) -> Floats:
        """(478, 3) of vertices (V, 3)."""
        total: Floats = (vertices[triangles[self.triangles]] * self.weights[..., None]).sum(axis=1)
        return total


def read_correspondences() -> Correspondences:
    """What is kept beside this file."""
    with np.load(FILE) as data:
        scale, sine, cosine = data["turn"].tolist()
        return Correspondences(
            data["triangles"].astype(np.int64), data["weights"] / 2.0**14, Alignment(data["origin"], scale, sine, cosine)
        )


def fit_alignment(points: Floats) -> Alignment:
    """The similarity of the symmetric face's five points (478 in decimetres) to Deep3DFaceRecon's standard points."""
    ours = five_points(points[LANDMARKS_68])
    ours, standard = (_symmetric_five(five) for five in (ours, STANDARD_POINTS))
    centre, goal = ours.mean(axis=0), standard.mean(axis=0)
    (x, y, z), (u, v, w) = (ours - centre).T, (standard - goal).T
    angle = np.arctan2((y * w - z * v).sum(), (y * v + z * w).sum())
    sine, cosine = float(np.round(np.sin(angle), 9)), float(np.round(np.cos(angle), 9))
    turned = Alignment(centre, 1.0, sine, cosine).place(ours)
    scale = float(np.round((turned * (standard - goal)).sum() / (turned**2).sum(), 9))
    back = Alignment(np.zeros(3), 1 / scale, -sine, cosine).turn(goal)
    return Alignment(np.round(centre - back, 9), scale, sine, cosine)


def _symmetric_five(five: Floats) -> Floats:
    return (five + five[[1, 0, 2, 4, 3]] * np.array([-1, 1, 1])) / 2


class _Finder:
    """One shape, looked at by the landmarker from many sides."""

    def __init__(self, shape: OpenShape, landmarker: Path) -> None:
        from reenactory.models.face_mesh.landmarker import FaceLandmarker

        self.shape, self.head = shape, shape.head
        self.triangles = shape.head.triangles
        self._landmarker = FaceLandmarker(landmarker)
        self._jaw = shape.expression[EXPRESSION_UNITS.index("jawOpen")]
        skin = shape.head.parts["head"]
        self._skin = skin[self.triangles].all(axis=1) & ~shape.head.parts["eye_sockets"][self.triangles].all(axis=1)
        drop = np.linalg.norm(self._jaw, axis=1)[self.triangles].mean(axis=1)
        self._lower_jaw = drop > drop.max() / 2

    def find(self) -> Correspondences:
        x, y, z = self.shape.mean[self.head.iris_points[:, 0]].mean(axis=0)
        alignment, points = Alignment(np.array([x, y - 0.29, z - 0.25]), 1.0, 0.0, 1.0), None
        for _ in range(_ROUNDS):
            vertices = alignment.place(self.shape.mean)
            points = self._look(vertices, self._paint(vertices, points), self.scaled_jaw(alignment))
            found = self._onto_mesh(vertices, points)
            in_decimetres = found._replace(alignment=alignment).points(self.shape.mean, self.triangles)
            alignment = fit_alignment(in_decimetres)
            points = found.points(alignment.place(self.shape.mean), self.triangles)
        return found._replace(alignment=alignment)

    def scaled_jaw(self, alignment: Alignment) -> Floats:
        return alignment.turn(self._jaw)

    def _paint(self, vertices: Floats, points: Floats | None) -> Floats:
        nothing = dict.fromkeys(
            ("oval", "lips", "brows", "beard", "hair", "cheeks", "eye_surroundings"), np.zeros(len(vertices))
        )
        regions = nothing if points is None else soft_regions(vertices, points, self.head.parts)
        mean, _ = open_texture(regions, self.head.parts)
        return mean

    def _look(self, vertices: Floats, colours: Floats, jaw: Floats) -> Floats:
        """(478, 3) mean places on the neutral face of what was found in all views, made symmetric."""
        total, weight = np.zeros((POINT_COUNT, 3)), np.zeros((POINT_COUNT, 1))
        normals = _normals(vertices, self.triangles)
        for yaw, pitch, opening, light in product(_YAWS, _PITCHES, _JAWS, _LIGHTS):
            rotation = rotation_from_angles(np.array([pitch, yaw, 0.0]))
            seen = self._view(vertices, vertices + opening * jaw, normals, colours, rotation, light)
            if seen is None:
                continue
            places, facing = seen
            # The inner rims of the lips touch each other in the neutral face: only an open mouth shows which is which.
            facing[[*_UPPER, *_LOWER]] *= float(opening > 0)
            total += places * facing[:, None]
            weight += facing[:, None]
        points = total / weight
        other = _mirror_of(points)
        symmetric: Floats = (points + points[other] * np.array([-1, 1, 1])) / 2
        return symmetric

    def _view(
        self, neutral: Floats, moved: Floats, normals: Floats, colours: Floats, rotation: Floats, light: Floats
    ) -> tuple[Floats, Floats] | None:
        """Places (478, 3) on the neutral face and how much they face the camera (478,); None where no face was seen."""
        turned = moved @ rotation.T
        focal = FOCAL * _SIZE / 224
        depth = CAMERA_DISTANCE - turned[:, 2]
        uvz = np.stack(
            [focal * turned[:, 0] / depth + _SIZE / 2, _SIZE / 2 - focal * turned[:, 1] / depth, depth], axis=-1
        )
        triangles = torch.from_numpy(self.triangles)
        fragments = rasterize(torch.from_numpy(uvz).float()[None], triangles, (_SIZE, _SIZE))
        shade = 0.45 + 0.55 * np.clip(_normals(turned, self.triangles) @ light, 0, None)
        attributes = np.concatenate([colours * shade[:, None], neutral, normals @ rotation.T], axis=1)
        image = interpolate(fragments, triangles, torch.from_numpy(attributes).float()[None])[0].numpy()
        hit = fragments.triangle[0].numpy()
        rgb = np.where(hit[..., None] >= 0, image[..., :3], 0.3)
        found = self._landmarker.detect(np.rint(np.clip(rgb, 0, 1) * 255).astype(np.uint8)[None])
        if not found.detected[0]:
            return None
        rows, columns = np.nonzero((hit >= 0) & self._skin[np.maximum(hit, 0)])
        values = image[rows, columns]
        centres = np.stack([columns + 0.5, rows + 0.5], axis=-1)
        places, facing = np.zeros((POINT_COUNT, 3)), np.zeros(POINT_COUNT)
        lower = self._lower_jaw[hit[rows, columns]]
        for points, allowed in self._sides(lower):
            near = cKDTree(centres[allowed]).query(found.points[0, points, :2])[1]
            value = values[allowed][near]
            places[points], facing[points] = value[:, 3:6], np.maximum(value[:, 8], 0.0) ** 2 + 1e-6
        irises = neutral[self.head.iris_points].reshape(-1, 3)
        places[SKIN_POINTS:], facing[SKIN_POINTS:] = irises, 1.0
        return places, facing

    def _sides(self, lower: NDArray[np.bool_]) -> list[tuple[NDArray[np.int64], NDArray[np.bool_]]]:
        """Points with the places that are allowed for them: those of a lip's inner rim stay on their lip."""
        rims = np.concatenate([_UPPER, _LOWER])
        others = np.setdiff1d(np.arange(SKIN_POINTS), rims)
        return [(others, np.ones_like(lower)), (_UPPER, ~lower), (_LOWER, lower)]

    def _onto_mesh(self, vertices: Floats, points: Floats) -> Correspondences:
        triangles, weights = np.zeros(POINT_COUNT, np.int64), np.zeros((POINT_COUNT, 3))
        skin = np.flatnonzero(self._skin)
        for ids, allowed in self._sides(self._lower_jaw[skin]):
            for point in ids:
                near, bary = closest_on_triangles(points[point], vertices[self.triangles[skin[allowed]]])
                triangles[point], weights[point] = skin[allowed][near], bary
        for point, vertex in enumerate(self.head.iris_points.ravel(), start=SKIN_POINTS):
            triangles[point] = np.flatnonzero((self.triangles == vertex).any(axis=1))[0]
            weights[point] = self.triangles[triangles[point]] == vertex
        fine = np.rint(weights * 2.0**14)
        fine[:, 0] += 2.0**14 - fine.sum(axis=1)
        return Correspondences(triangles, fine / 2.0**14, Alignment(np.zeros(3), 1.0, 0.0, 1.0))


def closest_on_triangles(point: Floats, corners: Floats) -> tuple[int, Floats]:
    """The triangle of (F, 3, 3) that is nearest to a point (3,), and the barycentrics (3,) of the nearest place."""
    edges = np.stack([corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]], axis=1)  # (F, 2, 3)
    gram = edges @ np.swapaxes(edges, 1, 2)
    gram += np.eye(2) * 1e-12 * np.trace(gram, axis1=1, axis2=2)[:, None, None] + np.eye(2) * 1e-30
    inner = np.linalg.solve(gram, (edges @ (point - corners[:, 0])[..., None]))[..., 0]  # (F, 2)
    candidates = [np.concatenate([1 - inner.sum(axis=1, keepdims=True), inner], axis=1)]
    candidates[0] = np.where((candidates[0] >= 0).all(axis=1, keepdims=True), candidates[0], np.nan)
    for first, second in ((0, 1), (1, 2), (2, 0)):
        along = corners[:, second] - corners[:, first]
        share = ((point - corners[:, first]) * along).sum(axis=1) / np.maximum((along**2).sum(axis=1), 1e-30)
        share = np.clip(share, 0, 1)
        edge = np.zeros((len(corners), 3))
        edge[:, first], edge[:, second] = 1 - share, share
        candidates.append(edge)
    bary = np.stack(candidates)  # (4, F, 3)
    distance = (((bary[..., None] * corners).sum(axis=2) - point) ** 2).sum(axis=-1)
    kind, face = np.unravel_index(np.nanargmin(distance), distance.shape)
    return int(face), bary[kind, face]


def _normals(vertices: Floats, triangles: NDArray[np.int64]) -> Floats:
    first, second, third = (vertices[triangles[:, corner]] for corner in range(3))
    flat = np.cross(second - first, third - first)
    total = np.zeros_like(vertices)
    for corner in range(3):
        np.add.at(total, triangles[:, corner], flat)
    return total / np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-12)


def _mirror_of(points: Floats) -> NDArray[np.int64]:
    """(478,) the point on the other side of the face: the best one-to-one match with the mirror image."""
    distance = np.linalg.norm((points * np.array([-1, 1, 1]))[:, None] - points, axis=-1)
    other: NDArray[np.int64] = linear_sum_assignment(distance**2)[1]
    return other


def _write(found: Correspondences) -> None:
    alignment = found.alignment
    np.savez_compressed(
        FILE,
        triangles=found.triangles.astype(np.int32),
        weights=np.rint(found.weights * 2.0**14).astype(np.int16),
        origin=alignment.origin,
        turn=np.array([alignment.scale, alignment.sine, alignment.cosine]),
    )


if __name__ == "__main__":
    assets = MakeHumanAssets(Path(sys.argv[1]))
    _write(_Finder(open_shape(assets, read_identity_modes()), Path(sys.argv[2])).find())
