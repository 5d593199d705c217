"""Losses by their formulas, the two phases, a training that is interrupted and one that is not, and what it leaves."""

import json
import os
import struct
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from painted_faces import short, thin_vgg, write_pack

from reenactory.models.flow3d import export, train_packed
from reenactory.models.flow3d.checkpoints import read_pointer
from reenactory.models.flow3d.composition import compose, torn
from reenactory.models.flow3d.config import Flow3dConfig, OtherTrainingError, PhaseConfig, changed, paper_steps
from reenactory.models.flow3d.examples import Examples, jittered, to_examples
from reenactory.models.flow3d.loop import BEST, FINAL, LOG, Loop, Pulse, validation_batches
from reenactory.models.flow3d.network import initialised
from reenactory.models.flow3d.objective import Objective
from reenactory.models.flow3d.pack import Pack
from reenactory.models.flow3d.packed_source import PackedSource
from reenactory.models.flow3d.presets import ABLATIONS, PRESETS
from reenactory.models.flow3d.train_packed import Folder, packed_loop
from reenactory.models.flow3d.trainer import Trainer, rate_at
from reenactory.models.flow3d.validation import Validation, psnr
from reenactory.models.flow3d.weights import load_weights, weights_bytes
from reenactory.models.perceptual.losses import perceptual_distance, pyramid, style_distance
from reenactory.models.perceptual.weights import load_half, save_half

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Pack:
    return Pack(write_pack(tmp_path_factory.mktemp("pack")))


@pytest.fixture(scope="module")
def vgg_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("vgg") / "vgg.npz"
    save_half(thin_vgg(), path)
    return path


@pytest.fixture
def examples(pack: Pack) -> Examples:
    return to_examples(PackedSource(pack, 2).batch(0), CPU)


def loop_in(folder: Path, pack: Pack, vgg_file: Path, config: Flow3dConfig) -> Loop:
    return packed_loop(pack, config, load_half(vgg_file), CPU, Folder(folder))


def test_every_term_follows_its_equation(examples: Examples) -> None:
    config = PRESETS["tiny"]
    network, vgg = initialised(config.network, 1), thin_vgg()
    torch.nn.init.normal_(network.warping.out.weight, 0, 0.1, torch.Generator().manual_seed(0))  # type: ignore[arg-type]
    terms = Objective(network, vgg, config.losses)(examples, 2)

    def distance(made: torch.Tensor, true: torch.Tensor) -> torch.Tensor:
        return perceptual_distance(pyramid(vgg, made), pyramid(vgg, true))

    source = torn(examples.source, examples.source_alpha)
    target = torn(examples.target, examples.target_alpha).person
    code, back_code = network.mapping(examples.target_window), network.mapping(examples.source_window)
    warped = network.warp(source, code)
    face = network.refine(source.person, warped, code)
    assert face.alpha is not None
    painted = network.inpaint(compose(face.picture, face.alpha, source), code).picture
    back = network.warp(source._replace(person=warped.picture, alpha=face.alpha), back_code)
    expected = {
        "perceptual_warp": 2.5 * distance(warped.picture, target),
        "cyclic_warp": 2.5 * F.l1_loss(back.picture, source.person),
        "warped_volume": 100 * F.mse_loss(warped.volume, network.features(target)),
        "features": 100 * distance(network.decode(network.features(source.person)).picture, source.person),
        "inpaint": 2.5 * distance(painted, examples.target),
        "perceptual_refine": 4 * distance(face.picture, target),
        "style_refine": 1000 * style_distance(vgg(face.picture), vgg(target)),
        "alpha": F.l1_loss(face.alpha, examples.target_alpha),
    }
    assert set(terms) == {*expected, "total"}
    for name, value in expected.items():
        assert terms[name].item() == pytest.approx(value.item(), rel=1e-4), name
    assert float(terms["total"]) == pytest.approx(sum(value.item() for value in expected.values()), rel=1e-4)


