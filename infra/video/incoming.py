"""What happens to every frame on the way in, read or cut: two fields are made one, the rate constant."""

from fractions import Fraction
from typing import Literal

import ffmpeg

# Frames of two fields made one: never, those that say so, or all of them.
Deinterlace = Literal["never", "flagged", "always"]
_WHICH = {"flagged": "interlaced", "always": "all"}


def at_rate(
    video: "ffmpeg.nodes.Stream",
    rate: Fraction | None,
    deinterlace: Deinterlace = "never",
    first_pts: int | None = None,
) -> "ffmpeg.nodes.Stream":
    """Frames at a constant rate, frame k being what is shown k / rate seconds after the first frame.

    From the first frame on, not from the file's zero: half a frame of audio lead would repeat the first frame.
    `first_pts` is the time stamp of that frame, where decoding begins behind it. With `rate` None frames come as they
    are. Deinterlacing gives one frame of both fields, at its time.
    """
    if rate is not None:
        video = video.filter("setpts", f"PTS-{'STARTPTS' if first_pts is None else first_pts}")
    if deinterlace != "never":
        video = video.filter("bwdif", mode="send_frame", parity="auto", deint=_WHICH[deinterlace])
    return video if rate is None else video.filter("fps", fps=f"{rate.numerator}/{rate.denominator}")
