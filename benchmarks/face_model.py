"""How well the open face model and the face landmarker agree: expression scores, and the 478 points in pictures.

    python benchmarks/face_model.py [OUT.png]

Renders the model and runs the landmarker on the pictures. Needs the weights open_face_model and face_landmarker.
"""

import sys
from itertools import islice

import numpy as np
import torch
from torch import Tensor

from reenactory.models.face_mesh.landmarker import FaceLandmarker
from reenactory.models.face_mesh.pose import rotation_from_angles
from reenactory.models.face_model.model import EXPRESSION_COUNT, IDENTITY_COUNT, TEXTURE_COUNT, FaceModel
from reenactory.models.face_model.open_model import load_open_model
from reenactory.models.face_model.picture import Picture, draw, project
from reenactory.models.weights import locate

SIZE = 448
PEOPLE, TEXTURE_SD = 6, 0.7
POSES_DEG = ((0, 0), (0, 20), (0, 40), (0, 60), (15, 0), (-15, 0))  # pitch, yaw
EYES = 33, 263  # outer corners


def show(model: FaceModel, vertices: Tensor, albedo: Tensor, angles_deg: tuple[float, float]) -> tuple[Picture, Tensor]:
    """The picture of faces and where the 478 points are in it, (B, 478, 2)."""
    pitch, yaw = np.radians(angles_deg)
    rotation = torch.from_numpy(rotation_from_angles(np.array([pitch, yaw, 0.0]))).float().expand(len(vertices), 3, 3)
    picture = draw(vertices, model.triangles, albedo, rotation, SIZE)
    return picture, project(model.points_478(vertices), rotation, SIZE)[..., :2]


def scores_of_units(model: FaceModel, landmarker: FaceLandmarker) -> None:
    """The landmarker's score of each unit at 1, above its score of the neutral face."""
    names = model.expression_names
    units = [index for index, name in enumerate(names) if name and name != "tongueOut"]
    expression = torch.zeros(1 + len(units), EXPRESSION_COUNT)
    expression[torch.arange(1, 1 + len(units)), units] = 1
    vertices = model.shape(torch.zeros(len(expression), IDENTITY_COUNT), expression)
    assert model.mean_texture is not None
    picture, _ = show(model, vertices, model.mean_texture, (0, 0))
    scores = landmarker.detect(picture.image.numpy()).scores
    print(f"{'unit at 1':22} score  neutral  rank of its rise among the 51")
    for row, unit in enumerate(units, start=1):
        rise = scores[row] - scores[0]
        rank = 1 + int((rise[units] > rise[unit]).sum())
        print(f"{names[unit]:22} {scores[row, unit]:5.2f}  {scores[0, unit]:7.2f}  {rank:4d}")


def points_in_pictures(model: FaceModel, landmarker: FaceLandmarker) -> None:
    """Distance of the model's 478 points from the landmarker's, in % of the distance of the outer eye corners."""
    random = torch.Generator().manual_seed(7)
    identity = torch.randn(PEOPLE, IDENTITY_COUNT, generator=random)
    texture = TEXTURE_SD * torch.randn(PEOPLE, TEXTURE_COUNT, generator=random)
    expression = torch.zeros(PEOPLE, EXPRESSION_COUNT)
    index = {name: i for i, name in enumerate(model.expression_names)}
    for person, unit in enumerate(islice(("jawOpen", "mouthSmileLeft", "eyeSquintRight", "mouthPucker"), PEOPLE)):
        expression[person, index[unit]] = 0.6
    vertices, albedo = model.shape(identity, expression), model.albedo(texture)
    front = show(model, vertices, albedo, (0, 0))[1]
    scale = (front[:, EYES[0]] - front[:, EYES[1]]).norm(dim=-1)
    print(f"\n{PEOPLE} random people: points from the landmarker's, % of the eye corners' distance")
    for pose in POSES_DEG:
        picture, points = show(model, vertices, albedo, pose)
        found = landmarker.detect(picture.image.numpy())
        seen = torch.from_numpy(found.detected)
        apart = (points - torch.from_numpy(found.points[..., :2])).norm(dim=-1) / scale[:, None] * 100
        skin, iris = apart[seen, :468], apart[seen, 468:]
        print(
            f"pitch {pose[0]:4} yaw {pose[1]:3}: found {int(seen.sum())} of {PEOPLE}, mean {skin.mean():.2f}, "
            f"95 % below {skin.flatten().quantile(0.95):.2f}, irises {iris.mean():.2f}"
        )


def sheet(model: FaceModel, out: str) -> None:
    """Neutral face, four expressions, the first modes at +-2.5 standard deviations, six random people."""
    import cv2

    index = {name: i for i, name in enumerate(model.expression_names)}
    codes = torch.zeros(36, IDENTITY_COUNT), torch.zeros(36, EXPRESSION_COUNT), torch.zeros(36, TEXTURE_COUNT)
    units = ("jawOpen", "mouthSmileLeft", "eyeBlinkLeft", "browInnerUp", "mouthPucker")
    for row, unit in enumerate(units, start=1):
        codes[1][row, index[unit]] = 1
    for row in range(24):
        codes[0][6 + row, row // 2] = 2.5 if row % 2 else -2.5
    random = torch.Generator().manual_seed(7)
    codes[0][30:] = torch.randn(6, IDENTITY_COUNT, generator=random)
    codes[2][30:] = TEXTURE_SD * torch.randn(6, TEXTURE_COUNT, generator=random)
    picture, points = show(model, model.shape(*codes[:2]), model.albedo(codes[2]), (0, 0))
    images = picture.image.numpy()
    for column, row in points[0].round().int().tolist():
        cv2.circle(images[0], (column, row), 1, (0, 220, 0), -1)
    grid = images.reshape(6, 6, SIZE, SIZE, 3).transpose(0, 2, 1, 3, 4).reshape(6 * SIZE, 6 * SIZE, 3)
    cv2.imwrite(out, cv2.resize(grid, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)[..., ::-1])


def main() -> None:
    """Print the numbers; draw the sheet where a file is named."""
    model = load_open_model(locate("open_face_model"))
    with FaceLandmarker(locate("face_landmarker")) as landmarker:
        scores_of_units(model, landmarker)
        points_in_pictures(model, landmarker)
    if len(sys.argv) > 1:
        sheet(model, sys.argv[1])


if __name__ == "__main__":
    main()