def test_phase_one_paints_on_true_faces_and_leaves_the_refiner_alone(examples: Examples) -> None:
    config = PRESETS["tiny"]
    network, vgg = initialised(config.network, 1), thin_vgg()
    terms = Objective(network, vgg, config.losses)(examples, 1)
    assert set(terms) == {"perceptual_warp", "cyclic_warp", "warped_volume", "features", "inpaint", "total"}
    target = torn(examples.target, examples.target_alpha).person
    composite = compose(target, examples.target_alpha, torn(examples.source, examples.source_alpha))
    painted = network.inpaint(composite, network.mapping(examples.target_window)).picture
    expected = 2.5 * perceptual_distance(pyramid(vgg, painted), pyramid(vgg, examples.target))
    assert float(terms["inpaint"]) == pytest.approx(float(expected), rel=1e-5)
    terms["total"].backward()  # type: ignore[no-untyped-call]
    assert network.refiner is not None and network.inpainter is not None
    assert all(weight.grad is None for weight in network.refiner.parameters())
    assert all(weight.grad is not None for weight in network.inpainter.parameters())


@pytest.mark.parametrize(
    ("ablation", "gone"),
    [
        ("no_cyclic_loss", {"cyclic_warp"}),
        ("no_refiner", {"perceptual_refine", "style_refine"}),
        ("no_separation", {"inpaint", "alpha"}),
        ("flow_2d", set()),
        ("one_frame", set()),
    ],
)
def test_ablations_train_and_drop_their_terms(examples: Examples, ablation: str, gone: set[str]) -> None:
    config = changed(PRESETS["tiny"], ABLATIONS[ablation])
    network = initialised(config.network, 0)
    every = {"perceptual_warp", "cyclic_warp", "warped_volume", "features", "inpaint", "alpha"}
    every |= {"perceptual_refine", "style_refine", "total"}
    terms = Objective(network, thin_vgg(), config.losses)(examples, 2)
    assert set(terms) == every - gone
    terms["total"].backward()  # type: ignore[no-untyped-call]
    assert all(weight.grad is not None for weight in network.parameters())


def test_without_separation_nothing_is_cut_out(examples: Examples) -> None:
    network = initialised(changed(PRESETS["tiny"], ABLATIONS["no_separation"]).network, 0)
    assert network.inpainter is None
    assert torch.equal(network.layers(examples.source, examples.source_alpha).person, examples.source)


def test_a_detached_volume_does_not_train_the_encoder_through_the_target(examples: Examples) -> None:
    network = initialised(PRESETS["tiny"].network, 0)
    gradients = []
    for detach in (False, True):
        network.zero_grad()
        losses = replace(PRESETS["tiny"].losses, detach_volume=detach)
        Objective(network, thin_vgg(), losses)(examples, 1)["warped_volume"].backward()
        gradient = network.features.lift.layers[0].weight.grad
        assert gradient is not None
        gradients.append(gradient.clone())
    assert not torch.allclose(*gradients)


def test_rates_and_phases_follow_the_schedule(pack: Pack) -> None:
    phase = PhaseConfig(steps=100, learning_rate=1e-4)
    assert [rate_at(phase, step) for step in (0, 49, 50, 99)] == pytest.approx([1e-4, 1e-4, 2e-5, 2e-5])
    source = PackedSource(pack, 1)
    trainer = Trainer(short(), thin_vgg(), CPU, source.statistics())
    seen = []
    while not trainer.finished:
        seen.append((trainer.phase, trainer.learning_rate))
        before = [weight.clone() for weight in trainer.network.refiner.parameters()]  # type: ignore[union-attr]
        trainer.step(source.batch(trainer.steps_done))
        after = list(trainer.network.refiner.parameters())  # type: ignore[union-attr]
        moved = any(not torch.equal(one, other) for one, other in zip(before, after, strict=True))
        assert moved == (seen[-1][0] == 2)
    assert seen == [(1, 1e-3), (1, 1e-3), (1, 2e-4), (2, 1e-3), (2, 1e-3), (2, 2e-4)]
    assert paper_steps(identities=400, pairs=5) == 800_000


def test_averaged_weights_follow_slowly(pack: Pack) -> None:
    source = PackedSource(pack, 1)
    trainer = Trainer(short({"training": {"ema_decay": 0.2}}), thin_vgg(), CPU)
    expected = trainer.network.decoder.out.weight.detach().clone()  # type: ignore[union-attr, operator]
    for number, decay in enumerate((1 / 10, 2 / 11, 0.2)):  # short at first, then as configured
        trainer.step(source.batch(number))
        expected = decay * expected + (1 - decay) * trainer.network.decoder.out.weight.detach()  # type: ignore[union-attr, operator]
    assert torch.allclose(trainer.averaged.decoder.out.weight, expected, atol=1e-7)  # type: ignore[arg-type]


