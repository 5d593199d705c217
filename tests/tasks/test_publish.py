"""The mp4 for people: what is in it, whatever a renderer's frames are like."""

import json
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from reenactory.infra.keys import file_sha256
from reenactory.infra.video import ReadSpec, probe, read_chunks
from reenactory.infra.watermark import read_mark
from reenactory.tasks.outcomes import Made
from reenactory.tasks.publish import VIDEO, Item, Params, run

IDENT = "0123456789ab"


def frames(height: int, width: int, count: int = 12) -> NDArray[np.uint8]:
    rows, columns = np.indices((height, width))
    ramp = (rows + 2 * columns)[None] * 0.4 + np.arange(count)[:, None, None] + 60
    return np.stack([ramp, ramp * 0.8, ramp * 0.7], axis=-1).clip(0, 255).astype(np.uint8)


def published(folder: Path, pictures: NDArray[np.uint8], params: Params | None = None) -> tuple[Made, Path]:
    folder.mkdir(exist_ok=True)
    (made,) = run(Item(folder, pictures, 25, 1, "warp", IDENT, {"pair": "p"}), params or Params(), None)
    assert isinstance(made, Made)
    return made, made.files[VIDEO]


@pytest.mark.parametrize(("height", "width"), [(64, 64), (101, 75), (96, 128)])
def test_every_size_is_published_with_its_mark(height: int, width: int, tmp_path: Path) -> None:
    made, video = published(tmp_path, frames(height, width))
    info = probe(video)
    assert (info.height, info.width, made.frames) == (height + height % 2, width + width % 2, 12)
    reading = read_mark(read_chunks(video, ReadSpec()))
    assert reading is not None and reading.ident == IDENT
    assert made.facts == {"label": "re-enacted: warp", "watermark": f"dct-qim-1 {IDENT}"}


def test_what_is_too_small_for_a_mark_says_that_it_has_none(tmp_path: Path) -> None:
    made, video = published(tmp_path, frames(32, 32))
    assert made.facts == {"label": "re-enacted: warp", "watermark": None}
    with av.open(str(video)) as container:
        assert json.loads(container.metadata["comment"])["watermark"] is None


@pytest.mark.parametrize(("label", "watermark"), [(True, False), (False, True), (False, False)])
def test_the_file_says_what_was_switched_off(label: bool, watermark: bool, tmp_path: Path) -> None:
    _, video = published(tmp_path, frames(64, 64), Params(label=label, watermark=watermark))
    with av.open(str(video)) as container:
        said = json.loads(container.metadata["comment"])
    assert said == {
        "pair": "p",
        "label": "re-enacted: warp" if label else None,
        "watermark": f"dct-qim-1 {IDENT}" if watermark else None,
    }
    assert (read_mark(read_chunks(video, ReadSpec())) is not None) == watermark


def test_the_same_frames_give_the_same_bytes(tmp_path: Path) -> None:
    digests = {file_sha256(published(tmp_path / name, frames(64, 64))[1]) for name in ("a", "b")}
    assert len(digests) == 1
