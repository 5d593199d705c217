"""`make serve` leaves nothing running."""

import subprocess
import sys

from reenactory.flows.serve import stop

DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"


def test_a_child_that_does_not_listen_is_ended_by_force() -> None:
    """A Prefect worker went on after its server: SIGTERM alone left it running, and its number was lost."""
    child = subprocess.Popen([sys.executable, "-c", DEAF], stdout=subprocess.PIPE)
    assert child.stdout is not None
    child.stdout.readline()
    stop(child, patience_s=0.5)
    assert child.returncode == -9
