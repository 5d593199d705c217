"""Rendered people as a pack, and a training on them from the command line."""

import json
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from painted_faces import SIDE, thin_vgg, write_pack

from reenactory.flows.train import make_loop, train
from reenactory.flows.train_request import TrainRequest, configured, synthetic_people
from reenactory.infra.store import open_store
from reenactory.models.flow3d.mixed_source import MixedSource
from reenactory.models.flow3d.pack import Pack
from reenactory.models.flow3d.packed_source import PackedSource
from reenactory.models.flow3d.train_packed import Synthetic, packed_loop
from reenactory.models.weights import overrides_text
from reenactory.tasks.errors import WrongUseError
from reenactory.tasks.extractors import extractor_id
from reenactory.tasks.synthetic_pack import SyntheticFaces, synthetic_key, write_synthetic_pack

needs_model = pytest.mark.weights
FEW = SyntheticFaces(clips=3, frames=4)
CONFIG = """
preset = "tiny"
[training]
pairs = 2
validation_pairs = 1
log_every = 1
threads = 0
phase_1 = { steps = 1 }
phase_2 = { steps = 1 }
[synthetic]
clips = 40
frames = 4
share = 0.25
"""


@pytest.fixture
def two_sources(tmp_path: Path) -> tuple[PackedSource, PackedSource]:
    """Of the second pack every descriptor is higher by 1000."""
    paths = [write_pack(tmp_path / name) for name in "ab"]
    moved = np.load(paths[1] / "descriptors.npy") + np.float32(1000)
    np.save(paths[1] / "descriptors.npy", moved)
    real, rendered = (PackedSource(Pack(path), 3) for path in paths)
    return real, rendered


