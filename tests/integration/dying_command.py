"""The command line in a process that is killed at an exact moment: `python dying_command.py crop before ARGUMENTS...`.

Looking from outside for a state that lasts a millisecond misses it on a busy machine; the process itself never does.
It gets the same signal that `kill -9` sends, and so does all of its group, which is its own (see `started`).
"""

import os
import signal
import sys

from reenactory.flows.cli import main
from reenactory.infra.records import RECORD_NAME
from reenactory.infra.store_local import LocalStore


def die_at_the_first_record_of(stage: str, when: str) -> None:
    """Killed `before` the record is written, when the artefact's files are already there, or `after` it."""
    put = LocalStore.put

    def put_and_die(self: LocalStore, path: str, data: bytes) -> None:
        mine = path.startswith(f"artefacts/{stage}/") and path.endswith(f"/{RECORD_NAME}")
        if not mine or when == "after":
            put(self, path, data)
        if mine:
            os.killpg(0, signal.SIGKILL)

    LocalStore.put = put_and_die  # type: ignore[method-assign]


if __name__ == "__main__":
    stage, when, *sys.argv[1:] = sys.argv[1:]
    die_at_the_first_record_of(stage, when)
    main()
