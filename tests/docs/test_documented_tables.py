"""Tables in the documentation that must name everything there is: reasons, and the columns of each file."""

import re
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from reenactory.flows.results import RUN_CONDITIONS
from reenactory.infra import entries, outcome_log
from reenactory.infra.digests import DIGEST_TABLE
from reenactory.infra.settings import Settings
from reenactory.tasks import detect, pairs, pool
from reenactory.tasks.dataset import CLIPS, FACE3D
from reenactory.tasks.outcomes import Reason
from reenactory.tasks.rendering import RENDERS
from reenactory.tasks.results.aggregate import AGGREGATES, PAIR_SCORES, SCORES

DOCS = Path(__file__).resolve().parents[2] / "docs"
SCHEMAS = {
    "datasets/NAME/clips/*.parquet": CLIPS,
    "datasets/NAME/face3d/*.parquet": FACE3D,
    "pairs.parquet": pairs.SCHEMA,
    "runs/RUN/outcomes/*.parquet": outcome_log.SCHEMA,
    "runs/RUN/renders/RENDERER.parquet": RENDERS,
    "runs/RUN/scores.parquet": SCORES,
    "runs/RUN/pair_scores.parquet": PAIR_SCORES,
    "runs/RUN/conditions.parquet": RUN_CONDITIONS,
    "runs/RUN/aggregates.parquet": AGGREGATES,
    "artefacts/detect/.../detections.parquet": detect.SCHEMA,
    "artefacts/pool/.../pooled.parquet": pool.SCHEMA,
    "index/STAGE/part-*.parquet": entries.SCHEMA,
}
WITHOUT_SCHEMA = {DIGEST_TABLE}
NAMES = {"float": "float32", "double": "float64"}


def sections() -> Iterator[tuple[str, str]]:
    """Heading and text of each section of a Parquet file."""
    for part in re.split(r"^##+ ", (DOCS / "file-formats.md").read_text(), flags=re.MULTILINE)[1:]:
        if (heading := re.match(r"`(.*\.parquet)`\n", part)) is not None:
            yield heading[1], part


def test_every_table_has_a_section() -> None:
    assert {name for name, _ in sections()} == set(SCHEMAS) | WITHOUT_SCHEMA


@pytest.mark.parametrize("name", SCHEMAS)
def test_columns_and_types_are_those_of_the_schema(name: str) -> None:
    found = re.findall(r"^\| `(\w+)` \| (\S+) \| \S", dict(sections())[name], re.MULTILINE)
    assert found == [(field.name, type_name(field.type)) for field in SCHEMAS[name]]


def type_name(kind: pa.DataType) -> str:
    if pa.types.is_fixed_size_list(kind):
        return f"{type_name(kind.value_type)}[{kind.list_size}]"
    return NAMES.get(str(kind), str(kind))


@pytest.mark.parametrize("name", [*SCHEMAS, *WITHOUT_SCHEMA])
def test_each_table_has_a_query_in_both_libraries(name: str) -> None:
    code = "".join(re.findall(r"^```python\n(.*?)^```", dict(sections())[name], re.MULTILINE | re.DOTALL))
    file = name.rpartition("/")[2].replace("RENDERER", "").replace("part-*", "")
    assert "pd.read_parquet" in code and "duckdb.sql" in code
    assert file.strip("*") in code


def test_every_reason_is_explained_once() -> None:
    rows = re.findall(r"^\| (`[A-Z].*?) \| .+ \| .+ \|$", (DOCS / "reasons.md").read_text(), re.MULTILINE)
    explained = [name for row in rows for name in re.findall(r"`([A-Z_0-9]+)`", row)]
    assert sorted(explained) == sorted(Reason)


def test_every_setting_is_in_the_table_with_its_default() -> None:
    section = (DOCS / "operations.md").read_text().partition("## Settings")[2].partition("\n## ")[0]
    rows = dict(re.findall(r"^\| `REENACTORY_(\w+)` \| ([^|]+) \|", section, re.MULTILINE))
    assert set(rows) == {name.upper() for name in Settings.model_fields}
    numbers = {name: field.default for name, field in Settings.model_fields.items() if isinstance(field.default, float)}
    assert {name: float(rows[name.upper()]) for name in numbers} == numbers
