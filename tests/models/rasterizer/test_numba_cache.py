"""Machine code on disk: compiled once, by however many processes, and done without where nothing can be written."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from reenactory.models.rasterizer.numba_compile import compiled

# Without torch, whose import is most of a process's time.
DRAW = """
import numpy as np
from reenactory.models.rasterizer import numba_kernels
corners = np.array([[-0.9, -0.9, 1], [1, -1, 1], [-1, 1, 1]], np.float32)
centres = np.array([-0.75, -0.25, 0.25, 0.75], np.float32)
out = np.empty((4, 4), np.int64), np.empty((4, 4), np.float32), np.empty((4, 4, 3), np.float32)
numba_kernels.draw(corners, np.array([[0, 2, 1]]), centres, centres, False, True, *out)
print((out[0] == 0).sum(), sum(numba_kernels.draw.stats.cache_hits.values()))
"""


def start(cache: Path) -> "subprocess.Popen[str]":
    environment = os.environ | {"REENACTORY_CACHE": str(cache), "NUMBA_CACHE_DIR": ""}
    pipe = subprocess.PIPE
    return subprocess.Popen([sys.executable, "-c", DRAW], env=environment, stdout=pipe, stderr=pipe, text=True)


def covered_and_hits(process: "subprocess.Popen[str]") -> tuple[int, int]:
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    covered, hits = out.split()
    return int(covered), int(hits)


def test_processes_that_start_together_compile_and_later_ones_load(tmp_path: Path) -> None:
    together = [start(tmp_path) for _ in range(2)]
    assert {covered_and_hits(process)[0] for process in together} == {6}
    assert list((tmp_path / "numba").rglob("*.nbc"))
    assert covered_and_hits(start(tmp_path)) == (6, 1)


def test_a_folder_that_cannot_be_written_is_done_without(tmp_path: Path) -> None:
    (tmp_path / "numba").write_text("a file where the folder should be")
    assert covered_and_hits(start(tmp_path))[0] == 6


def test_a_function_that_cannot_be_cached_is_compiled_anyway() -> None:
    names: dict[str, object] = {"np": np}
    exec("def double(value): return value * 2", names)  # of no file, so numba finds no place for its code
    assert compiled("i8(i8)")(names["double"])(4) == 8  # type: ignore[type-var, operator]