def test_clipping_bounds_the_gradient_and_reports_it_before(pack: Pack) -> None:
    batch = PackedSource(pack, 1).batch(0)
    free = Trainer(short(), thin_vgg(), CPU)
    bound = Trainer(short({"training": {"clip_norm": 1.0}}), thin_vgg(), CPU)
    norms = [float(trainer.step(batch)["gradient"]) for trainer in (free, bound)]
    assert norms[0] == norms[1] > 1
    total = torch.stack([weight.grad.norm() for weight in bound.network.parameters() if weight.grad is not None]).norm()
    assert float(total) == pytest.approx(1.0, rel=1e-4)


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
def test_layout_and_precision_change_the_terms_a_little(pack: Pack, precision: torch.dtype) -> None:
    """Mixed precision is for CUDA; its casts are the same here."""
    source = PackedSource(pack, 1)
    plain = Trainer(short(first=0), thin_vgg(), CPU, source.statistics())
    other = Trainer(short({"training": {"channels_last": True}}, first=0), thin_vgg(), CPU, source.statistics())
    other._dtype = None if precision == torch.float32 else precision
    expected, terms = plain.step(source.batch(0)), other.step(source.batch(0))
    for name, value in expected.items():
        assert float(terms[name]) == pytest.approx(float(value), rel=1e-3 if precision == torch.float32 else 0.15), name
    assert all(weight.dtype == torch.float32 for weight in other.network.parameters())
    assert all(torch.isfinite(weight).all() for weight in other.network.parameters())


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
def test_cuda_trains_as_the_cpu_does(pack: Pack, precision: str) -> None:
    source = PackedSource(pack, 1)
    here = Trainer(short(first=0), thin_vgg(), CPU, source.statistics())
    there = Trainer(
        short({"training": {"precision": precision, "channels_last": True}}, first=0),
        thin_vgg(),
        torch.device("cuda"),
        source.statistics(),
    )
    for number in range(3):
        expected, total = (trainer.step(source.batch(number))["total"] for trainer in (here, there))
        assert float(total) == pytest.approx(float(expected), rel=0.02 if precision == "float32" else 0.15)


def test_the_loss_falls(pack: Pack) -> None:
    source = PackedSource(pack, 1)
    trainer = Trainer(short(first=16, second=12), thin_vgg(), CPU, source.statistics())
    totals = {1: [], 2: []}  # type: dict[int, list[float]]
    while not trainer.finished:
        totals[trainer.phase].append(float(trainer.step(source.batch(trainer.steps_done))["total"]))
    for phase, values in totals.items():
        assert np.mean(values[-3:]) < 0.9 * np.mean(values[:3]), (phase, values)


@pytest.mark.parametrize("stop", [2, 4, 6])
def test_interrupted_is_uninterrupted_bit_by_bit(tmp_path: Path, pack: Pack, vgg_file: Path, stop: int) -> None:
    """Killed one step after a checkpoint: inside phase 1, at the turn of the phases, and before the last step."""
    config = short()
    calm = loop_in(tmp_path / "calm", pack, vgg_file, config)
    assert calm.run()

    class KilledError(Exception):
        pass

    def kill(pulse: Pulse) -> None:
        if pulse.steps_done == stop:
            raise KilledError

    first = loop_in(tmp_path / "cut", pack, vgg_file, changed(config, {"training": {"checkpoint_minutes": 0.0}}))
    first.report = kill
    with pytest.raises(KilledError):
        first.run()
    pointer = read_pointer(Folder(tmp_path / "cut"), "training")
    assert pointer is not None and int(pointer["steps_done"]) == stop - 1  # saved after the step before
    second = loop_in(tmp_path / "cut", pack, vgg_file, config)
    assert second.run()
    for name, value in calm.trainer.network.state_dict().items():
        assert torch.equal(value, second.trainer.network.state_dict()[name]), name
    for name, value in calm.trainer.averaged.state_dict().items():
        assert torch.equal(value, second.trainer.averaged.state_dict()[name]), name
    curves = []
    for folder in ("calm", "cut"):
        lines = [json.loads(line) for line in (tmp_path / folder / "training" / LOG).read_text().splitlines()]
        curves.append([(line["step"], line["total"]) for line in lines if "total" in line])
    assert curves[0] == curves[1]
    assert [step for step, _ in curves[0]] == [1, 2, 3, 4, 5, 6]


