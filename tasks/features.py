"""features: identity embedding and Inception features of frames, for CSIM and FID. Real and rendered frames alike."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from reenactory.models import weights as catalogue
from reenactory.tasks.face3d import column
from reenactory.tasks.outcomes import Made, Outcome
from reenactory.tasks.stage import Runtime, StageParams

if TYPE_CHECKING:
    from reenactory.models.metrics.inception import Inception2015
    from reenactory.models.metrics.sface import SFace

VERSION = 1
SCHEMA = None
EMBEDDER = "sface-2021dec-int8bq"


class Params(StageParams):
    """No knobs: the networks are part of the metrics' definitions."""


@dataclass(frozen=True)
class Item:
    """Frames (T, H, W, 3) uint8 RGB and the face3d rows of the same frames."""

    scratch: Path
    frames: NDArray[np.uint8]
    face: pa.Table


@dataclass(frozen=True)
class Models:
    sface: "SFace"
    inception: "Inception2015"


def weights(params: Params) -> Sequence[str]:
    return ("sface", "inception_2015")


def load(params: Params, runtime: Runtime) -> Models:
    import torch

    from reenactory.models.metrics.inception import Inception2015
    from reenactory.models.metrics.sface import SFace

    torch.set_num_threads(runtime.threads)
    inception = Inception2015(catalogue.locate("inception_2015"), torch.device(runtime.device))
    return Models(SFace(catalogue.locate("sface"), runtime.threads), inception)


def run(item: Item, params: Params, models: Models) -> Sequence[Outcome]:
    from reenactory.models.face_mesh.pose import five_points

    landmarks = column(item.face, "landmarks").reshape(-1, 68, 2)
    # A repeated frame has the same features: the `copy` renderer's, and still passages, are looked at once.
    first, inverse = np.unique([frame.tobytes() for frame in item.frames], return_index=True, return_inverse=True)[1:]
    files = {name: item.scratch / name for name in ("embedding.npy", "inception.npy")}
    np.save(files["embedding.npy"], models.sface.embed(item.frames, five_points(landmarks)), allow_pickle=False)
    np.save(files["inception.npy"], models.inception.features(item.frames[first])[inverse], allow_pickle=False)
    return (Made(files, len(item.frames)),)
