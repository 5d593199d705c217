"""Dropping surplus graph inputs: on hand-written bytes, and on the real file."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest

from reenactory.models.metrics.onnx_inputs import keep_inputs


def _number(value: int) -> bytes:
    out = b""
    while value > 0x7F:
        out, value = out + bytes([value & 0x7F | 0x80]), value >> 7
    return out + bytes([value])


def _message(field: int, payload: bytes) -> bytes:
    return _number(field << 3 | 2) + _number(len(payload)) + payload


def _integer(field: int, value: int) -> bytes:
    return _number(field << 3) + _number(value)


def _float_vector(name: str) -> bytes:
    """ValueInfoProto: float[300]."""
    shape = _message(2, _message(1, _integer(1, 300)))
    return _message(1, name.encode()) + _message(2, _message(1, _integer(1, 1) + shape))


def _model(inputs: list[str]) -> bytes:
    """y = data + bias, with bias = 0..299 stored as an initialiser."""
    node = _message(1, b"data") + _message(1, b"bias") + _message(2, b"y") + _message(4, b"Add")
    raw = np.arange(300, dtype="<f4").tobytes()
    bias = _integer(1, 300) + _integer(2, 1) + _message(8, b"bias") + _message(9, raw)
    graph = _message(1, node) + _message(2, b"g") + _message(5, bias)
    graph += b"".join(_message(11, _float_vector(name)) for name in inputs) + _message(12, _float_vector("y"))
    return _integer(1, 8) + _message(7, graph) + _message(8, _integer(2, 13))


def test_only_the_named_input_is_left_and_the_graph_still_runs() -> None:
    model = keep_inputs(_model(["data", "bias", "never_stored"]), frozenset({"data"}))
    assert model == _model(["data"])
    session = ort.InferenceSession(model, providers=["CPUExecutionProvider"])
    assert [value.name for value in session.get_inputs()] == ["data"]
    (result,) = session.run(None, {"data": np.ones(300, np.float32)})
    np.testing.assert_array_equal(result, np.arange(300) + 1)


def test_nothing_to_drop_changes_no_byte() -> None:
    assert keep_inputs(_model(["data"]), frozenset({"data"})) == _model(["data"])


def test_missing_input_is_refused() -> None:
    with pytest.raises(ValueError, match="no input"):
        keep_inputs(_model(["data"]), frozenset({"image"}))


@pytest.mark.parametrize("content", [b"\xff" * 30, b"\x0f\x00", _model(["data"])[:-3], b""])
def test_other_bytes_are_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"protocol buffer|no input"):
        keep_inputs(content, frozenset({"data"}))


@pytest.mark.weights
def test_the_real_file_needs_nothing_but_its_image(weight: Callable[[str], Path]) -> None:
    model = weight("sface").read_bytes()
    session = ort.InferenceSession(keep_inputs(model, frozenset({"data"})), providers=["CPUExecutionProvider"])
    assert [value.name for value in session.get_inputs()] == ["data"]
