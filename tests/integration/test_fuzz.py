"""A small share of `make fuzz`, other files than its own: each ends with a verdict, none with a crash or a hang."""

from collections import Counter
from pathlib import Path

import pytest
from fuzz_run import fuzz

pytestmark = pytest.mark.weights

CASES, SEED = 40, 1_000_000


@pytest.mark.slow  # limits memory: in a test process that has grown to 2 GB, its children start beyond the limit
def test_spoiled_files_end_with_a_reason(tmp_path: Path) -> None:
    results = list(fuzz(tmp_path, CASES, SEED))
    assert [(result.kind, result.case, result.fault) for result in results if result.fault] == []
    kinds = Counter(result.kind for result in results)
    assert len(kinds) == 10 and kinds["video"] >= 14
    assert sum("done" not in result.verdict and "as written" not in result.verdict for result in results) > CASES / 2
