"""VGG features against a naive loop and the catalogue's file; perceptual and style distances by their formulas."""

import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from reenactory.models.perceptual.losses import gram, perceptual_distance, pyramid, style_distance
from reenactory.models.perceptual.vgg import BLOCKS, Layer, Vgg, VggFeatures
from reenactory.models.perceptual.weights import from_lpips, from_torchvision, load_half, save_half

WIDTHS = (64, 128, 256, 512, 512)


def random_layers(network: Vgg, seed: int = 0) -> list[Layer]:
    draw = torch.Generator().manual_seed(seed)
    layers, inputs = [], 3
    for width, count in zip(WIDTHS, BLOCKS[network], strict=True):
        for _ in range(count):
            kernel = torch.randn(width, inputs, 3, 3, generator=draw) * (2 / (9 * inputs)) ** 0.5
            layers.append((kernel, torch.randn(width, generator=draw) * 0.1))
            inputs = width
    return layers


@pytest.fixture(scope="module")
def features() -> VggFeatures:
    return VggFeatures("vgg16", random_layers("vgg16"))


def images(side: int = 32, seed: int = 0) -> torch.Tensor:
    return torch.rand(2, 3, side, side, generator=torch.Generator().manual_seed(seed)) * 2 - 1


@pytest.mark.parametrize("network", ["vgg16", "vgg19"])
def test_layers_are_the_first_of_each_block(network: Vgg) -> None:
    layers = random_layers(network)
    made = VggFeatures(network, layers)(images())
    mean, deviation = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    x = ((images() + 1) / 2 - mean.reshape(1, 3, 1, 1)) / deviation.reshape(1, 3, 1, 1)
    # Pool before these, keep these: written out by hand from the two architectures.
    pools, keeps = {"vgg16": ((2, 4, 7, 10), (0, 2, 4, 7, 10)), "vgg19": ((2, 4, 8, 12), (0, 2, 4, 8, 12))}[network]
    kept = []
    for index, (kernel, bias) in enumerate(layers):
        if index in pools:
            x = F.max_pool2d(x, 2, 2)
        x = F.conv2d(x, kernel, bias, padding=1).clamp(min=0)
        if index in keeps:
            kept.append(x)
    assert [tuple(layer.shape[1:]) for layer in made] == [
        (64, 32, 32),
        (128, 16, 16),
        (256, 8, 8),
        (512, 4, 4),
        (512, 2, 2),
    ]
    for one, other in zip(made, kept, strict=True):
        assert torch.allclose(one, other, atol=1e-4)


def test_distances_follow_their_formulas(features: VggFeatures) -> None:
    one, other = pyramid(features, images(64, 1)), pyramid(features, images(64, 2))
    assert len(one) == 3  # 64, 32, 16: a picture of 8 pixels has nothing left at relu5_1
    pairs = [(a, b) for x, y in zip(one, other, strict=True) for a, b in zip(x, y, strict=True)]
    expected = sum(np.abs(a.numpy() - b.numpy()).mean() for a, b in pairs)
    assert float(perceptual_distance(one, other)) == pytest.approx(expected, rel=1e-5)
    assert perceptual_distance(one, one) == 0
    styles = 0.0
    for a, b in zip(one[0], other[0], strict=True):
        grams = [np.einsum("bchw,bdhw->bcd", x.numpy(), x.numpy()) / x[0].numel() for x in (a, b)]
        styles += float(np.abs(grams[0] - grams[1]).mean())
    assert float(style_distance(one[0], other[0])) == pytest.approx(styles, rel=1e-4)
    assert style_distance(one[0], one[0]) == 0


def test_gradient_reaches_the_picture_and_no_weight(features: VggFeatures) -> None:
    made = images(32, 1).requires_grad_()
    perceptual_distance(pyramid(features, made), pyramid(features, images(32, 2))).backward()
    assert made.grad is not None and made.grad.abs().sum() > 0
    assert all(weight.grad is None for weight in features.parameters())


def test_gram_does_not_overflow_in_half_precision() -> None:
    assert torch.isfinite(gram(torch.full((1, 2, 64, 64), 200.0, dtype=torch.float16))).all()


def test_small_pictures_and_other_networks_are_refused(features: VggFeatures) -> None:
    with pytest.raises(ValueError, match="need 16 pixels a side"):
        features(torch.zeros(1, 3, 15, 40))
    with pytest.raises(ValueError, match="not the convolutions of vgg19"):
        VggFeatures("vgg19", random_layers("vgg16"))


def test_files_give_the_same_network(features: VggFeatures, tmp_path: Path) -> None:
    trunk = {
        f"Conv_{index}": {"kernel": layer.weight.permute(2, 3, 1, 0).numpy(), "bias": layer.bias.numpy()}
        for index, layer in enumerate(features.convolutions)
    }
    (tmp_path / "vgg16.ckpt").write_bytes(pickle.dumps({"VGG16_0": trunk}))
    read = from_lpips(tmp_path / "vgg16.ckpt")
    assert all(torch.equal(a, b) for a, b in zip(read(images()), features(images()), strict=True))
    save_half(features, tmp_path / "half.npz")
    half = load_half(tmp_path / "half.npz")
    assert half.network == "vgg16"
    for a, b in zip(half(images()), features(images()), strict=True):
        assert (a - b).abs().mean() < 0.01 * b.abs().mean()


def test_torchvision_names_are_read_in_their_order(tmp_path: Path) -> None:
    layers = random_layers("vgg19")
    places = (0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28)
    state: dict[str, torch.Tensor] = {}
    for place, (kernel, bias) in reversed(list(zip(places, layers, strict=True))):
        state |= {f"features.{place}.weight": kernel, f"features.{place}.bias": bias}
    state |= {"features.30.weight": torch.zeros(512, 512, 3, 3), "classifier.0.weight": torch.zeros(2, 2)}
    torch.save(state, tmp_path / "vgg19.pth")
    read = from_torchvision(tmp_path / "vgg19.pth")
    assert all(torch.equal(layer.weight, kernel) for layer, (kernel, _) in zip(read.convolutions, layers, strict=True))


@pytest.mark.weights
def test_the_catalogues_vgg_sees_a_blur(weight: Callable[[str], Path]) -> None:
    features = from_lpips(weight("lpips_vgg16"))
    checks = (torch.arange(64)[:, None] // 4 + torch.arange(64)[None] // 4) % 2 * 2.0 - 1
    picture = checks.expand(1, 3, 64, 64)
    blurred = [picture] + [F.avg_pool2d(picture, size, 1, size // 2) for size in (3, 5, 7)]
    true = pyramid(features, picture)
    distances = [float(perceptual_distance(pyramid(features, made), true)) for made in blurred]
    assert distances[0] == 0
    assert distances == sorted(distances)
    assert distances[-1] > 1
