"""Names that come from outside: whatever they are, nothing is written outside the store."""

import tempfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from reenactory.flows.cli import main
from reenactory.flows.evaluate import EvaluateRequest
from reenactory.flows.preprocess import PreprocessRequest
from reenactory.flows.render import RenderRequest
from reenactory.infra.store import checked_path
from reenactory.infra.store_local import LocalStore
from reenactory.tasks.errors import WrongUseError
from reenactory.tasks.pairs import SCHEMA, Pair, read_pairs, to_table

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
@settings(max_examples=200)
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


@pytest.mark.parametrize(
    "pair_id", ["../../x", "/x", "..", ".x", "a/b", "a\\b", "a\0b", "a\nb", "", "x" * 151, "\u00e9" * 76]
)
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


@pytest.mark.parametrize("other", ["caf\u00e9", "cafe\u0301"])
def test_two_pairs_of_one_name_are_wrong_use(tmp_path: Path, other: str) -> None:
    pair = Pair("caf\u00e9", "self", "clip", 0, "clip", 1, 8, 0)
    rows = [pair._asdict(), pair._replace(pair_id=other, driving_start=2)._asdict()]
    pq.write_table(pa.Table.from_pylist(rows, schema=SCHEMA), tmp_path / "pairs.parquet")
    with pytest.raises(WrongUseError, match="two different pairs"):
        read_pairs(tmp_path / "pairs.parquet")


def test_the_same_pair_twice_is_one(tmp_path: Path) -> None:
    pair = Pair("same", "self", "clip", 0, "clip", 1, 8, 0)
    rows = [pair._asdict(), pair._replace(seed=7)._asdict()]
    pq.write_table(pa.Table.from_pylist(rows, schema=SCHEMA), tmp_path / "pairs.parquet")
    assert {found.pair_id for found in read_pairs(tmp_path / "pairs.parquet").pairs} == {"same"}


def test_spellings_of_a_name_are_one_dataset() -> None:
    composed, decomposed = (
        PreprocessRequest(inputs=["v"], dataset=name, store="s").dataset for name in ("caf\u00e9", "cafe\u0301")
    )
    assert composed == decomposed
    with pytest.raises(ValidationError, match="200 bytes"):
        PreprocessRequest(inputs=["v"], dataset="\u6f22" * 99, store="s")


@pytest.mark.parametrize("name", ["../../outside", "/tmp/outside", "a/../../x", "x" * 300])
@pytest.mark.parametrize(
    "command",
    [
        ["pairs", "--protocol", "self", "--dataset", "NAME", "--out", "out.parquet"],
        ["compare", "NAME", "other"],
        ["evaluate", "--run", "NAME", "--workers", "0"],
        ["train", "--dataset", "NAME"],
        ["store", "forget", "--identity", "NAME"],
    ],
)
def test_commands_refuse_such_names_in_one_line(
    name: str,
    command: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    store = tmp_path / "deep" / "store"
    store.mkdir(parents=True)
    words = [name if word == "NAME" else word for word in command]
    monkeypatch.setattr("sys.argv", ["reenactory", *words, "--store", str(store)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1
    assert [file for file in tmp_path.rglob("*") if file.is_file()] == []
