"""The regressor: the official checkpoint's names and shapes, its arithmetic, and what a wrong file is answered with."""

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from reenactory.models.deep3d.network import CheckpointError, ReconNet, load_network

CPU = torch.device("cpu")
BLOCKS = (3, 4, 6, 3)
HEADS = (80, 64, 80, 3, 27, 2, 1)


def official_shapes() -> dict[str, tuple[int, ...]]:
    """Every entry of `net_recon` in the published checkpoint, spelled out without the network's own code."""
    shapes: dict[str, tuple[int, ...]] = {"backbone.conv1.weight": (64, 3, 7, 7)}
    norms = {"backbone.bn1": 64}
    channels = 64
    for stage, blocks in enumerate(BLOCKS):
        width = 64 * 2**stage
        for block in range(blocks):
            name = f"backbone.layer{stage + 1}.{block}"
            shapes[f"{name}.conv1.weight"] = (width, channels, 1, 1)
            shapes[f"{name}.conv2.weight"] = (width, width, 3, 3)
            shapes[f"{name}.conv3.weight"] = (4 * width, width, 1, 1)
            norms |= {f"{name}.bn1": width, f"{name}.bn2": width, f"{name}.bn3": 4 * width}
            if block == 0:
                shapes[f"{name}.downsample.0.weight"] = (4 * width, channels, 1, 1)
                norms[f"{name}.downsample.1"] = 4 * width
            channels = 4 * width
    for name, width in norms.items():
        shapes |= {f"{name}.{part}": (width,) for part in ("weight", "bias", "running_mean", "running_var")}
        shapes[f"{name}.num_batches_tracked"] = ()
    for head, width in enumerate(HEADS):
        shapes |= {f"final_layers.{head}.weight": (width, 2048, 1, 1), f"final_layers.{head}.bias": (width,)}
    return shapes


def by_hand(state: dict[str, Tensor], pictures: Tensor) -> Tensor:
    """The network in float64, from the entries of the checkpoint alone."""
    values = {name: value.double() for name, value in state.items()}

    def norm(x: Tensor, name: str) -> Tensor:
        mean, variance, weight, bias = (
            values[f"{name}.{part}"].view(1, -1, 1, 1) for part in ("running_mean", "running_var", "weight", "bias")
        )
        return (x - mean) / torch.sqrt(variance + 1e-5) * weight + bias

    x = functional.conv2d(pictures.double(), values["backbone.conv1.weight"], stride=2, padding=3)
    x = functional.max_pool2d(norm(x, "backbone.bn1").clamp(min=0), 3, 2, 1)
    for stage, blocks in enumerate(BLOCKS):
        for block in range(blocks):
            name, stride = f"backbone.layer{stage + 1}.{block}", 2 if stage > 0 and block == 0 else 1
            y = norm(functional.conv2d(x, values[f"{name}.conv1.weight"]), f"{name}.bn1").clamp(min=0)
            y = functional.conv2d(y, values[f"{name}.conv2.weight"], stride=stride, padding=1)
            y = norm(y, f"{name}.bn2").clamp(min=0)
            y = norm(functional.conv2d(y, values[f"{name}.conv3.weight"]), f"{name}.bn3")
            if block == 0:
                x = norm(
                    functional.conv2d(x, values[f"{name}.downsample.0.weight"], stride=stride), f"{name}.downsample.1"
                )
            x = (x + y).clamp(min=0)
    pooled = x.mean(dim=(2, 3))
    heads = [
        pooled @ values[f"final_layers.{head}.weight"][:, :, 0, 0].T + values[f"final_layers.{head}.bias"]
        for head in range(len(HEADS))
    ]
    return torch.cat(heads, dim=1)


def test_names_and_shapes_are_those_of_the_official_checkpoint() -> None:
    mine = {name: tuple(value.shape) for name, value in ReconNet().state_dict().items()}
    assert mine == official_shapes()


def test_parameters_are_counted() -> None:
    network = ReconNet()
    count = {name: sum(p.numel() for p in part.parameters()) for name, part in network.named_children()}
    assert count == {"backbone": 23_508_032, "final_layers": 2048 * 257 + 257}


def test_untrained_heads_give_the_mean_face() -> None:
    with torch.inference_mode():
        assert not ReconNet().eval()(torch.rand(1, 3, 224, 224)).any()


def test_the_arithmetic(deep3d_checkpoint: Path) -> None:
    network = load_network(deep3d_checkpoint, CPU)
    pictures = torch.rand(2, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        got, expected = network(pictures), by_hand(network.state_dict(), pictures)
    assert got.shape == (2, 257)
    assert got.std() > 0.05
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-5)


def test_a_loaded_network_is_for_reading_only(deep3d_checkpoint: Path) -> None:
    network = load_network(deep3d_checkpoint, CPU)
    assert not network.training
    assert not any(parameter.requires_grad for parameter in network.parameters())


def test_missing_surplus_and_misshapen_entries_are_listed(tmp_path: Path) -> None:
    state = ReconNet().state_dict()
    del state["backbone.layer2.0.conv1.weight"]
    state["backbone.fc.weight"] = torch.zeros(2)
    state["final_layers.1.weight"] = torch.zeros(79, 2048, 1, 1)
    torch.save({"net_recon": state}, tmp_path / "other.pth")
    with pytest.raises(CheckpointError) as caught:
        load_network(tmp_path / "other.pth", CPU)
    message = str(caught.value)
    assert "1 missing (backbone.layer2.0.conv1.weight)" in message
    assert "1 unexpected (backbone.fc.weight)" in message
    assert "final_layers.1.weight is (79, 2048, 1, 1), not (64, 2048, 1, 1)" in message


class Rude:
    def __reduce__(self) -> tuple[object, ...]:
        return (Path.touch, (Path("run-by-a-pickle"),))


@pytest.mark.parametrize("content", ["text", "empty", "word", "noise", "cut off", "pickle", "list", "other dict"])
def test_a_file_of_another_kind_is_refused_and_never_executed(
    content: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "file.pth"
    match content:
        case "text":
            path.write_text("not a checkpoint")
        case "empty":
            path.write_bytes(b"")
        case "word":
            path.write_text("bad\n")
        case "noise":
            path.write_bytes(np.random.default_rng(0).bytes(5000))
        case "cut off":
            torch.save({"net_recon": {"a": torch.zeros(1000)}}, path)
            path.write_bytes(path.read_bytes()[:2000])
        case "pickle":
            path.write_bytes(pickle.dumps({"net_recon": Rude()}, protocol=2))
        case "list":
            torch.save([torch.zeros(1)], path)
        case "other dict":
            torch.save({"state_dict": {}}, path)
    with pytest.raises(CheckpointError, match=r"file\.pth: "):
        load_network(path, CPU)
    assert not (tmp_path / "run-by-a-pickle").exists()


def test_a_picture_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match=r"expected \(B, 3, 224, 224\), got \(1, 3, 256, 256\)"):
        ReconNet()(torch.zeros(1, 3, 256, 256))
