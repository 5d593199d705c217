"""Synthetic people as a pack: what a dataset's clips become, made without anybody's picture."""

from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field, JsonValue

from reenactory.infra.keys import canonical_json, digest
from reenactory.infra.settings import Settings
from reenactory.models import weights as catalogue
from reenactory.models.flow3d.pack import FORMAT, PackWriter
from reenactory.models.weights import sha256_of
from reenactory.tasks import face3d
from reenactory.tasks.extractors import LANDMARKER, extractor_class, extractor_id

MODEL = "open_face_model"
HELD_OUT_EVERY = 16

Report = Callable[[int], None]  # frames written


class SyntheticFaces(BaseModel, frozen=True, extra="forbid"):
    """Which people are rendered. The same choice gives the same frames, bit for bit on one kind of CPU."""

    clips: int = Field(default=300, ge=2, description="People, one clip each.")
    frames: int = Field(default=32, ge=2, description="Frames of each clip, 25 a second.")
    coefficients: Literal["rendered", "extracted"] = Field(
        default="rendered",
        description="rendered: exact. extracted: what the open extractor finds in the frames, as in filmed clips.",
    )
    seed: int = Field(default=0, ge=0, description="Another seed, other people.")


def weights_of(faces: SyntheticFaces) -> tuple[str, ...]:
    """Of the catalogue, to make them."""
    return (MODEL,) if faces.coefficients == "rendered" else (MODEL, LANDMARKER)


def synthetic_key(faces: SyntheticFaces, image_px: int, jpeg_quality: int | None) -> str:
    """Digest of everything that decides the pack's bytes."""
    from reenactory.models.synthetic_faces.studio import VERSION

    made_of: dict[str, JsonValue] = {
        "format": FORMAT,
        "studio": VERSION,
        "weights": [sha256_of(name) for name in weights_of(faces)],
        "face3d": face3d.VERSION if faces.coefficients == "extracted" else None,
        "faces": faces.model_dump(mode="json"),
        "image_px": image_px,
        "jpeg_quality": jpeg_quality,
        "landmarks": True,
    }
    return digest(canonical_json(made_of))


def write_synthetic_pack(
    faces: SyntheticFaces,
    folder: Path,
    image_px: int,
    jpeg_quality: int | None,
    report: Report = lambda frames: None,
) -> None:
    """Render and write the people in the order of their numbers.

    Descriptors are in the pixels of 256 px clips and mean what the `open` extractor's do, so the pack names it. One
    person in 16 is held out, and the last of fewer: that is who validates where there is no dataset.
    """
    from reenactory.models.face_model.open_model import load_open_model
    from reenactory.models.synthetic_faces.studio import PICTURE_PX, Studio

    studio = Studio(load_open_model(catalogue.locate(MODEL)), faces.seed)
    find = _extraction() if faces.coefficients == "extracted" else None
    writer = PackWriter(folder, image_px, jpeg_quality)
    for number in range(faces.clips):
        clip = studio.clip(number, faces.frames, image_px)
        person = f"synthetic-{faces.seed}-{number:06d}"
        held_out = number % HELD_OUT_EVERY == HELD_OUT_EVERY - 1 or (number == faces.clips - 1 < HELD_OUT_EVERY - 1)
        descriptors = clip.descriptors if find is None else find(studio.clip(number, faces.frames, PICTURE_PX).frames)
        points = clip.landmarks / np.float32(image_px)
        writer.add(f"{person}#0", person, held_out, clip.frames, clip.alphas, descriptors, points)
        report(faces.frames)
    facts = {"key": synthetic_key(faces, image_px, jpeg_quality), "made_of": {"synthetic_faces": faces.model_dump()}}
    writer.close({**facts, "extractor": extractor_id("open")})


def _extraction() -> Callable[[NDArray[np.uint8]], NDArray[np.float32]]:
    """From frames (T, H, W, 3) to descriptors (T, 73) as `face3d` makes them of clips; NaN where it finds no face."""
    from reenactory.models.face_mesh.landmarker import FaceLandmarker
    from reenactory.models.flow3d.descriptor import descriptors_of

    landmarker = FaceLandmarker(catalogue.locate(LANDMARKER), face3d.Params().min_confidence)
    weights = {MODEL: catalogue.locate(MODEL)}
    extractor = extractor_class("open")("cpu", Settings().threads, weights)

    def find(frames: NDArray[np.uint8]) -> NDArray[np.float32]:
        fit = extractor.fit(frames, landmarker.detect(frames))
        found = descriptors_of(fit.exp, fit.angles, fit.trans, fit.crop)
        found[~np.isfinite(found).all(axis=1)] = np.nan
        return found

    return find
