"""A small share of `make fuzz`, other files than its own: each ends with a verdict, none with a crash or a hang."""

import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import fuzz_run
import pytest

pytestmark = pytest.mark.weights

CASES, SEED = 40, 1_000_000
COUNTED = re.compile(r" *(\d+) (\w+) +(.+)")  # how many, of what kind, the verdict


def test_spoiled_files_end_with_a_reason(tmp_path: Path) -> None:
    """In a process of its own, as `make fuzz`: a trial that is forked from a test process begins with its memory, which
    may be 2 GB by then, and would be measured by it."""
    done = subprocess.run(
        [sys.executable, fuzz_run.__file__, "--count", str(CASES), "--seed", str(SEED), "--keep", str(tmp_path)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    *counted, last = done.stdout.splitlines()
    assert ", 0 faults, " in last
    kinds, verdicts = Counter[str](), Counter[str]()
    for number, kind, verdict in (found.groups() for line in counted if (found := COUNTED.fullmatch(line))):
        kinds[kind] += int(number)
        verdicts[verdict] += int(number)
    assert len(kinds) == 10 and kinds["video"] >= 14
    as_it_was = sum(verdicts[verdict] for verdict in verdicts if "done" in verdict or "as written" in verdict)
    assert verdicts.total() - as_it_was > CASES / 2
