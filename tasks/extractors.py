"""The extractors that face3d can use, and the rule that coefficients of two of them never meet."""

from collections.abc import Iterable, Mapping
from importlib import import_module
from typing import Literal, cast, get_args

from reenactory.models.extractors.protocol import Extractor
from reenactory.models.weights import sha256_of
from reenactory.tasks.errors import WrongUseError

ExtractorName = Literal["mediapipe", "deep3d", "open"]
DEFAULT: ExtractorName = "open"
UNNAMED: ExtractorName = "mediapipe"  # what rows of versions that named none were made by
LANDMARKER = "face_landmarker"
_SMOOTHED = "smooth"

_CLASSES: dict[ExtractorName, str] = {
    "mediapipe": "MediapipeExtractor",
    "deep3d": "Deep3dExtractor",
    "open": "OpenExtractor",
}


def extractor_class(name: ExtractorName) -> type[Extractor]:
    """The class in models/extractors/NAME.py; only that file is imported."""
    module = import_module(f"reenactory.models.extractors.{name}")
    return cast(type[Extractor], getattr(module, _CLASSES[name]))


def extractor_id(name: ExtractorName, smoothing: float = 0.0) -> str:
    """What face3d and the metrics' definitions call it: its name and the first 12 digits of each weight's sha256.

    Smoothed coefficients are another extractor's: they are named with the strength, and never meet others.

    Raises:
        WeightMissing: a file that only the user can bring is not named, so nobody knows its sha256.
    """
    chosen = extractor_class(name)
    parts = [chosen.name, *(sha256_of(weight)[:12] for weight in (*chosen.weights, LANDMARKER))]
    return "+".join([*parts, f"{_SMOOTHED}{smoothing}"] if smoothing else parts)


def extractor_named(identifier: object) -> ExtractorName:
    """The extractor behind an id of the tables.

    Raises:
        WrongUseError: no extractor of this version has that name.
    """
    if identifier is None:
        return UNNAMED
    given = str(identifier).split("+")[0]
    for name in get_args(ExtractorName):
        if extractor_class(name).name == given:
            return cast(ExtractorName, name)
    raise WrongUseError(f"no extractor is called {given!r}; there are {', '.join(get_args(ExtractorName))}")


def smoothing_of(identifier: object) -> float:
    """The strength of `face3d.smoothing` behind an id of the tables."""
    last = str(identifier).split("+")[-1]
    return float(last.removeprefix(_SMOOTHED)) if last.startswith(_SMOOTHED) else 0.0


def check_one_extractor(made_by: Mapping[str, object]) -> None:
    """Coefficients of two extractors, or of two versions of one, mean different things: they are never compared.

    Args:
        made_by: the extractor of each clip by clip_id, as the clips table has it.

    Raises:
        WrongUseError: there is more than one; the message names a clip of each.
    """
    examples: dict[object, str] = {}
    for clip_id in sorted(made_by):
        examples.setdefault(made_by[clip_id], clip_id)
    if len(examples) > 1:
        found = "; ".join(sorted(f"{extractor or 'unknown'}: {clip_id}" for extractor, clip_id in examples.items()))
        raise WrongUseError(
            f"these clips have coefficients of {len(examples)} extractors, which cannot be mixed ({found}). "
            "Run `reenactory preprocess` over all of them with one face3d.extractor"
        )


def check_this_machine(made_by: Iterable[object]) -> None:
    """Renders are fitted here as their clips were: with the very same weights.

    Args:
        made_by: extractors of clips.

    Raises:
        WrongUseError: this machine's extractor of that name has other weights than those that made the clips.
        WeightMissing: it has none.
    """
    for identifier in set(made_by) - {None}:
        name = extractor_named(identifier)
        if (here := extractor_id(name, smoothing_of(identifier))) != identifier:
            raise WrongUseError(
                f"the clips' coefficients were made by {identifier}, and {name} is {here} here: "
                "give the same files with --weights, or run `reenactory preprocess` again"
            )
