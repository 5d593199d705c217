"""A dataset in the store as a pack, and `reenactory train` on it, from the command line to weights."""

import csv
import json
import pickle
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from painted_faces import PEOPLE, painted, thin_vgg

from reenactory.flows import cli
from reenactory.flows.train import make_loop, train
from reenactory.flows.train_packs import data_of, make_packs
from reenactory.flows.train_request import TrainRequest, configured
from reenactory.infra.keys import digest
from reenactory.infra.records import Record, write_artefact
from reenactory.infra.store import Store, open_store
from reenactory.infra.video import write_video
from reenactory.models.flow3d.descriptor import windows
from reenactory.models.flow3d.examples import Batch, Statistics
from reenactory.models.flow3d.loop import Loop
from reenactory.models.flow3d.network import initialised
from reenactory.models.flow3d.pack import Pack
from reenactory.models.flow3d.packed_source import PackedSource
from reenactory.models.flow3d.presets import ABLATIONS, PRESETS, PUBLISHED_FID
from reenactory.models.weights import WeightMissing, overrides_text
from reenactory.tasks import face3d, motion
from reenactory.tasks.dataset import CLIPS, read_clips, write_shard
from reenactory.tasks.errors import WrongUseError
from reenactory.tasks.training_pack import held_out_people, pack_key, usable, write_pack

