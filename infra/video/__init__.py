"""The one place that touches video files: look at, decode, cut and write them."""

from reenactory.infra.video.cut import cut_clips
from reenactory.infra.video.cut_graph import ClipCodec, CropSpan
from reenactory.infra.video.decode import Frames, PixelFormat, ReadSpec, read_chunks, read_frames
from reenactory.infra.video.encode import VideoCodec, write_video
from reenactory.infra.video.faults import FaultCode, VideoFault
from reenactory.infra.video.incoming import Deinterlace
from reenactory.infra.video.label import draw_label
from reenactory.infra.video.picture_frames import read_picture_frames
from reenactory.infra.video.probe import VideoInfo, probe, read_tags
from reenactory.infra.video.random_access import read_frames_at

__all__ = [
    "ClipCodec",
    "CropSpan",
    "Deinterlace",
    "FaultCode",
    "Frames",
    "PixelFormat",
    "ReadSpec",
    "VideoCodec",
    "VideoFault",
    "VideoInfo",
    "cut_clips",
    "draw_label",
    "probe",
    "read_chunks",
    "read_frames",
    "read_frames_at",
    "read_picture_frames",
    "read_tags",
    "write_video",
]
