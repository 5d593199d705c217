"""The network: sizes and parameter counts of the design, zero flow, independence of the batch, gradients, seeds."""

from dataclasses import replace
from typing import Literal

import pytest
import torch
from torch import Tensor, nn

from reenactory.models.flow3d.composition import BLACK, HOLE, compose, cut_out, threshold_alpha, torn
from reenactory.models.flow3d.config import Flow3dConfig, NetworkConfig, changed, from_dict
from reenactory.models.flow3d.network import Flow3d, initialised
from reenactory.models.flow3d.presets import ABLATIONS, PRESETS, preset
from reenactory.models.flow3d.volume_warp import identity_grid, warp_volume
from reenactory.models.flow3d.weights import weights_bytes

TINY = PRESETS["tiny"].network
CONFIGS = {
    "tiny": TINY,
    "matted again": replace(TINY, alpha_source="rvm_on_refined"),
    "raw descriptors, one frame": replace(TINY, standardise=False, window_radius=0),
    "each channel by itself": replace(TINY, norm="instance"),
    "code in the encoder": replace(TINY, adain_site="encoder", hole_mask=False),
    "coarser volume": replace(TINY, feature_spatial_stride=2, adain_site="both"),
    "head on the decoder": replace(TINY, refiner=False),
    "pixels carried": replace(TINY, carry_pixels=True, relative_motion=True),
    "affine motion": replace(TINY, affine_motion=True, relative_motion=True),
    "affine motion of a picture": replace(TINY, affine_motion=True, flow_dim=2),
    "pixels carried, matted again": replace(TINY, carry_pixels=True, alpha_source="rvm_on_refined"),
    "pixels carried along a 2D flow": replace(TINY, carry_pixels=True, flow_dim=2, refiner=False),
    **{name: changed(PRESETS["tiny"], change).network for name, change in ABLATIONS.items()},
}


def count(module: nn.Module | None) -> int:
    return sum(parameter.numel() for parameter in module.parameters()) if module is not None else 0