def test_what_a_training_leaves(tmp_path: Path, pack: Pack, vgg_file: Path) -> None:
    loop = loop_in(tmp_path, pack, vgg_file, short({"training": {"validate_every": 4}}))
    loop.run()
    place = tmp_path / "training"
    left = sorted(str(path.relative_to(place)) for path in place.rglob("*") if path.is_file())
    assert left == [
        "_LATEST.json",
        "best.json",
        "best.pt",
        "checkpoint-00000006.pt",
        "curves.png",
        "log.jsonl",
        "samples/step-00000003.png",
        "samples/step-00000004.png",
        "samples/step-00000006.png",
        "weights.pt",
    ]
    # By its header: once another test has loaded decord, OpenCV reads no PNG any more (see pack.py).
    header = (place / "samples/step-00000006.png").read_bytes()[:24]
    assert header[1:4] == b"PNG" and struct.unpack(">II", header[16:]) == (6 * 64, 2 * 64)
    lines = [json.loads(line) for line in (place / LOG).read_text().splitlines()]
    validated = [line for line in lines if "perceptual" in line]
    assert [line["step"] for line in validated] == [3, 4, 6]
    best = json.loads((place / "best.json").read_text())
    assert best["scores"]["perceptual"] == pytest.approx(min(line["perceptual"] for line in validated), abs=1e-4)
    assert best["perceptual_network"] == "vgg16"
    assert best["people"] == ["ann", "bob", "cid"]
    network, config, facts = load_weights(place / FINAL, CPU)
    assert facts["steps_done"] == 6 and config == loop.trainer.config
    for name, value in loop.trainer.averaged.state_dict().items():
        assert torch.allclose(network.state_dict()[name], value, rtol=1e-3, atol=1e-6), name
    assert torch.equal(network.mapping.mean, loop.trainer.averaged.mapping.mean)
    assert (place / BEST).is_file()


def test_a_finished_training_is_not_trained_again(tmp_path: Path, pack: Pack, vgg_file: Path) -> None:
    loop_in(tmp_path, pack, vgg_file, short()).run()
    again = loop_in(tmp_path, pack, vgg_file, short())
    again.source = None  # type: ignore[assignment]
    assert again.run()


def test_time_that_is_up_ends_with_a_checkpoint(tmp_path: Path, pack: Pack, vgg_file: Path) -> None:
    assert not loop_in(tmp_path, pack, vgg_file, short()).run(minutes=0)
    pointer = read_pointer(Folder(tmp_path), "training")
    assert pointer is not None and int(pointer["steps_done"]) == 1


def test_another_configuration_does_not_go_on_from_a_checkpoint(tmp_path: Path, pack: Pack, vgg_file: Path) -> None:
    loop_in(tmp_path, pack, vgg_file, short()).run(minutes=0)
    loop_in(tmp_path, pack, vgg_file, short({"training": {"log_every": 3}})).run(minutes=0)  # changes no result
    with pytest.raises(OtherTrainingError, match=r"losses\.features: 100\.0, not 1\.0"):
        loop_in(tmp_path, pack, vgg_file, short({"losses": {"features": 1.0}})).run()


def test_a_damaged_checkpoint_is_refused(tmp_path: Path, pack: Pack, vgg_file: Path) -> None:
    loop_in(tmp_path, pack, vgg_file, short()).run(minutes=0)
    file = tmp_path / "training/checkpoint-00000001.pt"
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(ValueError, match="is damaged"):
        loop_in(tmp_path, pack, vgg_file, short()).run()


def test_copy_scores_are_those_of_the_source(pack: Pack) -> None:
    held_out = PackedSource(pack, 3, held_out=True, both_directions=False)
    batches = validation_batches(held_out, 5, 3)
    assert [len(batch.source) for batch in batches] == [3, 2]
    validation = Validation(batches, thin_vgg(), CPU)
    scores = validation.scores(initialised(short().network, 0), 1)
    expected = []
    for batch in batches:
        error = ((batch.source.astype(float) - batch.target) ** 2).mean(axis=(1, 2, 3))
        expected.append(float((10 * np.log10(255**2 / error)).mean()))
    assert scores["copy_psnr"] == pytest.approx(np.mean(expected), abs=1e-3)
    assert scores["copy_psnr_background"] > 60  # the painted background never moves
    assert np.isnan(psnr(torch.zeros(1, 3, 4, 4), torch.zeros(1, 3, 4, 4), torch.zeros(1, 1, 4, 4)))


