"""How this installation's command is called from any folder: a virtual environment's is rarely on the PATH."""

import sys
from pathlib import Path


def own_command() -> str:
    """The `reenactory` beside this Python, else the bare name.

    Of the installation, not of the call: a run started from the Prefect page tells the same as one from a shell.
    """
    beside = Path(sys.executable).absolute().with_name("reenactory")  # not resolved: a venv's Python is a link
    return str(beside) if beside.is_file() else "reenactory"
