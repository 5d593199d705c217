"""How colours are stored in the files that this program writes: BT.709, limited range, and said so in the file."""

import ffmpeg

# Rounding as in the C code on every processor: the bytes of a clip must not depend on the machine's vector units.
EXACT_SCALING = "lanczos+accurate_rnd+full_chroma_int+full_chroma_inp+bitexact"


def to_bt709(video: "ffmpeg.nodes.Stream", width: int, height: int) -> "ffmpeg.nodes.Stream":
    """Scale to yuv420p in BT.709 limited range, from whatever matrix and range the frames carry, tagged as such."""
    video = video.filter("scale", width, height, flags=EXACT_SCALING, out_color_matrix="bt709", out_range="tv")
    video = video.filter("format", "yuv420p")
    return video.filter("setparams", colorspace="bt709", color_primaries="bt709", color_trc="bt709", range="tv")


def to_rgb(video: "ffmpeg.nodes.Stream", width: int, height: int, pixel_format: str) -> "ffmpeg.nodes.Stream":
    """Scale to an RGB format, from whatever matrix and range the frames carry."""
    return video.filter("scale", width, height, flags=EXACT_SCALING).filter("format", pixel_format)
