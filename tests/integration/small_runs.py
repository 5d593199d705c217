"""How the integration tests run the product: on one second of the demo clips, in this process or as a command."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import imageio_ffmpeg
import pyarrow as pa
import pyarrow.parquet as pq

from reenactory.flows.evaluate import EvaluateRequest, evaluate
from reenactory.flows.pairs import write_pairs
from reenactory.flows.preprocess import PreprocessRequest, preprocess
from reenactory.flows.render import RenderRequest, render
from reenactory.infra.records import RECORD_NAME, Record
from reenactory.infra.store import Store, open_store
from reenactory.infra.summary import Summary

FRAMES = 24  # of each cut
DRIVING = 8  # frames per pair
DATASET, RUN = "small", "small"
RENDERERS = ("copy", "warp")

# A quarter of the usual pixels: matting is the dearest stage. The knobs that let a short 640x360 clip pass.
KNOBS: dict[str, dict[str, object]] = {
    "track": {"min_frames": 16, "min_side_px": 96, "out_of_frame": "fit"},
    "crop": {"size_px": 128},
}
SET = [f"--set={stage}.{name}={value}" for stage, knobs in KNOBS.items() for name, value in knobs.items()]


def with_knob(stage: str, name: str, value: object) -> dict[str, dict[str, object]]:
    """The usual knobs with one of them turned."""
    return {**KNOBS, stage: {**KNOBS.get(stage, {}), name: value}}


def ffmpeg(*arguments: object) -> None:
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-v", "error", "-y", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr.decode()


def preprocess_small(
    inputs: Sequence[str], store: str, knobs: Mapping[str, Mapping[str, object]] = KNOBS, retry: Sequence[str] = ()
) -> Summary:
    """The preprocess flow, inline."""
    fields = {"inputs": list(inputs), "store": store, "dataset": DATASET, "workers": 0, "params": knobs}
    return preprocess(PreprocessRequest.model_validate({**fields, "retry": list(retry)}))


@dataclass(frozen=True)
class SmallRun:
    """A whole pipeline on disk: its store, its inputs and the summary of each flow."""

    store: Path
    videos: Path
    pairs: Path
    summaries: dict[str, Summary]

    @property
    def computed(self) -> dict[str, int]:
        return dict(sum((Counter(summary.computed) for summary in self.summaries.values()), Counter()))


def whole_pipeline(videos: str, store: str, folder: Path) -> dict[str, Summary]:
    """preprocess -> pairs (one self, one cross) -> render twice -> evaluate, inline."""
    summaries = {"preprocess": preprocess_small([videos], store)}
    pairs = draw_pairs(store, folder)
    for name in RENDERERS:
        summaries[name] = render(RenderRequest(pairs=str(pairs), renderer=name, store=store, run=RUN, workers=0))
    summaries["evaluate"] = evaluate(EvaluateRequest(store=store, run=RUN, workers=0))
    return summaries


def draw_pairs(store: str, folder: Path) -> Path:
    """One self and one cross pair, in `folder`/pairs.parquet."""
    tables = []
    for protocol in ("self", "cross"):
        write_pairs(store, DATASET, protocol, 1, 0, DRIVING, folder / f"{protocol}.parquet")
        tables.append(pq.read_table(folder / f"{protocol}.parquet"))
    pq.write_table(pa.concat_tables(tables), folder / "pairs.parquet")
    return folder / "pairs.parquet"


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "reenactory.flows.cli", *map(str, arguments)]


def run_command(*arguments: object, timeout: float = 240, **env: str) -> "subprocess.CompletedProcess[str]":
    """The command line as a user runs it."""
    environment = os.environ | env
    return subprocess.run(
        command(*arguments), capture_output=True, text=True, timeout=timeout, env=environment, check=False
    )


def preprocess_command(videos: Path | str, store: Path | str, workers: int) -> tuple[object, ...]:
    return ("preprocess", videos, "--store", store, "--dataset", DATASET, "--workers", workers, *SET)


def artefacts(store_uri: str) -> dict[str, bytes]:
    """Bytes by path of everything under artefacts/; of a record all but the time that it took."""
    store = open_store(store_uri)
    return {path: _timeless(path, store.get(path)) for path in store.list("artefacts/")}


def _timeless(path: str, payload: bytes) -> bytes:
    if not path.endswith(RECORD_NAME):
        return payload
    return Record.model_validate_json(payload).model_copy(update={"seconds": 0.0}).model_dump_json().encode()


def records(store: Store) -> Iterator[Record]:
    for path in store.list("artefacts/"):
        if path.endswith(RECORD_NAME):
            yield Record.model_validate_json(store.get(path))


@contextmanager
def started(
    arguments: Sequence[str], log: Path, cwd: Path | None = None, **env: str
) -> "Iterator[subprocess.Popen[bytes]]":
    """A command in a process group of its own, which is ended at the latest when the block ends."""
    with log.open("wb") as out:
        process = subprocess.Popen(
            arguments, stdout=out, stderr=out, start_new_session=True, cwd=cwd, env=os.environ | env
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def await_that(what: str, holds: Callable[[], bool], seconds: float = 240) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.01)


def processes() -> dict[int, tuple[int, str]]:
    """Parent and command line of every process of this machine that is not a zombie."""
    found: dict[int, tuple[int, str]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            state, parent = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
            words = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except (OSError, ValueError):
            continue  # it ended while we looked
        if state != "Z":
            found[int(folder.name)] = int(parent), words.strip()
    return found


def descendants(root: int) -> dict[int, str]:
    """Command lines of the children of a process, and of theirs."""
    alive = processes()
    family, grew = {root}, True
    while grew:
        more = {pid for pid, (parent, _) in alive.items() if parent in family} - family
        family |= more
        grew = bool(more)
    return {pid: alive[pid][1] for pid in family - {root} if pid in alive}
