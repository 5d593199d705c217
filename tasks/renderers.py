"""The renderers that are installed: ours and those that other packages registered."""

from importlib.metadata import entry_points

from reenactory.models.renderers.protocol import Renderer
from reenactory.tasks.errors import WrongUseError

GROUP = "reenactory.renderers"


def renderer_names() -> list[str]:
    return sorted({point.name for point in entry_points(group=GROUP)})


def renderer_class(name: str) -> type[Renderer[object]]:
    """The class behind a name; only this one is imported.

    Raises:
        WrongUseError: nothing registered that name.
    """
    for point in entry_points(group=GROUP):
        if point.name == name:
            loaded: type[Renderer[object]] = point.load()
            return loaded
    raise WrongUseError(
        f"no renderer {name!r}; installed: {', '.join(renderer_names())}. Others register under the entry-point group "
        f"{GROUP}, or bring their videos: `reenactory evaluate --renders DIR`"
    )