@needs_model
def test_a_pack_of_rendered_people(weight: Callable[[str], Path], tmp_path: Path) -> None:
    weight("open_face_model")
    seen: list[int] = []
    write_synthetic_pack(FEW, tmp_path / "one", SIDE, 90, seen.append)
    write_synthetic_pack(FEW, tmp_path / "two", SIDE, 90)
    files = ("frames.bin", "alphas.bin", "descriptors.npy", "offsets.npy", "pack.json")
    assert all((tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes() for name in files)
    pack = Pack(tmp_path / "one")
    assert seen == [4, 4, 4] and len(pack) == 12
    assert [clip.held_out for clip in pack.clips] == [False, False, True]
    assert len({clip.identity for clip in pack.clips}) == 3
    assert pack.facts["extractor"] == extractor_id("open")
    assert pack.facts["key"] == synthetic_key(FEW, SIDE, 90)
    assert np.isfinite(pack.descriptors).all()
    assert ((pack.landmarks > 0) & (pack.landmarks < 1)).all()  # sides of the picture


@needs_model
def test_coefficients_can_be_those_that_the_extractor_finds(weight: Callable[[str], Path], tmp_path: Path) -> None:
    """The same frames; their descriptors near the rendered ones, and not the same."""
    weight("open_face_model"), weight("face_landmarker")
    packs = []
    for coefficients in ("rendered", "extracted"):
        faces = FEW.model_copy(update={"coefficients": coefficients})
        write_synthetic_pack(faces, tmp_path / coefficients, SIDE, None)
        packs.append(Pack(tmp_path / coefficients))
    rendered, extracted = packs
    assert all(np.array_equal(rendered.frame(number), extracted.frame(number)) for number in range(12))
    both = np.isfinite(extracted.descriptors).all(axis=1)
    assert both.sum() >= 8
    away = np.abs(rendered.descriptors - extracted.descriptors)[both]
    assert np.degrees(away[:, 64:67].mean()) < 5 and away[:, 71:73].mean() < 4
    assert away[:, :64].max() > 0.01
    assert rendered.facts["key"] != extracted.facts["key"]


@needs_model
def test_a_key_changes_with_everything_that_decides_a_pack(weight: Callable[[str], Path]) -> None:
    others = [FEW.model_copy(update={name: 9}) for name in ("clips", "frames", "seed")]
    keys = {synthetic_key(faces, 64, 95) for faces in (FEW, *others)}
    assert len(keys | {synthetic_key(FEW, 128, 95), synthetic_key(FEW, 64, None)}) == 6


def test_a_mixture_has_the_ratio_exactly(two_sources: tuple[PackedSource, PackedSource]) -> None:
    real, rendered = two_sources
    mixed = MixedSource(real, rendered, 0.4)
    counts = []
    for number in range(10):
        batch = mixed.batch(number)
        assert all(len(array) == 6 for array in batch)
        counts.append(int((batch.source_window[:, 0, 0] > 500).sum()))
        np.testing.assert_array_equal(batch.source_window, mixed.batch(number).source_window)
    assert set(counts) == {2, 4} and sum(counts) == 24  # 0.4 of 30 pairs, both ways round
    for share, source in ((0.0, real), (1.0, rendered)):
        for one, other in zip(MixedSource(real, rendered, share).batch(5), source.batch(5), strict=True):
            np.testing.assert_array_equal(one, other)
    with pytest.raises(ValueError, match=r"expected 0 to 1, got 1\.5"):
        MixedSource(real, rendered, 1.5)


def test_statistics_are_those_of_the_mixture(two_sources: tuple[PackedSource, PackedSource], tmp_path: Path) -> None:
    real, rendered = (Pack(tmp_path / name).descriptors[:36].astype(np.float64) for name in "ab")  # without dot
    mixed = MixedSource(*two_sources, 0.25).statistics()
    joined = np.concatenate([real, real, real, rendered])
    np.testing.assert_allclose(mixed.mean, joined.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(mixed.deviation, joined.std(axis=0), rtol=1e-5)


def test_deviations_inside_clips_do_not_see_how_far_the_two_kinds_of_people_lie_apart(
    two_sources: tuple[PackedSource, PackedSource], tmp_path: Path
) -> None:
    inside = [PackedSource(Pack(tmp_path / name), 3, within_clips=True) for name in "ab"]  # 1000 apart
    mixed = MixedSource(*inside, 0.25).statistics()
    np.testing.assert_allclose(mixed.deviation, inside[0].statistics().deviation, rtol=0.01)
    assert (mixed.deviation < 100).all() and (MixedSource(*two_sources, 0.25).statistics().deviation > 400).all()


def test_packs_that_do_not_fit_are_not_mixed(tmp_path: Path) -> None:
    from painted_faces import short

    real, other = (Pack(write_pack(tmp_path / name)) for name in "ab")
    other.facts["extractor"] = "open-face-fit+1"
    with pytest.raises(ValueError, match=r"coefficients of None, the synthetic one coefficients of open-face-fit\+1"):
        packed_loop(real, short(), thin_vgg(), None, None, synthetic=Synthetic(other, 0.5))  # type: ignore[arg-type]


def test_the_file_says_who_is_rendered_and_the_command_line_how_many(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text(CONFIG)
    asked = TrainRequest(store="s", dataset="d", config=config)
    assert configured(asked).training.pairs == 2
    table = synthetic_people(asked)
    assert table is not None and (table.clips, table.frames, table.share) == (40, 4, 0.25)
    fewer = synthetic_people(asked.model_copy(update={"synthetic": 3}))
    assert fewer is not None and (fewer.clips, fewer.frames, fewer.share) == (3, 4, 0.25)
    assert synthetic_people(asked.model_copy(update={"synthetic": 0})) is None
    assert synthetic_people(TrainRequest(store="s", dataset="d")) is None
    with pytest.raises(WrongUseError, match="one to train on"):
        synthetic_people(asked.model_copy(update={"synthetic": 1}))
    config.write_text(CONFIG + "people = 3\n")
    with pytest.raises(WrongUseError, match="people"):
        synthetic_people(asked)


@needs_model
def test_train_on_rendered_people_alone(
    weight: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pack is made once, kept in the cache, and says in the weights what it was."""
    trunk = {
        f"Conv_{index}": {"kernel": layer.weight.permute(2, 3, 1, 0).numpy(), "bias": layer.bias.numpy()}
        for index, layer in enumerate(thin_vgg().convolutions)
    }
    vgg = tmp_path / "vgg16.ckpt"
    vgg.write_bytes(pickle.dumps({"VGG16_0": trunk}))
    named = {"lpips_vgg16": vgg, "open_face_model": weight("open_face_model")}
    monkeypatch.setenv("REENACTORY_WEIGHTS", overrides_text(named))
    monkeypatch.setenv("REENACTORY_CACHE", str(tmp_path / "cache"))
    config = tmp_path / "config.toml"
    config.write_text(CONFIG)
    request = TrainRequest(store=str(tmp_path / "store"), config=config, synthetic=3)
    summary = train(request)
    assert summary.done == 2
    (pack,) = (tmp_path / "cache/packs").iterdir()
    made = (pack / "pack.json").stat().st_mtime_ns
    loop = make_loop(request)
    assert (pack / "pack.json").stat().st_mtime_ns == made
    assert loop.facts["pack"] == pack.name
    store = open_store(str(tmp_path / "store"))
    folder = tmp_path / "elsewhere"
    (folder / "synthetic").mkdir(parents=True)
    (folder / "synthetic/pack.json").write_text("of an earlier pack")
    assert train(request.model_copy(update={"pack": folder})).frames == 12
    assert (folder / "vgg.npz").is_file() and not (folder / "synthetic/pack.json").exists()
    lines = [json.loads(line) for line in store.get("runs/flow3d/training/log.jsonl").splitlines()]
    assert [line["step"] for line in lines if "total" in line] == [1, 2]
