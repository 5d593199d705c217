"""The renderer: lost frames, a kept background, sources of another size, batches, parts of the motion, weights."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from painted_faces import painted, short

from reenactory.models.flow3d import animation
from reenactory.models.flow3d.animation import keep_background
from reenactory.models.flow3d.config import Flow3dConfig, changed
from reenactory.models.flow3d.descriptor import controlled
from reenactory.models.flow3d.network import initialised
from reenactory.models.flow3d.presets import ABLATIONS
from reenactory.models.flow3d.renderer import ExpressionRenderer, Flow3dRenderer, PoseRenderer
from reenactory.models.flow3d.weights import load_weights, weights_bytes
from reenactory.models.renderers.protocol import Driving, Face, Source


def save(folder: Path, config: Flow3dConfig) -> dict[str, str]:
    network = initialised(config.network, 4)
    torch.nn.init.normal_(network.warping.out.weight, 0, 0.1, torch.Generator().manual_seed(0))  # type: ignore[arg-type]
    network.mapping.standardise(torch.zeros(73), torch.full((73,), 5.0))
    path = folder / "weights.pt"
    path.write_bytes(weights_bytes(network, config, {"steps_done": 0}))
    return {"flow3d": str(path), "rvm_mobilenetv3": str(folder / "absent.onnx")}


def face(descriptors: np.ndarray) -> Face:
    mesh, landmarks = np.zeros((len(descriptors), 478, 3), np.float32), np.zeros((len(descriptors), 68, 2), np.float32)
    parts = np.split(descriptors, [64, 67, 70], axis=1)
    return Face((64, 64), mesh, np.full((len(descriptors), 80), np.nan, np.float32), *parts, landmarks)


def source_and_driving(side: int = 64, lost: int | None = None) -> tuple[Source, Driving]:
    frames, mattes, descriptors = painted(0)
    times = side // 64
    frame = np.repeat(np.repeat(frames[0], times, 0), times, 1)
    matte = np.repeat(np.repeat(mattes[0], times, 0), times, 1)
    source = Source(frame, matte, face(descriptors[:1]))
    _, _, driving = painted(1)
    if lost is not None:
        driving[lost] = np.nan
    return source, Driving(len(driving), face(driving), None)


@pytest.fixture
def weights(tmp_path: Path) -> dict[str, str]:
    return save(tmp_path, short())


def test_frames_are_those_of_the_protocol_and_lost_ones_are_nan(weights: dict[str, str]) -> None:
    renderer = Flow3dRenderer("cpu", weights)
    source, driving = source_and_driving(lost=5)
    frames = renderer.animate(renderer.prepare(source), driving)
    assert frames.shape == (12, 3, 64, 64) and frames.dtype == np.float32
    assert np.isnan(frames).all(axis=(1, 2, 3)).tolist() == [index == 5 for index in range(12)]
    rest = np.delete(frames, 5, axis=0)
    assert rest.min() >= 0 and rest.max() <= 1
    assert np.abs(rest[0] - rest[-1]).max() > 0.01  # the motion is seen


def test_a_larger_source_keeps_its_size_and_its_background_to_the_pixel(weights: dict[str, str]) -> None:
    renderer = Flow3dRenderer("cpu", weights)
    source, driving = source_and_driving(side=128)
    state = renderer.prepare(source)
    frames = renderer.animate(state, driving)
    assert frames.shape == (12, 3, 128, 128)
    picture = torch.full((1, 3, 128, 128), 0.5)
    alpha = torch.zeros(1, 1, 64, 64)
    alpha[..., 24:40, 24:40] = 1
    frame, nobody = state.picture.frame, torch.zeros(1, 1, 128, 128)
    far = torch.ones(128, 128, dtype=torch.bool)
    far[2 * 20 : 2 * 44, 2 * 20 : 2 * 44] = False
    kept = keep_background(picture, alpha, nobody, frame)
    assert torch.equal(kept[0, :, far], frame[0, :, far])
    assert torch.allclose(kept[0, :, 54:74, 54:74], torch.tensor(0.5), atol=1e-5)


def test_where_a_person_has_left_a_rim_goes_with_them_and_where_they_stay_it_stays() -> None:
    painted, frame = torch.full((1, 3, 128, 128), 0.5), torch.zeros(1, 3, 128, 128)
    matte = torch.zeros(1, 1, 128, 128)
    matte[..., 40:88, 40:88] = 1
    gone = keep_background(painted, torch.zeros_like(matte), matte, frame)[0, 0]
    assert gone[64, 40 - 2] > 0.15 and gone[64, 40 - 8] == 0
    stays = keep_background(painted, matte, matte, frame)[0, 0]
    assert stays[64, 41] == 0.5 and stays[64, 40 - 3] == 0
    half = torch.where(torch.arange(128) < 64, matte, 0.0)  # the right half of them is gone
    both = keep_background(painted, half, matte, frame)[0, 0]
    assert both[64, 40 - 3] == 0 and both[64, 88 + 1] > 0.15


def test_batches_change_nothing(weights: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    renderer = Flow3dRenderer("cpu", weights)
    source, driving = source_and_driving()
    state = renderer.prepare(source)
    made = []
    for size in (1, 5, 12):
        monkeypatch.setitem(animation.BATCH, "cpu", size)
        made.append(renderer.animate(state, driving))
    for other in made[1:]:
        assert np.abs(made[0] - other).max() < 2e-3


def test_only_a_part_of_the_motion_drives(weights: dict[str, str]) -> None:
    driving = np.arange(3 * 73, dtype=np.float32).reshape(3, 73)
    driving[1] = np.nan
    source = np.full((1, 73), -1, np.float32)
    expression, pose = controlled(driving, source, "expression"), controlled(driving, source, "pose")
    np.testing.assert_array_equal(expression[2, :64], driving[2, :64])
    assert (expression[2, 64:] == -1).all() and (pose[2, :64] == -1).all()
    np.testing.assert_array_equal(pose[2, 64:], driving[2, 64:])
    assert np.isnan(expression[1]).all() and np.isnan(pose[1]).all()
    assert controlled(driving, source, "all") is driving
    picture, clip = source_and_driving()  # this driver only moves: without its pose nothing is left
    still = ExpressionRenderer("cpu", weights)
    frames = still.animate(still.prepare(picture), clip)
    assert np.abs(frames - frames[:1]).max() < 1e-3
    moved = PoseRenderer("cpu", weights)
    assert np.abs(np.diff(moved.animate(moved.prepare(picture), clip), axis=0)).max() > 0.01


@pytest.mark.parametrize("name", ["no_separation", "no_refiner", "flow_2d"])
def test_ablations_render(tmp_path: Path, name: str) -> None:
    renderer = Flow3dRenderer("cpu", save(tmp_path, changed(short(), ABLATIONS[name])))
    source, driving = source_and_driving()
    assert np.isfinite(renderer.animate(renderer.prepare(source), driving)).all()


@pytest.mark.weights
def test_a_network_without_alpha_has_its_faces_matted(tmp_path: Path, weight: Callable[[str], Path]) -> None:
    config = short()
    config = replace(config, network=replace(config.network, alpha_source="rvm_on_refined"))
    given = save(tmp_path, config) | {"rvm_mobilenetv3": str(weight("rvm_mobilenetv3"))}
    renderer = Flow3dRenderer("cpu", given)
    source, driving = source_and_driving()
    state = renderer.prepare(source)
    first = renderer.animate(state, driving)
    assert np.isfinite(first).all()
    np.testing.assert_array_equal(first, renderer.animate(state, driving))  # no memory of the clip before


def test_what_is_missing_is_named(weights: dict[str, str], tmp_path: Path) -> None:
    renderer = Flow3dRenderer("cpu", weights)
    source, _ = source_and_driving()
    with pytest.raises(ValueError, match="needs the source's matte"):
        renderer.prepare(source._replace(alpha=None))
    with pytest.raises(ValueError, match="needs the driver's"):
        renderer.animate(renderer.prepare(source), Driving(3, None, None))
    torch.save({"format": "other"}, tmp_path / "other.pt")
    with pytest.raises(ValueError, match="does not hold flow3d weights: make them with `reenactory train"):
        load_weights(tmp_path / "other.pt", torch.device("cpu"))
