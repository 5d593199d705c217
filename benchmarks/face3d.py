"""How right and how fast the open extractor is.

    python benchmarks/face3d.py [--clips FOLDER] [--coefficients FOLDER] [--frames N]

Without options: rendered faces of known coefficients. --clips: every video of a folder, as it is: reprojection,
identity across the two halves of a clip, and speed beside the bare landmarker. --coefficients: videos with
Deep3DFaceRecon's own coefficients beside them (NAME.mp4, NAME.coeff257.mat). Needs the weights open_face_model and
face_landmarker.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.io import loadmat

from reenactory.infra.video import ReadSpec, VideoFault, read_frames
from reenactory.models.extractors.open import MODEL, OpenExtractor
from reenactory.models.extractors.protocol import Fit
from reenactory.models.face_fit.point_model import UNITS, PointModel
from reenactory.models.face_mesh.landmarker import FaceLandmarker, Landmarks
from reenactory.models.face_mesh.pose import angles_from_rotation, rotation_from_angles
from reenactory.models.face_model import camera
from reenactory.models.face_model.conventions import FOCAL, FRAME_PX
from reenactory.models.face_model.model import EXPRESSION_COUNT, IDENTITY_COUNT, TEXTURE_COUNT, FaceModel
from reenactory.models.face_model.open_model import load_open_model
from reenactory.models.face_model.shading import shade
from reenactory.models.rasterizer.fragments import interpolate
from reenactory.models.rasterizer.rasterize import rasterize
from reenactory.models.weights import locate

Floats = NDArray[np.floating]
SIZE = 320
PEOPLE, FACES = 6, 14  # rendered: people, frames of each
YAWS_DEG = (0, 20, 40, 60)
ROUNDS = 5
EYES = 33, 263  # outer corners
COEFFICIENTS_START = 2  # row t of the published files belongs to frame t + 2: see docs/face3d.md
JAW_OPEN, BLINKS = 25, (9, 10)


class Bench:
    """The models that every part needs."""

    def __init__(self) -> None:
        self.model = load_open_model(locate(MODEL))
        self.points = PointModel.of(self.model)
        self.landmarker = FaceLandmarker(locate("face_landmarker"))
        self.extractor = OpenExtractor("cpu", 1, {MODEL: locate(MODEL)})

    def fit(self, frames: NDArray[np.uint8]) -> tuple[Landmarks, Fit]:
        found = self.landmarker.detect(frames)
        return found, self.extractor.fit(frames, found)

    def turned(self, fit: Fit, frames: NDArray[np.int64]) -> torch.Tensor:
        """Vertices of the front of the face after rotation, about their mean."""
        rows = [torch.from_numpy(np.asarray(values)[frames]) for values in (fit.id, fit.exp, fit.angles)]
        face = camera.rotate(self.model.shape(rows[0], rows[1]), rows[2])[:, self.model.masks["face"]]
        return face - face.mean(dim=1, keepdim=True)

    def eye_distance(self, fit: Fit) -> torch.Tensor:
        """(T,) in model units."""
        assert fit.id is not None
        shape = self.points.shape(torch.from_numpy(fit.id[0]), torch.from_numpy(fit.exp[:, UNITS]))
        return (shape[:, EYES[0]] - shape[:, EYES[1]]).norm(dim=-1)


def rendered_faces(bench: Bench) -> None:
    """Known coefficients, drawn in a known light on noise, extracted again; each person is one clip."""
    chance = np.random.default_rng(5)
    yaws, pose, bare, vertex, made, given, scores = ([], [], [], [], [], [], [])
    for _ in range(PEOPLE):
        truth = known(bench.model, chance)
        frames = draw(bench.model, truth, chance)
        found, fit = bench.fit(frames)
        seen = np.flatnonzero(np.isfinite(fit.angles).all(axis=1))
        right = rotation_from_angles(truth.angles[seen])
        pose.append(degrees_apart(rotation_from_angles(fit.angles[seen]), right))
        bare.append(degrees_apart(found.rotation[seen], right))
        apart = (bench.turned(fit, seen) - bench.turned(truth, seen)).norm(dim=-1).mean(dim=1)
        vertex.append((apart / bench.eye_distance(truth)[seen] * 100).numpy())
        made.append(truth.exp[seen])
        given.append(fit.exp[seen])
        scores.append(np.pad(found.scores[seen], ((0, 0), (0, EXPRESSION_COUNT - found.scores.shape[1]))))
        yaws.append(np.abs(np.degrees(truth.angles[seen, 1])))
    yaw, pose_deg, bare_deg, off = (np.concatenate(values) for values in (yaws, pose, bare, vertex))
    true, ours, theirs = np.concatenate(made), np.concatenate(given), np.concatenate(scores)
    print("rendered faces   frames  pose, degrees (landmarker's)  vertices, % of eye distance  expression, correlation "
          "(landmarker's scores)")  # fmt: skip
    for middle in YAWS_DEG:
        near = np.abs(yaw - middle) <= 10
        units, bare_units = (np.corrcoef(true[near].ravel(), v[near].ravel())[0, 1] for v in (ours, theirs))
        print(f"yaw {middle - 10:3} to {middle + 10:2}    {near.sum():6}  {pose_deg[near].mean():12.2f} "
              f"({bare_deg[near].mean():.2f})  {off[near].mean():35.2f}  {units:23.2f} ({bare_units:.2f})")  # fmt: skip
    moved = [k for k in range(EXPRESSION_COUNT) if true[:, k].std() > 0 and ours[:, k].std() > 0]
    single = sorted((np.corrcoef(true[:, k], ours[:, k])[0, 1], bench.model.expression_names[k]) for k in moved)
    print("worst units:", ", ".join(f"{name} {value:.2f}" for value, name in single[:6]),
          "| best:", ", ".join(f"{name} {value:.2f}" for value, name in single[-6:]),
          f"| median {np.median([value for value, _ in single]):.2f}")  # fmt: skip


def degrees_apart(first: Floats, second: Floats) -> Floats:
    """(T,) angle between rotations (T, 3, 3)."""
    turn = np.trace(first.swapaxes(1, 2) @ second, axis1=1, axis2=2)
    return np.degrees(np.arccos(np.clip((turn - 1) / 2, -1, 1)))


def known(model: FaceModel, chance: np.random.Generator) -> Fit:
    """One person in FACES frames: about a sixth of the expressions at work, both sides alike, in nearly white light."""
    names = [name.removesuffix("Left").removesuffix("Right") for name in model.expression_names]
    kinds = sorted(set(names[UNITS]))
    units = np.zeros((FACES, EXPRESSION_COUNT))
    strength = chance.uniform(0, 0.8, (FACES, len(kinds))) * (chance.random((FACES, len(kinds))) < 0.15)
    units[:, UNITS] = strength[:, [kinds.index(name) for name in names[UNITS]]]
    yaw = np.radians(chance.permutation(np.linspace(-65, 65, FACES)))
    angles = np.stack([chance.uniform(-0.2, 0.2, FACES), yaw, chance.uniform(-0.2, 0.2, FACES)], axis=1)
    texture = np.zeros((1, TEXTURE_COUNT))
    texture[:, :9] = 0.7 * chance.normal(size=9)
    gamma = 0.12 * np.tile(chance.normal(size=(FACES, 9)), 3) + 0.02 * chance.normal(size=(FACES, 27))
    person = (np.repeat(0.8 * chance.normal(size=(1, IDENTITY_COUNT)), FACES, 0), np.repeat(texture, FACES, 0))
    unused = [np.zeros((FACES, width), np.float32) for width in (3, 3, 136)]  # trans, crop, landmarks
    exp, angles, identity, texture, gamma = (v.astype(np.float32) for v in (units, angles, *person, gamma))
    return Fit(exp, angles, *unused, id=identity, tex=texture, gamma=gamma)


def draw(model: FaceModel, truth: Fit, chance: np.random.Generator) -> NDArray[np.uint8]:
    """(T, SIZE, SIZE, 3) uint8 RGB; the 224 frame fills two thirds of the picture."""
    identity, units, angles, texture, gamma = (
        torch.from_numpy(np.asarray(values)) for values in (truth.id, truth.exp, truth.angles, truth.tex, truth.gamma)
    )
    vertices = model.shape(identity, units)
    placed = camera.to_camera(vertices, angles, torch.zeros(len(units), 3))
    lens = camera.Camera(torch.full((1, 2), FOCAL * SIZE / FRAME_PX / 1.5), torch.full((1, 2), SIZE / 2))
    uvz = camera.project(placed, lens)
    colours = shade(model.albedo(texture), camera.rotate(model.normals(vertices), angles), gamma)
    fragments = rasterize(uvz, model.triangles, (SIZE, SIZE))
    faces = interpolate(fragments, model.triangles, colours).clamp(0, 1).numpy() * 255
    noise = chance.uniform(80, 120, faces.shape)
    return np.where(fragments.triangle[..., None].numpy() >= 0, faces, noise).astype(np.uint8)


def deep3d_beside(bench: Bench, folder: Path, frames: int) -> None:
    """Correlation with Deep3DFaceRecon's coefficients of the same frames, and with what can be read from its exp."""
    print("\nDeep3DFaceRecon's coefficients: correlation (slope) of pitch, yaw, roll; the landmarker's; translation; "
          "mouth opening and blink as read from its exp by ridge regression on the other half")  # fmt: skip
    for path in sorted(folder.glob("*.coeff257.mat")):
        theirs = loadmat(str(path))["coeff"].astype(np.float64)
        video = path.with_name(path.name.replace(".coeff257.mat", ".mp4"))
        pictures = read_frames(video, ReadSpec(frame_count=frames or None))
        found, fit = bench.fit(pictures)
        count = min(len(pictures) - COEFFICIENTS_START, len(theirs))
        rows = np.arange(count) + COEFFICIENTS_START
        rows = rows[np.isfinite(fit.angles[rows]).all(axis=1)]
        theirs = theirs[rows - COEFFICIENTS_START]
        angles, bare = fit.angles[rows], angles_from_rotation(found.rotation[rows])
        ours = " ".join(agreement(angles[:, k], theirs[:, 224 + k]) for k in range(3))
        landmarker = " ".join(agreement(bare[:, k], theirs[:, 224 + k]) for k in range(3))
        moves = " ".join(agreement(fit.trans[rows, k], theirs[:, 254 + k]) for k in range(3))
        mouth = held_out(theirs[:, 80:144], fit.exp[rows, JAW_OPEN])
        blink = held_out(theirs[:, 80:144], fit.exp[rows][:, BLINKS].mean(axis=1))
        print(f"{video.stem}: {ours} | landmarker {landmarker} | x y z {moves} | mouth {mouth:.2f} blink {blink:.2f}")