BLOCKED = (
    "ray",
    "prefect",
    "pyarrow",
    "decord",
    "pydantic",
    "pandas",
    "platformdirs",
    "rich",
    "typer",
    "scipy",
    "boto3",
)
RUN = f"""
import sys
for name in {BLOCKED!r}:
    sys.modules[name] = None
from reenactory.models.flow3d.train_packed import main
sys.exit(main(sys.argv[1:]))
"""


def test_a_machine_with_torch_and_numpy_is_enough(tmp_path: Path, vgg_file: Path) -> None:
    write_pack(tmp_path / "pack", jpeg_quality=95)
    write_pack(tmp_path / "pack" / train_packed.SYNTHETIC, jpeg_quality=95)  # found without being named
    changes = {"phase_1": {"steps": 2}, "phase_2": {"steps": 2}, "validation_pairs": 1, "pairs": 1, "log_every": 1}
    settings = [f"--set=training.{name}={json.dumps(value)}" for name, value in changes.items()]
    command = [sys.executable, "-c", RUN, str(tmp_path / "pack"), "--out", str(tmp_path / "out"), "--preset", "tiny"]
    done = subprocess.run(
        [*command, "--vgg", str(vgg_file), "--device", "cpu", *settings],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env={**os.environ},
    )
    assert done.returncode == 0, done.stderr
    assert "step 4 of 4" in done.stderr
    network, _, facts = load_weights(tmp_path / "out/training/weights.pt", CPU)
    assert facts["steps_done"] == 4 and facts["synthetic_share"] == train_packed.SHARE
    assert all(torch.isfinite(value).all() for value in network.state_dict().values())


def test_a_training_can_begin_with_trained_weights(tmp_path: Path, pack: Pack, vgg_file: Path) -> None:
    loop_in(tmp_path, pack, vgg_file, short()).run(minutes=0)
    weights = tmp_path / "training/weights.pt"
    trainer = loop_in(tmp_path / "new", pack, vgg_file, short()).trainer
    train_packed.start_from(trainer, weights)
    trained, _, _ = load_weights(weights, CPU)
    for network in (trainer.network, trainer.averaged):
        assert all(torch.equal(value, trained.state_dict()[name]) for name, value in network.state_dict().items())
    other = Trainer(short({"network": {"hole_mask": False}}), thin_vgg(), CPU)
    with pytest.raises(ValueError, match="holds another network"):
        train_packed.start_from(other, weights)


GRADIENTS = """
import sys, torch
from reenactory.models.flow3d.trainer import average_gradients
rank = int(sys.argv[1])
torch.distributed.init_process_group("gloo", init_method=f"file://{sys.argv[2]}", rank=rank, world_size=2)
gradients = [torch.full((2, 3), float(rank)), torch.arange(4.0) * (rank + 1)]
average_gradients(gradients)
assert gradients[0].eq(0.5).all(), gradients
assert gradients[1].tolist() == [0.0, 1.5, 3.0, 4.5], gradients
torch.distributed.destroy_process_group()
"""


def test_processes_average_their_gradients(tmp_path: Path) -> None:
    commands = [[sys.executable, "-c", GRADIENTS, str(rank), str(tmp_path / "meeting")] for rank in range(2)]
    running = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for command in commands]
    for process in running:
        _, complaint = process.communicate(timeout=120)
        assert process.returncode == 0, complaint


def test_a_preset_of_another_side_than_the_pack_is_refused(tmp_path: Path, pack: Pack, vgg_file: Path) -> None:
    write_pack(tmp_path)
    with pytest.raises(SystemExit, match="frames of 64 px, preset small wants 128"):
        train_packed.main([str(tmp_path), "--out", str(tmp_path / "out"), "--vgg", str(vgg_file)])
    assert (np.array([5e-324]) * 1.0)[0] > 0  # numbers that small are still numbers in this process


