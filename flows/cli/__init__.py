"""The command line. It parses, calls a flow and prints where the results are; it decides nothing itself."""

import errno
import sys
from typing import NoReturn

import typer
from pydantic import ValidationError

from reenactory.flows.cli import datasets, machine, metrics, models, runs, store, training, watermark

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
for commands in (datasets, runs, training, machine):
    app.add_typer(commands.app)
app.add_typer(models.app, name="models")
app.add_typer(store.app, name="store")
app.add_typer(metrics.app, name="metrics")
app.add_typer(watermark.app, name="watermark")


def main() -> None:
    """Entry point. Wrong use ends with one line and exit code 2; a bug keeps its traceback."""
    from reenactory.flows.wrong_use import WRONG_USE
    from reenactory.infra.addresses import without_credentials
    from reenactory.infra.store import StoreFailed

    try:
        app()
    except ValidationError as error:
        lines = [f"{'.'.join(map(str, e['loc']))}: {e['msg']} (got {e['input']!r})" for e in error.errors()]
        _refuse(without_credentials("; ".join(lines)))
    except WRONG_USE as error:
        _refuse(str(error))
    except StoreFailed as error:
        sys.stderr.write(f"reenactory: {error}; what was finished is kept, the same command goes on from there\n")
        sys.exit(1)
    except OSError as error:
        if error.errno != errno.ENAMETOOLONG:
            raise
        _refuse(f"{str(error.filename)[:80]}...: no file can have so long a name")
    except KeyboardInterrupt:
        sys.stderr.write("reenactory: interrupted; what was finished is kept, the same command goes on from there\n")
        sys.exit(130)


def _refuse(message: str) -> NoReturn:
    sys.stderr.write(f"reenactory: {message}\n")
    sys.exit(2)
