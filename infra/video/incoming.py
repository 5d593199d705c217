"""What happens to every frame on the way in, for reading and for cutting alike: two fields made one, a constant rate."""

from fractions import Fraction

import ffmpeg


def at_rate(
    video: "ffmpeg.nodes.Stream", rate: Fraction | None, deinterlace: bool = False, first_pts: int | None = None
) -> "ffmpeg.nodes.Stream":
    """Frames at a constant rate, frame k being what is shown k / rate seconds after the first frame.

    From the first frame on, not from the file's zero: half a frame of audio lead would repeat the first frame.
    `first_pts` is the time stamp of that frame, where decoding begins behind it. With `rate` None frames come as they
    are. `deinterlace`: one frame of both fields, at its time; frames that do not say they are interlaced pass as they
    are.
    """
    if rate is not None:
        video = video.filter("setpts", f"PTS-{'STARTPTS' if first_pts is None else first_pts}")
    if deinterlace:
        video = video.filter("bwdif", mode="send_frame", parity="auto", deint="interlaced")
    return video if rate is None else video.filter("fps", fps=f"{rate.numerator}/{rate.denominator}")
