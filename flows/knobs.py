"""`--set stage.name=value`: texts of the command line as parameters, with an answer for a name that does not exist."""

from collections.abc import Sequence

from pydantic import BaseModel

from reenactory.tasks.errors import WrongUseError
from reenactory.tasks.preprocess import PreprocessParams


def parse_knobs(
    texts: Sequence[str] | None, fps: float | None = None, params: type[BaseModel] = PreprocessParams
) -> dict[str, dict[str, str]]:
    """Nested parameters by stage; values are checked by the parameters themselves.

    Args:
        texts: as given.
        fps: short for detect.fps.
        params: a flow's parameters, one field per stage.

    Raises:
        WrongUseError: a text of another form, or a stage or knob that does not exist; the message lists those that do.
    """
    nested: dict[str, dict[str, str]] = {} if fps is None else {"detect": {"fps": str(fps)}}
    for text in texts or ():
        place, equals, value = text.partition("=")
        stage, dot, name = place.partition(".")
        if not (equals and dot and stage and name):
            raise WrongUseError(f"--set {text}: a knob is stage.name=value, e.g. track.min_side_px=96")
        known = knobs_of(stage, params)
        if name not in known:
            raise WrongUseError(f"--set {text}: stage {stage} has no knob {name!r}; it has: {', '.join(known)}")
        nested.setdefault(stage, {})[name] = value
    return nested


def knobs_of(stage: str, params: type[BaseModel] = PreprocessParams) -> list[str]:
    stages = params.model_fields
    if stage not in stages:
        raise WrongUseError(f"no stage {stage!r} with knobs; there are: {', '.join(stages)}")
    return list(type(stages[stage].default).model_fields)
