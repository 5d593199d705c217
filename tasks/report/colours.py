"""A renderer's colour: a function of its name alone, so that it is the same in every report."""

from zlib import crc32

KNOWN_RENDERERS = ("copy", "warp", "flow3d", "guidance", "nofa")  # c1 to c5 of the style sheet
OTHERS = 6  # c6 to c11, for every other name: two of them may share one, names stand beside the colours everywhere
DRIVER = "c0"


def colour_of(renderer: str) -> str:
    """Class name of the style sheet."""
    if renderer in KNOWN_RENDERERS:
        return f"c{KNOWN_RENDERERS.index(renderer) + 1}"
    return f"c{len(KNOWN_RENDERERS) + 1 + crc32(renderer.encode()) % OTHERS}"
