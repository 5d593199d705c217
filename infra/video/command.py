"""How an ffmpeg command line begins, whoever builds it."""

import functools
from pathlib import Path

import ffmpeg
import imageio_ffmpeg

# A file may name other files or addresses (playlists, concat scripts): only this file is read, and only as a video.
PROTOCOLS = "file,pipe"
# A header alone must not make a decoder take gigabytes: 16384x16384, 0.4 GB in 4:2:0. No camera goes so far.
MOST_PIXELS = 1 << 28
# Without the list a text file is "decoded" as ANSI art, and a playlist with a video's name opens what it points to.
DEMUXERS = ",".join(
    (
        "mov,mp4,m4a,3gp,3g2,mj2",
        "matroska,webm",
        "avi",
        "mpegts",
        "mpeg",
        "mpegvideo",
        "flv",
        "asf",
        "ogg",
        "mxf",
        "gif",
        "nut",
        "ivf",
        "h264",
        "hevc",
        "m4v",
        "yuv4mpegpipe",
        # Files with sound alone are opened too, to be told apart from damaged ones.
        "mp3",
        "wav",
        "aac",
        "flac",
    )
)


@functools.cache
def ffmpeg_executable() -> str:
    """Path of the static ffmpeg that the imageio-ffmpeg wheel carries."""
    return str(imageio_ffmpeg.get_ffmpeg_exe())


def open_input(path: Path, threads: int, **options: object) -> "ffmpeg.nodes.Stream":
    """The input node of a graph; an absolute path is never taken for an option or a protocol (`-y`, `pipe:0`).

    `options` are further ones of ffmpeg, None for those without a value.
    """
    return ffmpeg.input(
        str(path.absolute()),
        protocol_whitelist=PROTOCOLS,
        format_whitelist=DEMUXERS,
        max_pixels=MOST_PIXELS,
        threads=threads,
        max_error_rate=1,  # errors are counted by us
        reinit_filter=0,  # a stream that changes size midway would start the graph, and frame numbers, anew
        **options,
    )


def compile_command(output: "ffmpeg.nodes.OutputStream") -> list[str]:
    """The argument list of a graph: quiet but for errors, every repeated error counted, one thread per filter graph."""
    beginning = [ffmpeg_executable(), "-nostdin", "-hide_banner", "-loglevel", "repeat+error", "-y"]
    return list(ffmpeg.compile(output, cmd=[*beginning, "-filter_threads", "1", "-filter_complex_threads", "1"]))
