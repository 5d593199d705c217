"""How an item of a stage can end: made, or rejected for one of a closed set of reasons."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from pydantic import JsonValue


class Reason(StrEnum):
    """Why an item was rejected. The text beside each is what `doctor`, the tables and the report show."""

    EMPTY_FILE = "EMPTY_FILE"
    NO_VIDEO_STREAM = "NO_VIDEO_STREAM"
    DECODE_ERROR = "DECODE_ERROR"
    DECODE_TIMEOUT = "DECODE_TIMEOUT"
    TOO_LARGE = "TOO_LARGE"
    NO_FACE = "NO_FACE"
    TOO_SHORT = "TOO_SHORT"
    TOO_SMALL = "TOO_SMALL"
    BOX_LEAVES_FRAME = "BOX_LEAVES_FRAME"
    SPAN_OUTSIDE_VIDEO = "SPAN_OUTSIDE_VIDEO"
    MORE_THAN_ONE_FACE = "MORE_THAN_ONE_FACE"
    FACE_TOO_RARE = "FACE_TOO_RARE"
    TOO_BLURRED = "TOO_BLURRED"
    NOT_IN_METADATA = "NOT_IN_METADATA"
    MISSING_VIDEO = "MISSING_VIDEO"
    DUPLICATE_ROW = "DUPLICATE_ROW"
    SIZE_DIFFERS = "SIZE_DIFFERS"
    FRAME_COUNT_DIFFERS = "FRAME_COUNT_DIFFERS"
    NOT_RENDERED = "NOT_RENDERED"
    MATTE_LOST_FACE = "MATTE_LOST_FACE"
    NO_CONSENT = "NO_CONSENT"
    WORKER_CRASH = "WORKER_CRASH"


MEANING: dict[Reason, str] = {
    Reason.EMPTY_FILE: "The file has no bytes.",
    Reason.NO_VIDEO_STREAM: "Nothing in the file is video (audio only, or a picture).",
    Reason.DECODE_ERROR: "The file is damaged or cut off: fewer frames decode than it says, or the decoder complains.",
    Reason.DECODE_TIMEOUT: "The decoder stood still for too long and was killed.",
    Reason.TOO_LARGE: "The video has more pixels or hours than detect.max_megapixels or detect.max_hours allow.",
    Reason.NO_FACE: "No face was found in any frame.",
    Reason.TOO_SHORT: "The longest face track has fewer frames than track.min_frames.",
    Reason.TOO_SMALL: "The face track's box is smaller than track.min_side_px.",
    Reason.BOX_LEAVES_FRAME: "The grown crop box leaves the picture, and track.out_of_frame is 'reject'.",
    Reason.SPAN_OUTSIDE_VIDEO: "The metadata names frames that the video does not have.",
    Reason.MORE_THAN_ONE_FACE: "Two faces for more than track.max_crowded_share, and track.faces is 'reject'.",
    Reason.FACE_TOO_RARE: "A face was found in a smaller share of frames than track.min_detected_share.",
    Reason.TOO_BLURRED: "The face is less sharp than track.min_blur.",
    Reason.NOT_IN_METADATA: "A metadata file was given and has no clip of this video.",
    Reason.MISSING_VIDEO: "The metadata names a clip of a video that is not among the inputs.",
    Reason.DUPLICATE_ROW: "The metadata has an earlier row with the same span and box.",
    Reason.SIZE_DIFFERS: "A video to be scored is not of the size of its pair's frames.",
    Reason.FRAME_COUNT_DIFFERS: "A video to be scored does not have as many frames as its pair drives.",
    Reason.NOT_RENDERED: "The pair has neither a video nor a folder of frames in the folder that was given.",
    Reason.MATTE_LOST_FACE: "The matte loses the face: its mean alpha there falls below matte.min_face_alpha.",
    Reason.NO_CONSENT: "The consent manifest does not allow the source or the driver of the pair to be used so.",
    Reason.WORKER_CRASH: "The process that worked on it died, repeatedly, with nothing else to blame.",
}


@dataclass(frozen=True)
class Made:
    """What a stage made for one key: local files by artefact name, small facts for the tables, frames processed."""

    files: dict[str, Path]
    frames: int
    facts: Mapping[str, JsonValue] = field(default_factory=dict)


@dataclass(frozen=True)
class Rejected:
    """A data fault, as a value: the item cannot be used, and why, with the numbers that decided."""

    reason: Reason
    detail: str


Outcome = Made | Rejected
