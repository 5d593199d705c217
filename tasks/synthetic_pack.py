"""Synthetic people as a pack: what a dataset's clips become, made without anybody's picture."""

from collections.abc import Callable
from pathlib import Path

from pydantic import BaseModel, Field, JsonValue

from reenactory.infra.keys import canonical_json, digest
from reenactory.models import weights as catalogue
from reenactory.models.flow3d.pack import FORMAT, PackWriter
from reenactory.models.weights import sha256_of
from reenactory.tasks.extractors import extractor_id

MODEL = "open_face_model"
HELD_OUT_EVERY = 16

Report = Callable[[int], None]  # frames written


class SyntheticFaces(BaseModel, frozen=True, extra="forbid"):
    """Which people are rendered. The same choice gives the same frames, bit for bit on one kind of CPU."""

    clips: int = Field(default=300, ge=2, description="People, one clip each.")
    frames: int = Field(default=32, ge=2, description="Frames of each clip, 25 a second.")
    seed: int = Field(default=0, ge=0, description="Another seed, other people.")


def synthetic_key(faces: SyntheticFaces, image_px: int, jpeg_quality: int | None) -> str:
    """Digest of everything that decides the pack's bytes."""
    from reenactory.models.synthetic_faces.studio import VERSION

    made_of: dict[str, JsonValue] = {
        "format": FORMAT,
        "studio": VERSION,
        "model": sha256_of(MODEL),
        "faces": faces.model_dump(),
        "image_px": image_px,
        "jpeg_quality": jpeg_quality,
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

    Descriptors are in the pixels of 256 px clips and mean what the `open` extractor's do, so the pack says that it made
    them. One person in 16 is held out, and the last of fewer: that is who validates where there is no dataset.
    """
    from reenactory.models.face_model.open_model import load_open_model
    from reenactory.models.synthetic_faces.studio import Studio

    studio = Studio(load_open_model(catalogue.locate(MODEL)), faces.seed)
    writer = PackWriter(folder, image_px, jpeg_quality)
    for number in range(faces.clips):
        clip = studio.clip(number, faces.frames, image_px)
        person = f"synthetic-{faces.seed}-{number:06d}"
        held_out = number % HELD_OUT_EVERY == HELD_OUT_EVERY - 1 or (number == faces.clips - 1 < HELD_OUT_EVERY - 1)
        writer.add(f"{person}#0", person, held_out, clip.frames, clip.alphas, clip.descriptors)
        report(faces.frames)
    facts = {"key": synthetic_key(faces, image_px, jpeg_quality), "made_of": {"synthetic_faces": faces.model_dump()}}
    writer.close({**facts, "extractor": extractor_id("open")})
