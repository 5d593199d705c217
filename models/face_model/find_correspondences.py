"""Finds the landmarker's 478 points on the open model: shows it pictures of the mean face, casts its points back.

python -m reenactory.models.face_model.find_correspondences ARCHIVE LANDMARKER_TASK
"""

import sys
from itertools import product
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.spatial import cKDTree

from reenactory.models.face_mesh.pose import rotation_from_angles
from reenactory.models.face_mesh.topology import MOUTH_LOWER, MOUTH_UPPER, POINT_COUNT
from reenactory.models.face_model.correspondences import Correspondences, rounded, write_correspondences
from reenactory.models.face_model.identity_modes import read_identity_modes
from reenactory.models.face_model.makehuman import MakeHumanAssets
from reenactory.models.face_model.normals import vertex_normals
from reenactory.models.face_model.open_shape import EXPRESSION_UNITS, OpenShape, open_shape
from reenactory.models.face_model.open_texture import open_texture
from reenactory.models.face_model.picture import draw
from reenactory.models.face_model.regions import REGIONS, soft_regions
from reenactory.models.face_model.similarity import Similarity, fit_similarity
from reenactory.models.rasterizer.fragments import interpolate

Floats = NDArray[np.float64]
SKIN_POINTS = 468

_SIZE = 512
_YAWS, _PITCHES, _JAWS = np.radians((-28, 0, 28)), np.radians((-12, 0, 12)), (0.0, 0.4)
_LIGHTS = ((0.0, 0.3, 0.95), (0.5, 0.45, 0.74))
_ROUNDS = 3  # the first knows no lips and brows, the second paints them, the third is where it stays
_UPPER, _LOWER = MOUTH_UPPER[1:-1], MOUTH_LOWER[1:-1]


class Finder:
    """One shape, looked at by the landmarker from many sides.

    Args:
        shape: whose mean face is shown.
        landmarker: its bundle.
    """

    def __init__(self, shape: OpenShape, landmarker: Path) -> None:
        from reenactory.models.face_mesh.landmarker import FaceLandmarker

        self.shape, self.head = shape, shape.head
        self.triangles = shape.head.triangles
        self._landmarker = FaceLandmarker(landmarker)
        self._jaw = shape.expression[EXPRESSION_UNITS.index("jawOpen")]
        parts = shape.head.parts
        outside = parts["head"][self.triangles].all(axis=1), ~parts["eye_sockets"][self.triangles].all(axis=1)
        self._skin = np.logical_and(*outside)  # (F,) bool
        drop = np.linalg.norm(self._jaw, axis=1)[self.triangles].mean(axis=1)
        self._lower_jaw: NDArray[np.bool_] = drop > drop.max() / 2

    def find(self) -> Correspondences:
        """The points on the mean face, and the similarity that they give."""
        x, y, z = self.shape.mean[self.head.iris_points[:, 0]].mean(axis=0)
        similarity, points = Similarity(np.array([x, y - 0.29, z - 0.25]), 1.0, 0.0, 1.0), None
        for _ in range(_ROUNDS):
            vertices = similarity.place(self.shape.mean)
            points = self._look(vertices, self._paint(vertices, points), similarity.turn(self._jaw))
            found = self._onto_mesh(vertices, points)
            in_decimetres = found._replace(similarity=similarity).points(self.shape.mean, self.triangles)
            similarity = fit_similarity(in_decimetres)
            points = found.points(similarity.place(self.shape.mean), self.triangles)
        return found._replace(similarity=similarity)

    def _paint(self, vertices: Floats, points: Floats | None) -> Floats:
        if points is None:
            regions = dict.fromkeys(REGIONS, np.zeros(len(vertices)))
        else:
            regions = soft_regions(vertices, points, self.head.parts)
        mean, _ = open_texture(regions, self.head.parts)
        return mean

    def _look(self, vertices: Floats, colours: Floats, jaw: Floats) -> Floats:
        """(478, 3) mean places on the neutral face of what was found in all views, made symmetric."""
        total, weight = np.zeros((POINT_COUNT, 3)), np.zeros((POINT_COUNT, 1))
        for yaw, pitch, opening, light in product(_YAWS, _PITCHES, _JAWS, _LIGHTS):
            rotation = rotation_from_angles(np.array([pitch, yaw, 0.0]))
            seen = self._view(vertices, vertices + opening * jaw, colours, rotation, light)
            if seen is None:
                continue
            places, facing = seen
            # The inner rims of the lips touch each other in the neutral face: only an open mouth shows which is which.
            facing[[*_UPPER, *_LOWER]] *= float(opening > 0)
            total += places * facing[:, None]
            weight += facing[:, None]
        points = total / weight
        other = mirror_of(points)
        symmetric: Floats = (points + points[other] * np.array([-1, 1, 1])) / 2
        return symmetric

    def _view(
        self, neutral: Floats, moved: Floats, colours: Floats, rotation: Floats, light: tuple[float, float, float]
    ) -> tuple[Floats, Floats] | None:
        """Places (478, 3) on the neutral face and how much they face the camera (478,); None where no face was seen."""
        triangles = torch.from_numpy(self.triangles)
        batch = [torch.from_numpy(array).float()[None] for array in (moved, colours, rotation)]
        picture = draw(batch[0], triangles, batch[1], batch[2], _SIZE, light)
        found = self._landmarker.detect(picture.image.numpy())
        if not found.detected[0]:
            return None
        attributes = torch.cat([torch.from_numpy(neutral).float()[None], vertex_normals(batch[0], triangles)], dim=-1)
        image = interpolate(picture.fragments, triangles, attributes)[0].numpy()
        hit = picture.fragments.triangle[0].numpy()
        rows, columns = np.nonzero((hit >= 0) & self._skin[np.maximum(hit, 0)])
        values = image[rows, columns]
        centres = np.stack([columns + 0.5, rows + 0.5], axis=-1)
        places, facing = np.zeros((POINT_COUNT, 3)), np.zeros(POINT_COUNT)
        lower = self._lower_jaw[hit[rows, columns]]
        for points, allowed in self._sides(lower):
            near = cKDTree(centres[allowed]).query(found.points[0, points, :2])[1]
            value = values[allowed][near]
            places[points] = value[:, :3]
            facing[points] = np.maximum(value[:, 3:] @ rotation[2], 0) ** 2 + 1e-6
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
        return Correspondences(triangles, rounded(weights), Similarity(np.zeros(3), 1.0, 0.0, 1.0))


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


def mirror_of(points: Floats) -> NDArray[np.int64]:
    """(478,) the point on the other side of the face: the best one-to-one match with the mirror image."""
    distance = np.linalg.norm((points * np.array([-1, 1, 1]))[:, None] - points, axis=-1)
    other: NDArray[np.int64] = linear_sum_assignment(distance**2)[1]
    return other


if __name__ == "__main__":
    assets = MakeHumanAssets(Path(sys.argv[1]))
    write_correspondences(Finder(open_shape(assets, read_identity_modes()), Path(sys.argv[2])).find())
