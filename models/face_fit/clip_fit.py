"""A clip's coefficients from its landmarks and pixels: identity and texture once, the rest for every frame."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from reenactory.models.face_fit.light import SkinModel, fit_light, fit_texture, sample
from reenactory.models.face_fit.point_model import UNITS, PointModel
from reenactory.models.face_fit.points_fit import Observed, State, fit_frames, fit_identity, misfit
from reenactory.models.face_fit.settings import FitSettings
from reenactory.models.face_mesh.pose import angles_from_rotation, translation
from reenactory.models.face_mesh.topology import LANDMARKS_68
from reenactory.models.face_model.alignment import Alignment, align, place, to_aligned
from reenactory.models.face_model.camera import picture_camera
from reenactory.models.face_model.conventions import CENTRE
from reenactory.models.face_model.model import EXPRESSION_COUNT, IDENTITY_COUNT, FaceModel

Rows = NDArray[np.float32]

_BATCH = 32  # frames at once: more do not fit the cache


class ClipFit(NamedTuple):
    """T frames; NaN in frames without a face that can be fitted. id and tex are the same in all frames."""

    id: Rows  # (T, 80)
    exp: Rows  # (T, 64), the landmarker's units in its order, in [0, 1]
    tex: Rows  # (T, 80)
    angles: Rows  # (T, 3) radians
    gamma: Rows  # (T, 27)
    trans: Rows  # (T, 3)
    crop: Rows  # (T, 3)


class ClipFitter:
    """Fits one face model to clips.

    Args:
        model: with colours and the landmarker's points.
        settings: what to believe.
    """

    def __init__(self, model: FaceModel, settings: FitSettings | None = None) -> None:
        self._points = PointModel.of(model)
        self._skin = SkinModel.of(model)
        self._settings = settings or FitSettings()

    @torch.inference_mode()
    def fit(self, frames: NDArray[np.uint8], points: Rows, scores: Rows, rotation: Rows) -> ClipFit:
        """The face of one person in a clip; NaN also where the landmarks are no face that the model can make.

        Args:
            frames: (T, H, W, 3) uint8 RGB.
            points: (T, 478, 3) pixels, as the face landmarker gives them; NaN where it found nothing.
            scores: (T, 52).
            rotation: (T, 3, 3).
        """
        size = (frames.shape[1], frames.shape[2])
        alignment = align(points[:, LANDMARKS_68, :2], size[0])
        crop = alignment.crop
        start = translation(points[:, LANDMARKS_68, :2], rotation, alignment, size)
        usable = np.flatnonzero(np.isfinite(np.concatenate([crop, start, scores], axis=1)).all(axis=1))
        count = len(frames)
        out = ClipFit(*(np.full((count, width), np.nan, np.float32) for width in (80, 64, 80, 3, 27, 3, 3)))
        if len(usable):
            seen = observed(points[usable], scores[usable], alignment.only(usable), size)
            faces, state = self._faces(seen, self._start(seen, rotation[usable], start[usable]))
            if len(faces):
                self._fill(out, frames, usable[faces.numpy()], state, crop)
        return out

    def _start(self, seen: Observed, rotation: Rows, trans: Rows) -> State:
        """The landmarker's pose and scores, and the clip's identity, from frames that show a face."""
        guess = State(
            torch.from_numpy(rotation), torch.from_numpy(trans), seen.scores.clone(), torch.zeros(IDENTITY_COUNT)
        )
        chosen = spread_by_yaw(rotation, self._settings.identity_frames)
        faces, found = self._faces(seen.only(chosen), guess.only(chosen))
        if len(faces) < len(chosen):
            # Landmarks that are no face have extreme angles, so they are chosen first. Now every frame is looked at.
            faces, found = self._faces(seen, guess)
            kept = spread_by_yaw(rotation[faces.numpy()], self._settings.identity_frames)
            chosen, found = faces[kept], found.only(kept)
        if len(chosen):
            found = fit_identity(self._points, seen.only(chosen), found, self._settings)
        return replace(guess, identity=found.identity)

    def _faces(self, seen: Observed, start: State) -> tuple[torch.Tensor, State]:
        """Frames whose landmarks are a face that the model can make with the identity of `start`, and their fit."""
        found = self._pose(seen, start)
        faces = (misfit(self._points, seen, found) < self._settings.worst).nonzero()[:, 0]
        return faces, found.only(faces)

    def _pose(self, seen: Observed, start: State) -> State:
        parts = [
            fit_frames(self._points, seen.only(b), start.only(b), self._settings) for b in _batches(len(seen.points))
        ]
        return State(
            torch.cat([part.rotation for part in parts]),
            torch.cat([part.translation for part in parts]),
            torch.cat([part.units for part in parts]),
            start.identity,
        )

    def _fill(self, out: ClipFit, frames: NDArray[np.uint8], rows: NDArray[np.int64], state: State, crop: Rows) -> None:
        """Writes the frames `rows` of a clip; light and texture are fitted here."""
        size = (frames.shape[1], frames.shape[2])
        skin = self._skin.of_person(state.identity)
        camera_of = torch.from_numpy(crop[rows])
        chosen = spread_by_yaw(state.rotation.numpy(), self._settings.identity_frames)
        few = sample(frames, rows[chosen.numpy()], skin, state.only(chosen), picture_camera(camera_of[chosen], size))
        texture = fit_texture(few, skin)
        albedo = skin.albedo + torch.einsum("k,knc->nc", texture, skin.texture)
        for batch in _batches(len(rows)):
            places = rows[batch.numpy()]
            samples = sample(frames, places, skin, state.only(batch), picture_camera(camera_of[batch], size))
            out.gamma[places] = fit_light(samples, albedo).numpy()
        out.id[rows], out.tex[rows] = state.identity.numpy(), texture.numpy()
        out.exp[rows] = _whole_expression(state)
        out.angles[rows] = angles_from_rotation(state.rotation.numpy())
        out.trans[rows], out.crop[rows] = state.translation.numpy(), crop[rows]


def _batches(count: int) -> list[torch.Tensor]:
    return [torch.arange(first, min(first + _BATCH, count)) for first in range(0, count, _BATCH)]


def observed(points: Rows, scores: Rows, alignment: Alignment, size: tuple[int, int]) -> Observed:
    """Landmarks of a picture (T, 478, 3) in its 224 frame."""
    place_of = to_aligned(points[..., :2].astype(np.float64), alignment, size) - CENTRE
    ratio = place(alignment, size).size[:, :1] / size[1]
    aligned = np.concatenate([place_of, (points[..., 2] * ratio)[..., None]], axis=-1).astype(np.float32)
    return Observed(torch.from_numpy(aligned), torch.from_numpy(np.ascontiguousarray(scores[:, UNITS])))


def spread_by_yaw(rotation: Rows, count: int) -> torch.Tensor:
    """Frames that cover a clip's yaw: every so many in the order of yaw, both ends included."""
    order = np.argsort(angles_from_rotation(rotation)[:, 1], kind="stable")
    places = np.linspace(0, len(order) - 1, min(count, len(order))).round().astype(np.int64)
    return torch.from_numpy(np.sort(order[places]))


def _whole_expression(state: State) -> Rows:
    whole = np.zeros((len(state.units), EXPRESSION_COUNT), np.float32)
    whole[:, UNITS] = state.units.numpy()
    return whole