def example(config: NetworkConfig, batch: int = 2, seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    """Pictures, alphas, windows."""
    draw = torch.Generator().manual_seed(seed)
    side = config.image_px
    image = torch.rand(batch, 3, side, side, generator=draw) * 2 - 1
    alpha = (torch.rand(batch, 1, side, side, generator=draw) * 1.2).clamp(max=1)
    return image, alpha, torch.randn(batch, 73, 27, generator=draw)


def through(network: Flow3d, image: Tensor, alpha: Tensor, window: Tensor) -> Tensor:
    """All stages; where the face is to be matted again, with the source's matte."""
    code = network.code(window.roll(1, 0), window)
    source = network.layers(image, alpha)
    face = network.refine(source.person, network.warp(source, code), code)
    if not network.config.separate_background:
        return face.picture
    made = network.alpha_of(face)
    return network.inpaint(compose(face.picture, alpha if made is None else made, source), code).picture


def woken(network: Flow3d) -> Flow3d:
    """With a flow that is not 0, so that something moves."""
    nn.init.normal_(network.warping.out.weight, 0, 0.2, torch.Generator().manual_seed(0))  # type: ignore[arg-type]
    return network


def test_parameters_of_the_paper_preset_by_block() -> None:
    with torch.device("meta"):
        network = Flow3d(PRESETS["paper"].network)
    millions = {
        "mapping": (network.mapping, 0.72),
        "warping": (network.warping, 9.78),
        "features": (network.features, 0.68),
        "decoder": (network.decoder, 8.71),
        "refiner": (network.refiner, 20.68),
        "inpainter": (network.inpainter, 20.68),
    }
    for name, (module, expected) in millions.items():
        assert round(count(module) / 1e6, 2) == expected, name
    assert count(network.mapping) == 721_664
    assert round(count(network) / 1e6, 1) == 61.3


def test_small_weights_fit_into_twenty_megabytes_as_float16() -> None:
    config = PRESETS["small"]
    assert len(weights_bytes(Flow3d(config.network), config, {})) < 20e6


@pytest.mark.parametrize("name", ["paper", "small", "tiny"])
def test_shapes_on_the_way(name: str) -> None:
    config = PRESETS[name].network
    with torch.device("meta"):
        network = Flow3d(config)
        image = torch.zeros(2, 3, config.image_px, config.image_px)
        window = torch.zeros(2, 73, 27)
    side = config.image_px // 4
    volume = (2, config.volume_channels, config.volume_depth, side, side)
    code = network.mapping(window)
    assert code.shape == (2, 256)
    assert network.features(image).shape == volume
    assert network.warping.lift(image).shape == volume
    assert network.warping(image, code).shape == (2, 3, *volume[2:])
    assert network.decoder(network.features(image)).shape == image.shape
    assert network.refiner is not None
    planes = 4 if config.alpha_source == "head" else 3
    assert network.refiner(torch.cat([image, image], 1), code).shape == (2, planes, *image.shape[2:])
    assert network.inpainter is not None
    assert network.inpainter(torch.cat([image, image[:, :1]], 1), code).shape == image.shape


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_gradient_reaches_every_parameter(config: NetworkConfig) -> None:
    network = woken(initialised(config, 0))
    image, alpha, window = example(config)
    painted = through(network, image, alpha, window)
    assert painted.shape == image.shape
    assert painted.abs().max() <= 1
    painted.square().sum().backward()
    silent = [name for name, weight in network.named_parameters() if weight.grad is None or not weight.grad.abs().sum()]
    # A norm that follows takes out whatever a bias adds, and a head whose alpha is not used gets nothing.
    unheard = [name for name in silent if not name.endswith("bias")]
    assert unheard == []
    assert all(weight.grad is not None for weight in network.parameters())


@pytest.mark.parametrize("shape", [(5, 3, 4, 6, 8), (2, 6, 16, 16), (1, 2, 1, 4, 4)])
def test_zero_flow_is_the_identity(shape: tuple[int, ...]) -> None:
    volume = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    flow = torch.zeros(shape[0], len(shape) - 2, *shape[2:])
    assert (warp_volume(volume, flow) - volume).abs().max() < 5e-5


def test_a_fresh_network_moves_nothing() -> None:
    network = initialised(TINY, 3)
    image, alpha, window = example(TINY)
    source = network.layers(image, alpha)
    volume = network.features(source.person)
    assert (network.warp(source, network.mapping(window)).volume - volume).abs().max() < 5e-5


@pytest.mark.parametrize(("axis", "order"), [(2, 2), (3, 1), (4, 0)], ids=["z", "y", "x"])
def test_flow_is_counted_in_voxels_and_backward(axis: int, order: int) -> None:
    volume = torch.randn(1, 2, 4, 6, 8, generator=torch.Generator().manual_seed(2))
    flow = torch.zeros(1, 3, 4, 6, 8)
    flow[:, order] = 1.0  # each voxel is taken from its successor
    last = volume.shape[axis] - 1
    expected = volume.index_select(axis, torch.arange(1, last + 2).clamp(max=last))
    assert torch.allclose(warp_volume(volume, flow), expected, atol=1e-5)


@pytest.mark.parametrize("dims", [2, 3])
def test_an_affine_motion_is_in_voxels_about_the_middle(dims: Literal[2, 3]) -> None:
    config = replace(TINY, affine_motion=True, flow_dim=dims)
    network = initialised(config, 0)
    affine = network.warping.affine
    assert affine is not None
    image, alpha, window = example(config)
    person, code = network.layers(image, alpha).person, network.mapping(window)
    assert network.warping(person, code).abs().max() < 1e-6
    with torch.no_grad():
        matrix = torch.zeros(dims, dims + 1)
        matrix[0, 0], matrix[1, -1] = 0.5, 0.25  # x grows by half of itself, y by a quarter of half a side
        affine.out.bias.copy_(matrix.flatten() / affine.GAIN)
    flow = network.warping(person, code)
    side = flow.shape[-1]
    expected = torch.linspace(-1, 1, side) * side / 2 * 0.5
    assert torch.allclose(flow[:, 0], expected.expand_as(flow[:, 0]), atol=1e-4)
    assert torch.allclose(flow[:, 1], torch.tensor(0.25 * side / 2), atol=1e-4)


def test_grid_of_one_voxel_is_its_middle() -> None:
    assert identity_grid(torch.Size([1, 1]), torch.device("cpu")).abs().max() == 0


def test_a_flow_of_other_sides_is_refused() -> None:
    with pytest.raises(ValueError, match="needs a flow of its sides"):
        warp_volume(torch.zeros(1, 2, 4, 6, 8), torch.zeros(1, 3, 4, 6, 6))


@pytest.mark.parametrize("config", [TINY, CONFIGS["flow_2d"]], ids=["3d", "2d"])
def test_a_picture_does_not_depend_on_its_batch(config: NetworkConfig) -> None:
    network = woken(initialised(config, 1)).double()
    inputs = tuple(part.double() for part in example(config, 3))
    with torch.inference_mode():
        together = through(network, *inputs)
        alone = torch.cat([through(network, *(part[index : index + 1] for part in inputs)) for index in range(3)])
    assert (together - alone).abs().max() < 1e-9


def test_first_weights_come_from_the_seed_alone() -> None:
    first = initialised(TINY, 7).state_dict()
    torch.rand(100)
    again, other = initialised(TINY, 7).state_dict(), initialised(TINY, 8).state_dict()
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["decoder.out.weight"], other["decoder.out.weight"])
    before = torch.random.get_rng_state()
    initialised(TINY, 7)
    assert torch.equal(before, torch.random.get_rng_state())


