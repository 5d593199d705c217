"""The one helper that runs ffmpeg: deadline, bounded messages, and a child that never outlives its owner."""

import fcntl
import os
import re
import selectors
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import IO, Self

from reenactory.infra.video.faults import FaultCode, VideoFault

_KEPT_MESSAGES = 20
_KEPT_CHARS = 300
_PIPE_BYTES = 1 << 20  # a 256x256 RGB frame is 192 KB, the default pipe 64 KB: three context switches a frame
_ADDRESS = re.compile(r" @ 0x[0-9a-f]+")


@dataclass
class Messages:
    """The error lines of one ffmpeg run: all counted, the first few kept, memory addresses taken out."""

    count: int = 0
    first: list[str] = field(default_factory=list)
    ignored_tag: str | None = None  # lines of this decoder do not count: a clip's picture outlives a bad sound track
    _rest: bytes = b""

    def feed(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        self._rest = self._rest[-4096:]
        for line in lines:
            self._add(line.decode("utf-8", "replace").strip())

    def end(self) -> None:
        self.feed(b"\n")

    def _add(self, line: str) -> None:
        line = _ADDRESS.sub("", line)
        if not line or (self.ignored_tag and re.match(rf"\[[^\]]*\b{re.escape(self.ignored_tag)}\]", line)):
            return
        self.count += 1
        if len(self.first) < _KEPT_MESSAGES:
            self.first.append(line[:_KEPT_CHARS])


class FfmpegProcess:
    """A running ffmpeg behind pipes, in a process group of its own that dies with the `with` block.

    Every wait ends: when no byte moves for `stall_s` seconds `VideoFault(DECODE_TIMEOUT)` is raised, and on the way out
    of the block the group gets SIGKILL. Time that the caller spends between two calls does not count.
    """

    def __init__(self, arguments: Sequence[str], stall_s: float, feed: bool = False) -> None:
        self.messages = Messages()
        self._stall_s = stall_s
        self._ended = False
        self._process: subprocess.Popen[bytes] = subprocess.Popen(
            list(arguments),
            stdin=subprocess.PIPE if feed else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            start_new_session=True,  # its own group: killed whole, and a Ctrl-C at the terminal reaches only the owner
        )
        self._stdout = _pipe(self._process.stdout)
        self._stderr = _pipe(self._process.stderr)
        self._stdin = _pipe(self._process.stdin) if feed else None
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._stdout, selectors.EVENT_READ)
        self._selector.register(self._stderr, selectors.EVENT_READ)
        if self._stdin is not None:
            os.set_blocking(self._stdin.fileno(), False)  # else one large write waits for ever inside the kernel
        for stream in (self._stdout, self._stdin):
            _widen(stream)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    def read_into(self, target: memoryview, patience_s: float = 0.0) -> int:
        """Fill `target` from the output; fewer bytes than asked for only at its end.

        `patience_s` is added to the deadline of the first byte, for a seek that has much to decode.
        """
        filled = 0
        deadline = time.monotonic() + self._stall_s + patience_s
        while filled < len(target) and not self._ended:
            if self._wait(self._stdout, deadline):
                got = os.readv(self._stdout.fileno(), [target[filled:]])
                if got == 0:
                    self._selector.unregister(self._stdout)
                    self._ended = True
                    break
                filled += got
                deadline = time.monotonic() + self._stall_s
        return filled

    def write(self, data: memoryview) -> bool:
        """Hand all bytes to the input; False when ffmpeg closed it (its messages say why)."""
        if self._stdin is None:
            raise RuntimeError("FfmpegProcess.write: started without feed=True")
        self._selector.register(self._stdin, selectors.EVENT_WRITE)
        deadline = time.monotonic() + self._stall_s
        try:
            while len(data):
                if self._wait(self._stdin, deadline):
                    data = data[os.write(self._stdin.fileno(), data) :]
                    deadline = time.monotonic() + self._stall_s
        except BrokenPipeError:
            return False
        finally:
            self._selector.unregister(self._stdin)
        return True

    def finish(self) -> int:
        """Close the input, wait for the end and return the exit code; `messages` is complete after it."""
        if self._stdin is not None:
            self._stdin.close()
        scratch = memoryview(bytearray(1 << 16))
        while self.read_into(scratch):
            pass
        deadline = time.monotonic() + self._stall_s
        while self._stderr.fileno() in self._selector.get_map():
            self._wait(self._stderr, deadline)
        self.messages.end()
        try:
            return self._process.wait(timeout=self._stall_s)
        except subprocess.TimeoutExpired:
            raise self._stalled() from None

    def kill(self) -> None:
        """SIGKILL the whole group if it still runs, reap it, close the pipes. May be called twice."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._selector.close()
        for stream in (self._stdout, self._stderr, self._stdin):
            if stream is not None:
                stream.close()

    def _wait(self, wanted: IO[bytes], deadline: float) -> bool:
        """Wait for one event, store messages on the way; True when `wanted` is ready."""
        events = self._selector.select(max(0.0, deadline - time.monotonic()))
        if not events:
            raise self._stalled()
        ready = False
        for key, _ in events:
            if key.fileobj is self._stderr:
                self._take_messages()
            ready |= key.fileobj is wanted
        if not ready and time.monotonic() > deadline:
            raise self._stalled()
        return ready

    def _take_messages(self) -> None:
        data = os.read(self._stderr.fileno(), 1 << 16)
        if data:
            self.messages.feed(data)
        else:
            self._selector.unregister(self._stderr)

    def _stalled(self) -> VideoFault:
        said = f"; first message: {self.messages.first[0]}" if self.messages.first else ""
        return VideoFault(FaultCode.DECODE_TIMEOUT, f"no byte moved for {self._stall_s:g} s{said}")


def _pipe(stream: IO[bytes] | None) -> IO[bytes]:
    if stream is None:
        raise RuntimeError("subprocess gave no pipe although one was asked for")
    return stream


def _widen(stream: IO[bytes] | None) -> None:
    if stream is not None and hasattr(fcntl, "F_SETPIPE_SZ"):
        try:
            fcntl.fcntl(stream.fileno(), fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        except OSError:  # the user's quota of pipe memory is used up: slower, nothing else
            return