def test_phase_0_teaches_the_flow_alone_and_the_refiner_waits(pack: Pack) -> None:
    changes = {
        "network": {"carry_pixels": True, "relative_motion": True},
        "losses": {"pixels": 1.0, "landmark_flow": 1.0},
    }
    config = short({**changes, "training": {"phase_0": {"steps": 2, "learning_rate": 1e-3, "warm_up": 2}}}, 1, 1)
    source = PackedSource(pack, 2, within_clips=True)
    trainer = Trainer(config, thin_vgg(), CPU, source.statistics())
    before = {name: weight.clone() for name, weight in trainer.network.named_parameters()}
    seen = []
    for number in range(4):
        terms = trainer.step(source.batch(number))
        seen.append((trainer.steps_done, set(terms) - {"total", "gradient"}))
        if number == 1:
            moved = {
                name.split(".")[0] for name, now in trainer.network.named_parameters() if (now != before[name]).any()
            }
            assert moved == {"mapping", "warping", "features", "projection"}
            state = trainer.state_dict()
            again = Trainer(config, thin_vgg(), CPU, source.statistics())
            again.load_state_dict(state)
            assert again.phase == 1
    assert seen[0][1] == seen[1][1] == {"landmark_flow", "landmark_shape", "pixels"}
    assert "perceptual_warp" in seen[2][1] and "perceptual_refine" not in seen[2][1]
    assert "perceptual_refine" in seen[3][1]
    assert trainer.finished
    with pytest.raises(ValueError, match=r"needs network\.carry_pixels"):
        plain = changed(config, {"network": {"carry_pixels": False}})
        Trainer(plain, thin_vgg(), CPU, source.statistics()).step(source.batch(0))


def test_light_changes_both_pictures_alike_and_nothing_else(examples: Examples) -> None:
    lit = jittered(examples, 0.3, (1, 2))
    assert torch.equal(lit.source, jittered(examples, 0.3, (1, 2)).source)
    assert not torch.equal(lit.source, jittered(examples, 0.3, (1, 3)).source)
    assert lit.target_alpha is examples.target_alpha and lit.target_window is examples.target_window
    inside = (lit.source < 0.99) & (examples.source > -0.9) & (lit.target < 0.99) & (examples.target > -0.9)
    factors = [
        ((made + 1) / (given + 1)) for made, given in ((lit.source, examples.source), (lit.target, examples.target))
    ]
    assert (factors[0] - factors[1])[inside].abs().max() < 1e-4
    assert (factors[0][inside] - 1).abs().max() > 0.01


def test_terms_with_passes_of_their_own_come_every_so_often_and_weigh_more(examples: Examples) -> None:
    config = PRESETS["tiny"]
    network, vgg = initialised(config.network, 1), thin_vgg()
    every = Objective(network, vgg, config.losses)(examples, 1)
    seldom = Objective(network, vgg, replace(config.losses, consistency_every=3))
    assert {"cyclic_warp", "features"} & set(seldom(examples, 1, step=4)) == set()
    now = seldom(examples, 1, step=6)
    for name in ("cyclic_warp", "features"):
        assert now[name].item() == pytest.approx(3 * every[name].item(), rel=1e-5)


def test_safetensors_hold_the_same_network(tmp_path: Path) -> None:
    config = short()
    network = initialised(config.network, 2)
    network.mapping.standardise(torch.full((73,), 100.03), torch.full((73,), 5.0))
    (tmp_path / "a.pt").write_bytes(weights_bytes(network, config, {"steps_done": 7}))
    assert export.main([str(tmp_path / "a.pt"), str(tmp_path / "b.safetensors")]) == 0
    one, config_1, facts_1 = load_weights(tmp_path / "a.pt", CPU)
    other, config_2, facts_2 = load_weights(tmp_path / "b.safetensors", CPU)
    assert (config_1, facts_1) == (config_2, facts_2) == (config, {"steps_done": 7})
    for name, value in one.state_dict().items():
        assert torch.equal(value, other.state_dict()[name]), name
    (tmp_path / "c.safetensors").write_bytes(b"not weights at all")
    with pytest.raises(ValueError, match="does not hold flow3d weights"):
        load_weights(tmp_path / "c.safetensors", CPU)


def test_time_left_is_of_the_phase_where_another_follows() -> None:
    trainer = Trainer(short(), thin_vgg(), CPU)
    ends = []
    for done in range(trainer.config.training.steps):
        trainer.steps_done = done
        ends.append(trainer.phase_ends)
    assert ends == [3, 3, 3, 6, 6, 6]
    assert Pulse(1, 6, 0.5, 2.0, 0.0, 60.0, True).line().endswith("waiting 0% | 1.0 min left in this phase")
    assert Pulse(5, 6, 0.5, 2.0, 0.0, 60.0, False).line().endswith("| 1.0 min left")
