"""The project's own code as a folder that Ray carries to the nodes of a cluster: they need its dependencies alone."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

PACKAGE = "reenactory"
ROOMS = ("flows", "tasks", "models", "infra")
METADATA = ("METADATA", "entry_points.txt")  # the version that records name; where the renderers are registered


@contextmanager
def shipped_code() -> Iterator[Path]:
    """A folder to be put on the path of a worker. The same code gives the same bytes, which Ray sends once."""
    with TemporaryDirectory(prefix="reenactory-code-") as folder:
        for room in ROOMS:
            shutil.copytree(_room(room), Path(folder, PACKAGE, room), ignore=shutil.ignore_patterns("__pycache__"))
        try:
            installed = distribution(PACKAGE)
        except PackageNotFoundError:  # run from a checkout that nobody installed
            yield Path(folder)
            return
        info = Path(folder, f"{PACKAGE}-{installed.version}.dist-info")
        info.mkdir()
        for name in METADATA:
            (info / name).write_text(installed.read_text(name) or "", encoding="utf-8")
        yield Path(folder)


def _room(name: str) -> Path:
    spec = find_spec(f"{PACKAGE}.{name}")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(f"the package {PACKAGE}.{name} is not there; install the project anew")
    return Path(next(iter(spec.submodule_search_locations)))
