"""A small share of `make fuzz`, other files than its own: each ends with a verdict, none with a crash or a hang."""

import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

pytestmark = pytest.mark.weights

CASES, SEED = 40, 1_000_000
ROOT = Path(__file__).parents[2]


def test_spoiled_files_end_with_a_reason() -> None:
    """In a process of its own: trials are forked, and those of a test process of 2 GB would begin with as much."""
    command = [sys.executable, "tests/integration/fuzz_run.py", "--count", f"{CASES}", "--seed", f"{SEED}"]
    helpers = {**os.environ, "PYTHONPATH": str(ROOT / "tests")}
    done = subprocess.run(command, cwd=ROOT, env=helpers, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    told = re.findall(r"^ *(\d+) (\w+) +(.*)$", done.stdout, re.MULTILINE)
    kinds = Counter[str]()
    for number, kind, _ in told:
        kinds[kind] += int(number)
    assert len(kinds) == 10 and kinds["video"] >= 14
    bad = sum(int(number) for number, _, verdict in told if "done" not in verdict and "as written" not in verdict)
    assert bad > CASES / 2
