"""The command line. It parses, calls a flow and prints where the results are; it decides nothing itself."""

import atexit
import errno
import os
import sys
import threading
import traceback
from contextlib import suppress
from typing import TYPE_CHECKING, NoReturn

import typer
from pydantic import ValidationError

from reenactory.flows.cli import datasets, machine, metrics, models, runs, store, training, watermark

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
for commands in (datasets, runs, training, machine):
    app.add_typer(commands.app)
app.add_typer(models.app, name="models")
app.add_typer(store.app, name="store")
app.add_typer(metrics.app, name="metrics")
app.add_typer(watermark.app, name="watermark")


INTERRUPTED = 130  # 128 + SIGINT, as shells count


def main() -> None:
    """The command line within this process. Wrong use ends with one line and exit code 2; a bug keeps its traceback."""
    from reenactory.flows.wrong_use import WRONG_USE
    from reenactory.infra.addresses import without_credentials
    from reenactory.infra.store import StoreFailed

    try:
        app()
    except ValidationError as error:
        _refuse(without_credentials("; ".join(map(_complaint, error.errors()))))
    except WRONG_USE as error:
        _refuse(str(error))
    except StoreFailed as error:
        sys.stderr.write(f"reenactory: {error}; what was finished is kept, the same command goes on from there\n")
        sys.exit(1)
    except OSError as error:
        if error.errno != errno.ENAMETOOLONG:
            raise
        _refuse(f"{str(error.filename)[:80]}...: no file can have so long a name")
    except (KeyboardInterrupt, SystemExit) as error:
        if isinstance(error, SystemExit) and error.code != INTERRUPTED:
            raise
        sys.stderr.write("reenactory: interrupted; what was finished is kept, the same command goes on from there\n")
        sys.exit(INTERRUPTED)


def _complaint(error: "ErrorDetails") -> str:
    said = error["msg"].removeprefix("Value error, ")  # pydantic's word for what our own validators say
    return f"{'.'.join(map(str, error['loc']))}: {said} (got {error['input']!r})"


def command() -> NoReturn:
    """`main` as a process of its own, which ends without the interpreter's own teardown.

    Arrow's threads may still let go of Python objects then, and C++ aborts the process for it: exit code 134 after work
    well done (apache/arrow issues 34314 and 50482). At a load of 15, one of 90 runs of `pairs` that ended in the usual
    way and read its tables with those threads did so, and none of 150 that ended like this.
    """
    code: object = 0
    try:
        main()
    except SystemExit as ended:
        code = ended.code
    except BaseException:  # noqa: BLE001, the interpreter would do the same
        traceback.print_exc()
        code = 1
    if isinstance(code, str):
        sys.stderr.write(code + "\n")
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()  # both as the interpreter does before its teardown
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError):  # nobody reads on: `reenactory ... | head`
            stream.flush()
    os._exit(code if isinstance(code, int) else int(code is not None))


def _refuse(message: str) -> NoReturn:
    sys.stderr.write(f"reenactory: {message}\n")
    sys.exit(2)
