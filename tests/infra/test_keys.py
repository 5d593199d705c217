"""Keys: equal for equal work, different for work that differs in anything."""

import hashlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from reenactory.infra.keys import Recipe, canonical_json, digest, file_sha256, stage_key

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
params = st.dictionaries(st.text(), scalars | st.lists(scalars, max_size=3), max_size=5)
names = st.dictionaries(st.text(min_size=1), st.text(min_size=1), max_size=3)


def reordered(values: dict[str, JsonValue]) -> dict[str, JsonValue]:
    return dict(reversed(list(values.items())))


def test_one_spelling() -> None:
    value: JsonValue = {"b": [1, 0.25, None], "a": {"é": True}}
    assert canonical_json(value) == '{"a":{"\\u00e9":true},"b":[1,0.25,null]}'


@given(params)
def test_the_order_of_names_does_not_matter_and_nothing_is_lost(values: dict[str, JsonValue]) -> None:
    assert canonical_json(values) == canonical_json(reordered(values))
    assert json.loads(canonical_json(values)) == values


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_number_that_is_none_has_no_key(value: float) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical_json({"a": value})


@given(params, st.lists(st.text(), max_size=3), names)
def test_a_key_changes_with_every_component(
    values: dict[str, JsonValue], upstream: list[str], weights: dict[str, str]
) -> None:
    key = stage_key("crop", 1, values, upstream, weights)
    assert key == stage_key("crop", 1, reordered(values), tuple(upstream), dict(reversed(weights.items())))
    others = [
        stage_key("matte", 1, values, upstream, weights),
        stage_key("crop", 2, values, upstream, weights),
        stage_key("crop", 1, {**values, "another": 1}, upstream, weights),
        stage_key("crop", 1, values, [*upstream, ""], weights),
        stage_key("crop", 1, values, ["".join(upstream), "x"], weights),
        stage_key("crop", 1, values, upstream, {**weights, "another": "0"}),
        *(stage_key("crop", 1, values, upstream, {**weights, name: weights[name] + "0"}) for name in weights),
        *(stage_key("crop", 1, values, upstream[:i] + upstream[i + 1 :], weights) for i in range(len(upstream))),
    ]
    assert key not in others


def test_the_order_of_what_is_read_matters() -> None:
    assert stage_key("score", 1, {}, ["a", "b"], {}) != stage_key("score", 1, {}, ["b", "a"], {})


def test_keys_stay_what_they_are() -> None:
    """Stores of users are named by these: a change here makes every artefact anew."""
    spelled = '{"params":{"crf":17},"stage":"crop","upstream":["00"],"version":1,"weights":{"w":"11"}}'
    expected = hashlib.blake2b(spelled.encode(), digest_size=16).hexdigest()
    assert stage_key("crop", 1, {"crf": 17}, ["00"], {"w": "11"}) == expected
    assert len(digest("")) == 32


@given(params, st.lists(st.text(), max_size=3), names)
def test_a_recipe_spells_a_key_as_canonical_json_would(
    values: dict[str, JsonValue], upstream: list[str], weights: dict[str, str]
) -> None:
    parts: dict[str, JsonValue] = {"stage": "crop", "version": 3, "params": values}
    parts |= {"upstream": list(upstream), "weights": {**weights}}
    assert Recipe("crop", 3, values, weights).key(upstream) == digest(canonical_json(parts))


def test_sha256_of_a_file(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"abc" * 1000)
    assert file_sha256(file) == hashlib.sha256(b"abc" * 1000).hexdigest()
