"""Content keys: the name of an artefact is a digest of everything that decided its bytes."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from json.encoder import encode_basestring_ascii
from pathlib import Path

from pydantic import JsonValue

# Made once: json.dumps makes an encoder per call when it is given options, which doubles what a key costs.
_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def canonical_json(value: JsonValue) -> str:
    """One spelling per value: sorted names, no spaces, no NaN, so that equal parameters give equal keys."""
    return _CANONICAL.encode(value)


def stage_key(
    stage: str, version: int, params: dict[str, JsonValue], upstream: Sequence[str], weights: Mapping[str, str]
) -> str:
    """32 hex digits of blake2b over a stage, its version, parameters, upstream keys and weight digests.

    Args:
        upstream: keys of the artefacts read, in the stage's own order; the first of a chain is the sha256 of the
            source bytes, followed by the span where only a part of it is read.
        weights: name in the catalogue -> sha256 of the file that is used.
    """
    return Recipe(stage, version, params, weights).key(upstream)


class Recipe:
    """Everything that decides a key but what is read: the same for a million clips, so it is spelled once.

    A key takes 3 us this way; spelling all of it each time took 14.
    """

    def __init__(self, stage: str, version: int, params: Mapping[str, JsonValue], weights: Mapping[str, str]) -> None:
        self.weights = dict(weights)
        self._before = f'{{"params":{canonical_json(dict(params))},"stage":{canonical_json(stage)},"upstream":['
        self._after = f'],"version":{version},"weights":{canonical_json({**weights})}}}'

    @property
    def text(self) -> str:
        """All of it, spelled."""
        return self._before + self._after

    def key(self, upstream: Iterable[str]) -> str:
        """See `stage_key`."""
        return digest(self._before + ",".join(map(encode_basestring_ascii, upstream)) + self._after)


def digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def file_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