def test_mixed_precision_stays_near() -> None:
    """bfloat16 keeps 8 bits; on noise through twenty norms the error of a bit grows to a few percent."""
    network = woken(initialised(TINY, 1))
    image, alpha, window = example(TINY)

    def parts() -> tuple[Tensor, Tensor, Tensor]:
        person, code = network.layers(image, alpha).person, network.mapping(window)
        volume = network.features(person)
        return network.warping(person, code), volume, network.decode(volume).picture

    with torch.inference_mode():
        exact = parts()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            rough = parts()
            moved = network.move(rough[1], rough[0])
    assert moved.dtype == torch.float32
    for one, other in zip(exact, rough, strict=True):
        assert (one - other.float()).abs().mean() < 0.06 * one.abs().mean()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_cuda_equals_cpu() -> None:
    network = woken(initialised(TINY, 1))
    inputs = example(TINY)
    torch.backends.cudnn.allow_tf32 = False
    with torch.inference_mode():
        here = through(network, *inputs)
        there = through(network.cuda(), *(part.cuda() for part in inputs)).cpu()
    assert (here - there).abs().max() < 1e-3


def test_one_frame_windows_ignore_the_neighbours() -> None:
    network = initialised(replace(TINY, window_radius=0), 0)
    _, _, window = example(TINY)
    still = window[..., 13:14].expand(-1, -1, 27)
    assert torch.equal(network.mapping(window), network.mapping(still))
    whole = initialised(TINY, 0)
    assert not torch.allclose(whole.mapping(window), whole.mapping(still))


def test_standardised_descriptors_keep_numbers_that_never_change() -> None:
    mapping = initialised(TINY, 0).mapping
    mapping.standardise(torch.full((73,), 3.0), torch.tensor([0.0] * 12 + [2.0] * 61))
    assert mapping.deviation[:12].eq(1).all() and mapping.deviation[12:].eq(2).all()
    assert torch.isfinite(mapping(torch.full((1, 73, 27), 3.0))).all()


def test_a_window_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match=r"\(B, 73, 27\), got \(1, 73, 25\)"):
        initialised(TINY, 0).mapping(torch.zeros(1, 73, 25))


def test_person_and_background_make_the_picture_again() -> None:
    image, alpha, _ = example(TINY)
    hard = (alpha > 0.5).float()
    layers = torn(image, hard)
    assert layers.person[hard.expand_as(layers.person) == 0].eq(BLACK).all()
    assert layers.behind[hard.expand_as(layers.behind) == 1].eq(HOLE).all()
    composite = compose(layers.person, hard, layers)
    assert torch.allclose(composite.picture, image, atol=1e-6)
    assert composite.hole.sum() == 0


def test_a_soft_edge_is_laid_over_without_a_seam() -> None:
    """A target that stands where the source stood: a t + (1 - a) background, to the last bit of the formula."""
    image, alpha, _ = example(TINY)
    empty = torn(image, torch.zeros_like(alpha))
    composite = compose(torn(image, alpha).person, alpha, empty)
    assert torch.allclose(composite.picture, image, atol=1e-5)


def test_the_hole_is_where_only_the_source_was() -> None:
    source = torch.tensor([[[[1.0, 1.0], [0.0, 0.0]]]])
    face = torch.tensor([[[[1.0, 0.0], [1.0, 0.0]]]])
    composite = compose(torch.full((1, 3, 2, 2), -1.0), face, torn(torch.zeros(1, 3, 2, 2), source))
    assert composite.hole.tolist() == [[[[0.0, 1.0], [0.0, 0.0]]]]


def test_a_person_who_is_cut_out_leaves_no_hole_and_takes_no_background_along() -> None:
    """White, soft at the edges, before blue: what they leave is blue, and no blue goes along."""
    alpha = torch.zeros(1, 1, 32, 32)
    alpha[..., 10:22, 10:22] = 1
    alpha = nn.functional.avg_pool2d(alpha, 3, 1, 1)
    blue = torch.tensor([-1.0, -1.0, 1.0]).reshape(1, 3, 1, 1).expand(1, 3, 32, 32)
    layers = cut_out(alpha * torch.ones(1, 3, 32, 32) + (1 - alpha) * blue, alpha)
    assert (layers.behind - blue).abs().max() < 1e-3
    assert (layers.person - (2 * alpha - 1)).abs().max() < 1e-3
    assert layers.unknown[0, 0, 16, 16] == 1 and layers.unknown[0, 0, 1, 1] == 0
    assert (compose(layers.person, alpha, layers).picture - alpha - (1 - alpha) * blue).abs().max() < 1e-3


def test_black_is_no_face() -> None:
    face = torch.full((1, 3, 2, 2), -1.0)
    face[0, 1, 0, 0] = 0.2
    assert threshold_alpha(face).tolist() == [[[[1.0, 0.0], [0.0, 0.0]]]]


def test_configuration_round_trip_and_faults() -> None:
    for config in PRESETS.values():
        assert from_dict(config.as_dict()) == config  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="network has no 'colour'"):
        changed(Flow3dConfig(), {"network": {"colour": 1}})
    with pytest.raises(ValueError, match="no section 'net'"):
        changed(Flow3dConfig(), {"net": {}})
    with pytest.raises(ValueError, match="no preset 'huge'"):
        preset("huge")
    with pytest.raises(ValueError, match="not a multiple of 32"):
        replace(PRESETS["paper"].network, image_px=200)
    with pytest.raises(ValueError, match="cannot be halved"):
        replace(TINY, volume_depth=2)
