"""Whether a clip's box is a square or the published metadata's: two kinds of picture that no comparison may mix."""

from collections.abc import Iterable, Mapping
from enum import StrEnum

from reenactory.tasks.errors import WrongUseError


class CropMode(StrEnum):
    """How a clip's box came about."""

    SQUARE = "square"  # a face track's box, grown to a square
    PUBLISHED_METADATA = "published_metadata"  # the metadata's box as it is, stretched: faces are up to a third wider


def require_one_mode(clips: Iterable[Mapping[str, object]]) -> None:
    """Check that rows of the clips table may be compared with each other.

    Raises:
        WrongUseError: they are of both crop modes; the message names a clip of each.
    """
    example: dict[object, object] = {}
    for clip in clips:
        example.setdefault(clip["crop_mode"], clip["clip_id"])
    if len(example) > 1:
        found = ", ".join(f"{clip} is {mode}" for mode, clip in example.items())
        raise WrongUseError(
            f"clips of different crop modes are not comparable ({found}): published boxes are stretched to a square. "
            "Preprocess all videos with --metadata, or all without"
        )
