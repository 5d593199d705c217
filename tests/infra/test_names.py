"""Names that come from outside: whatever they are, nothing is written outside the store."""

import tempfile
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from reenactory.flows.evaluate import EvaluateRequest
from reenactory.flows.preprocess import PreprocessRequest
from reenactory.flows.render import RenderRequest
from reenactory.infra.store import checked_path
from reenactory.infra.store_local import LocalStore
from reenactory.tasks.errors import WrongUseError
from reenactory.tasks.pairs import Pair, read_pairs, to_table

PIECES = [
    "..",
    ".",
    "/",
    "\\",
    "\0",
    "~",
    "a",
    "b.mp4",
    "．．",
    "∕",
    "․․",
    "%2e%2e",
    "C:",
    "-",
    " ",
    "\n",
    "é",
    "x" * 300,
]
hostile = st.lists(st.sampled_from(PIECES), max_size=6).map("".join)


@given(hostile)
@example("../outside")
@example("/tmp/outside")
@example("a/../../outside")
@settings(deadline=None, max_examples=200)
def test_whatever_the_path_nothing_is_written_outside(path: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "deep" / "store"
        root.mkdir(parents=True)
        try:
            LocalStore(root).put(path, b"x")
        except (ValueError, OSError):
            pass
        else:
            assert LocalStore(root).get(path) == b"x"
        outside = [file for file in Path(folder).rglob("*") if file.is_file() and not file.is_relative_to(root)]
        assert outside == []


@given(hostile)
@example("..")
@example("a\n")
@example("x" * 101)
def test_a_name_of_a_dataset_or_run_is_refused_or_can_be_a_folder(name: str) -> None:
    plain = {"store": "s"}
    for request, fields in (
        (PreprocessRequest, {"inputs": ["v"], "dataset": name}),
        (RenderRequest, {"pairs": "p", "renderer": "copy", "run": name}),
        (EvaluateRequest, {"run": name}),
        (EvaluateRequest, {"run": "r", "name": name}),
    ):
        try:
            request.model_validate(plain | fields)
        except ValidationError:
            continue
        assert checked_path(f"datasets/{name}/clips") and "/" not in name and not name.startswith(".")


@pytest.mark.parametrize("pair_id", ["../../x", "/x", "..", ".x", "a/b", "a\\b", "a\0b", "a\nb", "", "x" * 151])
def test_a_pair_id_that_cannot_be_a_file_name_is_wrong_use(tmp_path: Path, pair_id: str) -> None:
    pair = Pair("plain", "self", "clip", 0, "clip", 1, 8, 0)
    pq.write_table(to_table([pair, pair._replace(pair_id=pair_id)], "d"), tmp_path / "pairs.parquet")
    with pytest.raises(WrongUseError, match="pair ids become file names"):
        read_pairs(tmp_path / "pairs.parquet")


def test_usual_pair_ids_pass(tmp_path: Path) -> None:
    names = ["self-0123456789ab", "id10280#abc#001-id10281", "paar é 7"]
    pairs = [Pair(name, "self", "clip", 0, "clip", 1, 8, 0) for name in names]
    pq.write_table(to_table(pairs, "d"), tmp_path / "pairs.parquet")
    assert [pair.pair_id for pair in read_pairs(tmp_path / "pairs.parquet")[0]] == names
