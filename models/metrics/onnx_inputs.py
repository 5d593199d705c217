"""Drop surplus inputs of an ONNX graph, in the serialised bytes, without the onnx package and without running it.

Older exporters list every weight as a graph input too. onnxruntime then treats the weights as values that a caller may
override: nothing is folded, and inputs without a stored value must be fed. ModelProto holds its graph in field 7 and
GraphProto its inputs in field 11, so copying all fields but some is enough; 40 lines against a 20 MB dependency.
"""

from collections.abc import Iterator

_MODEL_GRAPH = 7
_GRAPH_INPUT = 11
_VALUE_NAME = 1
_WIRE_BYTES = 2


def keep_inputs(model: bytes, names: frozenset[str]) -> bytes:
    """The model with only the graph inputs in ``names``.

    Args:
        model: serialised ONNX ModelProto.
        names: inputs to keep.

    Raises:
        ValueError: the bytes are not a protocol buffer, or an input in ``names`` is not in the graph.
    """
    found: set[str] = set()
    graph_fields = []
    out = []
    for number, raw, payload in _fields(model):
        if number != _MODEL_GRAPH:
            out.append(raw)
            continue
        for inner, inner_raw, inner_payload in _fields(payload):
            name = _value_name(inner_payload) if inner == _GRAPH_INPUT else None
            if name is None or name in names:
                graph_fields.append(inner_raw)
            if name is not None:
                found.add(name)
        graph = b"".join(graph_fields)
        out.append(_varint((_MODEL_GRAPH << 3) | _WIRE_BYTES) + _varint(len(graph)) + graph)
    if not names <= found:
        raise ValueError(f"ONNX graph has no input {sorted(names - found)}; it has {sorted(found)[:5]} ...")
    return b"".join(out)


def _value_name(value_info: bytes) -> str:
    return next((payload.decode() for number, _, payload in _fields(value_info) if number == _VALUE_NAME), "")


def _fields(message: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """(field number, the field as written, payload if length-delimited else empty) in order."""
    position = 0
    while position < len(message):
        start = position
        key, position = _read_varint(message, position)
        payload = b""
        match key & 7:
            case 0:
                _, position = _read_varint(message, position)
            case 1:
                position += 8
            case 5:
                position += 4
            case 2:
                length, position = _read_varint(message, position)
                payload = message[position : position + length]
                position += length
            case wire:
                raise ValueError(f"not a protocol buffer: wire type {wire} at byte {start}")
        if position > len(message):
            raise ValueError(f"not a protocol buffer: field at byte {start} runs past the end ({len(message)} bytes)")
        yield key >> 3, message[start:position], payload


def _read_varint(message: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while position < len(message) and shift < 64:
        byte = message[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7
    raise ValueError(f"not a protocol buffer: unfinished number at byte {position}")


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
