"""An invisible mark in a video's brightness: a short id that is read back without the original."""

from reenactory.infra.watermark.mark import MIN_SIDE_PX, SCHEME, holds_mark, mark
from reenactory.infra.watermark.message import ID_DIGITS
from reenactory.infra.watermark.read import Reading, read_mark

__all__ = ["ID_DIGITS", "MIN_SIDE_PX", "SCHEME", "Reading", "holds_mark", "mark", "read_mark"]