def agreement(ours: Floats, theirs: Floats) -> str:
    return f"{np.corrcoef(ours, theirs)[0, 1]:.3f} ({np.polyfit(theirs, ours, 1)[0]:.2f})"


def held_out(features: Floats, curve: Floats) -> float:
    """Correlation of a curve with its ridge regression from features, each half predicted by the other."""
    features = (features - features.mean(axis=0)) / features.std(axis=0)
    guess, half = np.zeros(len(curve)), len(curve) // 2
    for train, test in ((slice(0, half), slice(half, None)), (slice(half, None), slice(0, half))):
        a, b = features[train], curve[train] - curve[train].mean()
        weights = np.linalg.solve(a.T @ a + 0.1 * len(a) * np.eye(a.shape[1]), a.T @ b)
        guess[test] = features[test] @ weights
    return float(np.corrcoef(guess, curve)[0, 1])


def real_clips(bench: Bench, folder: Path, frames: int) -> None:
    """Reprojection, identity of the two halves of every clip, and speed."""
    halves: list[tuple[Floats, Floats]] = []
    timed: NDArray[np.uint8] | None = None
    print("\nclips: frames with a face, reprojection of the 478 points in % of the eye distance (mean, worst frame)")
    for video in sorted(path for path in folder.iterdir() if path.suffix in (".mp4", ".mkv")):
        try:
            pictures = read_frames(video, ReadSpec(frame_count=frames or None))
        except VideoFault as fault:
            print(f"{video.name}: {fault}")
            continue
        found, fit = bench.fit(pictures)
        seen = np.flatnonzero(np.isfinite(fit.angles).all(axis=1))
        if not len(seen):
            print(f"{video.name}: no face")
            continue
        if len(seen) == len(pictures):
            timed = pictures
        off = reprojection(bench, pictures.shape[1:3], found, fit, seen)
        print(f"{video.name}: {len(seen)} of {len(pictures)}, {off.mean():.2f}, {off.max():.2f}")
        middle = len(seen) // 2
        if middle >= 10:
            parts = seen[:middle], seen[middle:]
            fits = [bench.extractor.fit(pictures[part], Landmarks(*(v[part] for v in found))) for part in parts]
            halves.append(tuple(part.id[0] for part in fits))
    if len(halves) > 1:
        separation(np.array(halves))
    if timed is not None:
        speed(bench, timed)


