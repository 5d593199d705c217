"""What can be wrong with a video file, as against with the program."""

from enum import StrEnum


class FaultCode(StrEnum):
    """The closed set of data faults of a video file."""

    NO_VIDEO_STREAM = "NO_VIDEO_STREAM"
    DECODE_ERROR = "DECODE_ERROR"
    DECODE_TIMEOUT = "DECODE_TIMEOUT"
    EMPTY_FILE = "EMPTY_FILE"
    TOO_LARGE = "TOO_LARGE"


class VideoFault(Exception):  # noqa: N818  (a fault of data; an error would be the program's)
    """A fault of the data, never of the program: the file is to be rejected with `code`, and the run goes on.

    `detail` is one sentence with numbers. It holds no memory address and no clock time, so that the record of a
    rejected file is the same on every run.
    """

    def __init__(self, code: FaultCode, detail: str) -> None:
        super().__init__(code, detail)  # both in args: the exception crosses process borders by pickle
        self.code = code
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.code}: {self.detail}"
