"""Which process this is, so that another one can tell whether it still lives."""

import os
import platform
from pathlib import Path
from typing import Self

from pydantic import BaseModel

PROC = Path("/proc")


class ProcessIdentity(BaseModel, frozen=True):
    """A process among all that share a store, machines and containers included."""

    host: str
    place: str  # boot and process-id namespace: within one, a process number means one process
    pid: int
    started: str  # process numbers are used again; this with it is not

    @classmethod
    def mine(cls) -> Self:
        pid = os.getpid()
        return cls(host=platform.node(), place=_place(), pid=pid, started=_started(pid) or "")

    def is_gone(self) -> bool:
        """True only where it is certain: the process ran where this one runs, and runs no more."""
        return bool(self.place) and self.place == _place() and _started(self.pid) != self.started


def _place() -> str:
    """Empty where there is no telling (other systems than Linux)."""
    try:
        boot = (PROC / "sys/kernel/random/boot_id").read_text().strip()
        return f"{platform.node()} {boot} {(PROC / 'self/ns/pid').readlink()}"
    except OSError:
        return ""


def _started(pid: int) -> str | None:
    """Start of a process in clock ticks since boot; None where there is none, or only what is left of a dead one."""
    try:
        after_name = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if after_name[0] in "ZX" else after_name[19]
