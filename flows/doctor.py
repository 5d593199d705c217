"""What this machine has, what is missing, and how to get it."""

import os
import shutil
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

import imageio_ffmpeg
from pydantic import BaseModel
from rich.table import Table

from reenactory.infra.settings import Settings, default_workers
from reenactory.models.weights import verify
from reenactory.tasks.renderers import renderer_names

LIBRARIES = ("torch", "onnxruntime", "mediapipe", "opencv-contrib-python", "decord", "av", "ray", "prefect", "boto3")


class Finding(BaseModel):
    """One line of the examination; `needed` ones decide the exit code."""

    what: str
    ok: bool
    needed: bool
    found: str
    remedy: str = ""


def examine() -> list[Finding]:
    """Everything that a run may need, without starting anything."""
    return [*_machine(), *_libraries(), *_weights(), *_optional()]


def _machine() -> Iterator[Finding]:
    python = sys.version_info[:2] == (3, 11)
    yield Finding(what="Python", ok=python, needed=True, found=sys.version.split()[0], remedy="use Python 3.11")
    cores = len(os.sched_getaffinity(0))
    yield Finding(what="cores", ok=True, needed=False, found=f"{cores}; {default_workers()} workers by default")
    folder = Settings().cache_folder
    folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder).free / 1e9
    remedy = "free some space, or set REENACTORY_CACHE to another disk"
    yield Finding(what=f"disk under {folder}", ok=free > 5, needed=True, found=f"{free:.0f} GB free", remedy=remedy)
    gpu = shutil.which("nvidia-smi") is not None
    remedy = "none needed: everything runs on the CPU, slower"
    yield Finding(what="GPU", ok=gpu, needed=False, found="NVIDIA driver" if gpu else "none", remedy=remedy)


def _libraries() -> Iterator[Finding]:
    ffmpeg = imageio_ffmpeg.get_ffmpeg_exe()
    yield Finding(what="ffmpeg", ok=bool(ffmpeg), needed=True, found=imageio_ffmpeg.get_ffmpeg_version())
    for name in LIBRARIES:
        try:
            yield Finding(what=name, ok=True, needed=True, found=version(name))
        except PackageNotFoundError:
            yield Finding(what=name, ok=False, needed=True, found="missing", remedy="reinstall: pip install -e .")


def _weights() -> Iterator[Finding]:
    for result in verify():
        good = result.status in ("ok", "override")
        remedy = "" if good else f"reenactory models fetch {result.name}, or --weights {result.name}=PATH"
        yield Finding(what=f"weights: {result.name}", ok=good, needed=True, found=result.status, remedy=remedy)


def _optional() -> Iterator[Finding]:
    yield Finding(what="renderers", ok=True, needed=False, found=", ".join(renderer_names()))
    pytorch3d = find_spec("pytorch3d") is not None
    remedy = "none needed: on a CPU numba serves, on a GPU torch"
    yield Finding(what="pytorch3d", ok=pytorch3d, needed=False, found="yes" if pytorch3d else "no", remedy=remedy)
    given = any(os.environ.get(name) for name in ("AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_WEB_IDENTITY_TOKEN_FILE"))
    found = "named in the environment" if given else "none in the environment (a role or ~/.aws may still serve)"
    yield Finding(what="S3 credentials", ok=given, needed=False, found=found, remedy="boto3's own chain is used")
    prefect = os.environ.get("PREFECT_API_URL")
    found = prefect or "not set: commands run without Prefect"
    yield Finding(
        what="PREFECT_API_URL", ok=bool(prefect), needed=False, found=found, remedy="`make serve` starts a server"
    )


def render_findings(findings: list[Finding]) -> Table:
    """A table: what, state, what to do."""
    table = Table("what", "state", "found", "what to do")
    for finding in findings:
        state = "[green]ok[/]" if finding.ok else ("[red]missing[/]" if finding.needed else "[dim]absent[/]")
        table.add_row(finding.what, state, finding.found, "" if finding.ok else finding.remedy)
    return table