def speed(bench: Bench, frames: NDArray[np.uint8]) -> None:
    """Landmarker and fit in turns, the best of each."""
    spent = np.full((ROUNDS, 2), np.inf)
    for row in spent:
        started = time.perf_counter()
        found = bench.landmarker.detect(frames)
        landmarked = time.perf_counter()
        bench.extractor.fit(frames, found)
        row[:] = landmarked - started, time.perf_counter() - landmarked
    bare, fit = spent.min(axis=0) / len(frames) * 1000
    print(f"speed, {len(frames)} frames: landmarker {bare:.2f} ms a frame, fit {fit:.2f}: "
          f"{bare / (bare + fit):.3f} of the landmarker's frames per second")  # fmt: skip


def reprojection(
    bench: Bench, size: tuple[int, int], found: Landmarks, fit: Fit, seen: NDArray[np.int64]
) -> NDArray[np.float64]:
    """(T,), mean distance of the fitted points from the landmarker's, in % of the eye distance seen from the front."""
    identity, units, angles, shift, crop = (
        torch.from_numpy(np.asarray(values)[seen]) for values in (fit.id, fit.exp, fit.angles, fit.trans, fit.crop)
    )
    shape = bench.points.shape(identity[0], units[:, UNITS])
    lens = camera.picture_camera(crop, size)
    uvz = camera.project(camera.to_camera(shape, angles, shift), lens)
    apart = (uvz[..., :2] - torch.from_numpy(found.points[seen, :, :2])).norm(dim=-1).mean(dim=1)
    eyes = (shape[:, EYES[0]] - shape[:, EYES[1]]).norm(dim=-1) * lens.focal.mean(dim=1) / uvz[..., 2].mean(dim=1)
    return (apart / eyes * 100).double().numpy()


def separation(halves: Floats) -> None:
    """Distances of identity coefficients (C, 2, 80) within and between clips."""
    distance = np.linalg.norm(halves[:, None, :, None] - halves[None, :, None, :], axis=-1)  # (C, C, 2, 2)
    same = distance[np.arange(len(halves)), np.arange(len(halves)), 0, 1]
    first, second = np.triu_indices(len(halves), 1)
    other = distance[first, second].ravel()
    auc = (same[:, None] < other).mean()
    print(f"identity: median distance of a clip's halves {np.median(same):.2f} (largest {same.max():.2f}), of two "
          f"clips {np.median(other):.2f} (smallest {other.min():.2f}), AUC {auc:.3f}")  # fmt: skip


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--clips", type=Path)
    options.add_argument("--coefficients", type=Path)
    options.add_argument("--frames", type=int, default=0, help="of each clip, from its start; 0 = all")
    chosen = options.parse_args()
    torch.set_num_threads(1)
    bench = Bench()
    rendered_faces(bench)
    if chosen.coefficients:
        deep3d_beside(bench, chosen.coefficients, chosen.frames)
    if chosen.clips:
        real_clips(bench, chosen.clips, chosen.frames)


if __name__ == "__main__":
    main()