LOST = 4  # a frame without a face in every clip


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Dataset `d`: four people, one clip each, and one whose matte lost the face."""
    folder = tmp_path_factory.mktemp("dataset")
    made = open_store(str(folder / "store"))
    rows = [put_clip(made, folder, person, name) for person, name in enumerate(PEOPLE)]
    rows.append({**rows[0], "clip_id": "eve#0", "identity": "eve", "matte_flag": "LOST_FACE"})
    write_shard(made, "d", rows)
    return made


@pytest.fixture
def small_vgg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trunk = {
        f"Conv_{index}": {"kernel": layer.weight.permute(2, 3, 1, 0).numpy(), "bias": layer.bias.numpy()}
        for index, layer in enumerate(thin_vgg().convolutions)
    }
    path = tmp_path / "vgg16.ckpt"
    path.write_bytes(pickle.dumps({"VGG16_0": trunk}))
    monkeypatch.setenv("REENACTORY_WEIGHTS", overrides_text({"lpips_vgg16": path}))
    monkeypatch.setenv("REENACTORY_CACHE", str(tmp_path / "cache"))


def put_clip(store: Store, folder: Path, person: int, name: str) -> dict[str, object]:
    frames, mattes, descriptors = painted(person)
    files = {"crop": folder / "clip.mp4", "matte": folder / "alpha.mkv", "face3d": folder / "coefficients.parquet"}
    write_video(files["crop"], frames, Fraction(25), "h264rgb_lossless")
    write_video(files["matte"], mattes, Fraction(25), "h264gray_lossless")
    rows: list[dict[str, object]] = []
    for frame, values in enumerate(descriptors.tolist()):
        parts = {"exp": values[:64], "angles": values[64:67], "trans": values[67:70], "crop": values[70:]}
        seen = frame != LOST
        rows.append({"frame": frame, "detected": seen, "extractor": "e", **(parts if seen else {})})
    pq.write_table(pa.Table.from_pylist(rows, schema=face3d.SCHEMA), files["face3d"])
    keys = {}
    for stage, path in files.items():
        keys[f"{stage}_key"] = key = digest(f"{stage} {name}")
        record = Record(key=key, stage=stage, version=1, params={}, upstream=(), weights={}, outcome="done")
        write_artefact(store, record, {path.name: path})
    row: dict[str, object] = dict.fromkeys(CLIPS.names)
    return row | keys | {"clip_id": f"{name}#0", "identity": name, "split": "all", "frame_count": 12, "outcome": "done"}


def test_a_pack_holds_what_the_dataset_holds(store: Store, tmp_path: Path) -> None:
    rows = usable(read_clips(store, "d").to_pylist())
    assert [row["identity"] for row in rows] == list(PEOPLE)
    seen: list[int] = []
    write_pack(store, rows, {"bob"}, tmp_path, 64, None, seen.append)
    assert seen == [12] * 4
    pack = Pack(tmp_path)
    assert [clip.identity for clip in pack.clips if clip.held_out] == ["bob"]
    frames, mattes, descriptors = painted(2)
    clip = pack.clips[2]
    np.testing.assert_array_equal(pack.frame(clip.start + 6), frames[6])
    np.testing.assert_array_equal(pack.alpha(clip.start + 6), mattes[6])
    mine = pack.descriptors[clip.start : clip.start + 12]
    assert np.isnan(mine[LOST]).all()
    np.testing.assert_array_equal(np.delete(mine, LOST, 0), np.delete(descriptors, LOST, 0))
    assert pack.facts["key"] == pack_key(rows, {"bob"}, 64, None)


def test_windows_are_those_of_the_dataset(store: Store) -> None:
    """Where every frame has a face; the dataset's leave NaN where one has none, a pack's take the nearest frame."""
    _, _, descriptors = painted(1)
    parts = {"exp": slice(0, 64), "angles": slice(64, 67), "trans": slice(67, 70), "crop": slice(70, 73)}
    rows = [{name: values[part].tolist() for name, part in parts.items()} for values in descriptors]
    table = pa.Table.from_pylist(rows, schema=pa.schema([face3d.SCHEMA.field(name) for name in parts]))
    np.testing.assert_array_equal(windows(descriptors), motion.windows(table))


def test_people_are_held_out_by_name_by_split_or_by_digest() -> None:
    rows = [{"identity": f"p{number}", "split": "all"} for number in range(24)]
    chosen = held_out_people(rows)
    assert len(chosen) == 3
    assert chosen <= held_out_people([*rows, {"identity": "zoe", "split": "all"}]) | {max(chosen, key=digest)}
    assert held_out_people(rows, ["p3"]) == {"p3"}
    assert held_out_people([*rows, {"identity": "q", "split": "test"}]) == {"q"}
    assert held_out_people(rows[:1]) == set()
    with pytest.raises(WrongUseError, match="not in the dataset: nobody"):
        held_out_people(rows, ["nobody"])
    with pytest.raises(WrongUseError, match="nobody is left"):
        held_out_people(rows[:1], ["p0"])


def test_a_key_changes_with_everything_that_decides_a_pack(store: Store) -> None:
    rows = read_clips(store, "d").to_pylist()
    keys = {
        pack_key(rows, {"bob"}, 64, 95),
        pack_key(rows[:2], {"bob"}, 64, 95),
        pack_key(rows, {"cid"}, 64, 95),
        pack_key(rows, {"bob"}, 128, 95),
        pack_key(rows, {"bob"}, 64, None),
    }
    assert len(keys) == 5


CONFIG = """
preset = "tiny"
[training]
pairs = 1
validation_pairs = 1
log_every = 1
threads = 0
phase_1 = { steps = 1 }
phase_2 = { steps = 1 }
"""


def test_train_from_the_command_line(
    store: Store,
    tmp_path: Path,
    small_vgg: None,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    config = tmp_path / "config.toml"
    config.write_text(CONFIG)
    words = ["train", "--method", "flow3d", "--store", store.uri, "--dataset", "d", "--name", "n"]
    monkeypatch.setattr(sys, "argv", ["reenactory", *words, "--config", str(config), "--held-out", "dot"])
    for _ in range(2):  # the second has nothing left to do
        with pytest.raises(SystemExit) as ended:
            cli.main()
        assert ended.value.code == 0
    assert f"results: training={store.uri}/runs/n/training" in capsys.readouterr().out
    config.write_text(CONFIG + "ema_decay = 0.5\n")
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 2
    assert "another configuration (training.ema_decay: 0.99778, not 0.5)" in capsys.readouterr().err
    assert json.loads(store.get("runs/n/summary.json"))["done"] == 2
    lines = [json.loads(line) for line in store.get("runs/n/training/log.jsonl").splitlines()]
    assert [line["step"] for line in lines if "total" in line] == [1, 2]
    assert store.exists("runs/n/training/weights.pt")


def test_a_vgg19_that_was_named_and_is_not_there_is_not_replaced(
    store: Store, tmp_path: Path, small_vgg: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REENACTORY_WEIGHTS", overrides_text({"vgg19": tmp_path / "gone.pth"}))
    with pytest.raises(WeightMissing, match=r"vgg19: vgg19-dcbb9e9d\.pth"):
        train(TrainRequest(store=store.uri, dataset="d", preset="tiny"))


def test_pack_writes_all_that_another_machine_needs(store: Store, tmp_path: Path, small_vgg: None) -> None:
    folder = tmp_path / "pack"
    summary = train(TrainRequest(store=store.uri, dataset="d", preset="tiny", pack=folder, jpeg_quality=90))
    assert summary.outputs == {"pack": str(folder)}
    left = {path.name for path in folder.iterdir()}
    assert left == {
        "pack.json",
        "frames.bin",
        "alphas.bin",
        "offsets.npy",
        "descriptors.npy",
        "landmarks.npy",
        "vgg.npz",
    }


def test_rendered_people_need_clips_of_the_open_extractor(store: Store, small_vgg: None) -> None:
    with pytest.raises(
        WrongUseError, match=r"coefficients of open-face-fit\+.*, the clips of d have those of an unknown"
    ):
        train(TrainRequest(store=store.uri, dataset="d", preset="tiny", synthetic=2))
    with pytest.raises(WrongUseError, match="nothing to train on"):
        train(TrainRequest(store=store.uri, preset="tiny", synthetic=0))
    with pytest.raises(WrongUseError, match="of rendered people one in 16"):
        train(TrainRequest(store=store.uri, preset="tiny", synthetic=2, held_out=["ann"]))


def test_only_who_agreed_to_training_is_packed(store: Store, small_vgg: None, tmp_path: Path) -> None:
    """The others are named, and a manifest in which nobody agreed ends in one line."""
    people = sorted({str(row["identity"]) for row in usable(read_clips(store, "d").to_pylist())})
    manifest = tmp_path / "consent.csv"

    def write(agreed: set[str]) -> None:
        rows = [f"{name},both,never,{'yes' if name in agreed else 'no'}" for name in people]
        manifest.write_text("\n".join(["subject,uses,expires,training", *rows]))

    asked = {"store": store.uri, "dataset": "d", "preset": "tiny", "pack": tmp_path / "p", "consent": manifest}
    write(set(people[1:]))
    summary = train(TrainRequest.model_validate({**asked, "held_out": people[-1:]}))
    assert f"left out: training {people[0]} did not agree to be used as training" in summary.notes
    assert people[0] not in {clip.identity for clip in Pack(tmp_path / "p").clips}
    write(set())
    with pytest.raises(WrongUseError, match="nobody agreed to training"):
        train(TrainRequest.model_validate(asked))
    with pytest.raises(WrongUseError, match="no consent manifest was given"):
        train(TrainRequest.model_validate({**asked, "consent": None, "require_consent": True}))


def test_configuration_comes_from_preset_ablation_and_file(tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    file.write_text('preset = "tiny"\nablations = ["one_frame"]\n[losses]\nfeatures = 50\n')
    config = configured(TrainRequest(store="s", dataset="d", config=file))
    assert config.network.window_radius == 0
    assert config.losses.features == 50.0
    assert configured(TrainRequest(store="s", dataset="d", preset="paper")) == PRESETS["paper"]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('preset = "huge"', "no preset 'huge'"),
        ('ablations = ["two"]', "no ablation 'two'; there are: flow_2d"),
        ("[network]\ncolour = 1", "network has no 'colour'"),
        ("[network]\nimage_px = 100", "not a multiple"),
        ("[training]\nphase_1 = { step = 1 }", r"training\.phase_1 has no 'step'"),
        ("preset = ", "config"),
        ("[nets]", "nets"),
        ('[training]\npairs = "many"', "pairs"),
        ('[network]\nadain_site = "nowhere"', "adain_site"),
    ],
)
def test_a_wrong_configuration_is_wrong_use(tmp_path: Path, text: str, complaint: str) -> None:
    file = tmp_path / "c.toml"
    file.write_text(text)
    with pytest.raises(ValueError, match=complaint):
        configured(TrainRequest(store="s", dataset="d", config=file))


class Joined:
    """The batches of two processes as one: what they train on together."""

    def __init__(self, pack: Pack) -> None:
        self._parts = [PackedSource(pack, 1, rank=rank) for rank in range(2)]

    def batch(self, number: int) -> Batch:
        one, other = (part.batch(number) for part in self._parts)
        return Batch(*(np.concatenate(both) for both in zip(one, other, strict=True)))

    def statistics(self) -> Statistics:
        return self._parts[0].statistics()


def test_ablations_are_one_command_and_one_table(
    store: Store,
    tmp_path: Path,
    small_vgg: None,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "config.toml").write_text(CONFIG)
    command = ["reenactory", "train", "--ablations", "--store", store.uri, "--dataset", "d", "--name", "a"]
    command += ["--held-out", "dot", "--config", str(tmp_path / "config.toml"), "--device", "cpu"]
    monkeypatch.setattr(sys, "argv", command)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 0
    rows = list(csv.DictReader(store.get("runs/a/ablations.csv").decode().splitlines()))
    assert [row["ablation"] for row in rows] == ["full", *ABLATIONS]
    published = [(float(row["paper_fid_self"]), float(row["paper_fid_cross"])) for row in rows]
    assert published == list(PUBLISHED_FID.values())
    assert {row["steps"] for row in rows} == {"2"}
    scores = {row["ablation"]: float(row["perceptual"]) for row in rows}
    assert scores["no_separation"] != scores["full"] != scores["flow_2d"]
    assert store.exists("runs/a-no_refiner/training/weights.pt")
    assert "no_cyclic_loss" in capsys.readouterr().out
    monkeypatch.setattr(sys, "argv", [*command, "--minutes", "1"])
    with pytest.raises(SystemExit) as refused:
        cli.main()
    assert refused.value.code == 2


@pytest.mark.slow
def test_two_ray_workers_train_as_one_process_on_both_their_batches(
    store: Store, tmp_path: Path, small_vgg: None
) -> None:
    config = tmp_path / "config.toml"
    config.write_text(CONFIG.replace("phase_2 = { steps = 1 }", "phase_2 = { steps = 0 }"))
    asked = {"store": store.uri, "dataset": "d", "config": config, "held_out": ["dot"], "device": "cpu"}
    summary = train(TrainRequest.model_validate({**asked, "name": "two", "workers": 2}))
    assert summary.done == 1
    assert store.exists("runs/two/training/weights.pt")
    alone = make_loop(TrainRequest.model_validate({**asked, "name": "one"}))
    main, _ = make_packs(data_of(TrainRequest.model_validate(asked), alone.trainer.config))
    pack = Pack(main)
    alone.trainer.step(Joined(pack).batch(0))
    path = store.local_path("runs/two/training/checkpoint-00000001.pt", tmp_path)
    together = torch.load(path, weights_only=True)["network"]
    mine = alone.trainer.network.state_dict()
    # Adam's first step is the gradient's sign: only where that is next to nought may rounding turn it.
    away = torch.cat([(mine[name] - together[name]).abs().flatten() for name in mine])
    assert (away > 1e-6).float().mean() < 0.01
    moved = torch.cat([(mine[name] - initial).abs().flatten() for name, initial in initial_state(alone).items()])
    assert (moved > 5e-5).float().mean() > 0.1


def initial_state(loop: Loop) -> dict[str, torch.Tensor]:
    return dict(initialised(loop.trainer.config.network, loop.trainer.config.training.seed).named_parameters())
