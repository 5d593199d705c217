"""The four stages as one module, and the way through them."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from reenactory.models.flow3d.carrying import GATE_START, Projection, carry, draw_over
from reenactory.models.flow3d.composition import Composite, Layers, cut_out, threshold_alpha, torn
from reenactory.models.flow3d.config import NetworkConfig
from reenactory.models.flow3d.feature_decoder import FeatureDecoder
from reenactory.models.flow3d.features import FeatureEncoder
from reenactory.models.flow3d.mapping import Mapping
from reenactory.models.flow3d.transunet import TransUNet
from reenactory.models.flow3d.volume_warp import warp_volume
from reenactory.models.flow3d.warping import WarpingNetwork

SPREAD = 0.02  # deviation of the first weights


class Warped(NamedTuple):
    """Result of the 3D warping: picture (B, 3, S, S), its alpha (None where another part gives it), volume.

    With `carry_pixels`, how much of each pixel is the source's own (B, 1, S, S), and the flow that carried it
    (B, 2, S/4, S/4) in voxels.
    """

    picture: Tensor
    alpha: Tensor | None
    volume: Tensor
    kept: Tensor | None = None
    flow: Tensor | None = None


class Face(NamedTuple):
    """A face that was made: picture (B, 3, S, S) in [-1, 1], alpha (B, 1, S, S) or None where it is matted again.

    `kept`: how much of each pixel the refiner left as the warping made it; None where it draws everything.
    """

    picture: Tensor
    alpha: Tensor | None
    kept: Tensor | None = None


class Painted(NamedTuple):
    """The picture without its hole (B, 3, S, S), and how much of the composite is left; None: everything is new."""

    picture: Tensor
    kept: Tensor | None = None


class Flow3d(nn.Module):
    """3DFlowRenderer. Pictures are RGB (B, 3, S, S) in [-1, 1], alphas (B, 1, S, S) in [0, 1], codes (B, style)."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        self.mapping = Mapping(config)
        self.warping = WarpingNetwork(config)
        self.features = FeatureEncoder(config)
        gate = int(config.carry_pixels)
        drawn = config.planes if gate or not config.refiner else 3
        self.decoder = FeatureDecoder(config, drawn + gate)
        self.refiner = TransUNet(config, 6, config.planes + gate) if config.refiner else None
        known = 4 if config.hole_mask else 3
        self.inpainter = TransUNet(config, known, 3 + gate) if config.separate_background else None
        self.projection = Projection(config) if config.carry_pixels else None

    def code(self, source: Tensor, target: Tensor) -> Tensor:
        """The motion code (B, style) from windows (B, 73, 27) of source and target.

        With `relative_motion` the source's is that of its frame standing still: a renderer knows no more of it.
        """
        code: Tensor = self.mapping(target)
        return code - self.mapping(still(source)) if self.config.relative_motion else code

    def layers(self, image: Tensor, alpha: Tensor) -> Layers:
        """A picture taken apart: its person goes through the warping. Without separation that is the whole picture."""
        layers = cut_out(image, alpha) if self.config.carry_pixels else torn(image, alpha)
        return layers if self.config.separate_background else layers._replace(person=image)

    def warp(self, source: Layers, code: Tensor, volume: Tensor | None = None) -> Warped:
        """The person, with their alpha, moved. `volume`: their features, where they are known already."""
        volume = self.features(source.person) if volume is None else volume
        return self.moved(source, volume, self.warping(source.person, code))

    def moved(self, source: Layers, volume: Tensor, flow: Tensor) -> Warped:
        """A volume moved and drawn; with `carry_pixels` over the person's own pixels, moved likewise."""
        volume = self.move(volume, flow)
        if self.projection is None:
            return self.decode(volume)
        planar = self.projection(volume, flow)
        base = torch.cat([source.person, source.alpha], dim=1)[:, : self.config.planes]
        drawn = draw_over(carry(base, planar), self.decoder(volume))
        return Warped(*_planes(drawn.planes), volume, drawn.kept, planar)

    def move(self, volume: Tensor, flow: Tensor) -> Tensor:
        """The volume (B, C, D, H, W) sampled along the flow, at the volume's own resolution."""
        if flow.shape[-2:] != volume.shape[-2:]:  # feature_spatial_stride 2: every other flow vector, half as long
            scale = flow.new_tensor([0.5, 0.5, 1.0]).reshape(1, 3, 1, 1, 1)
            flow = nn.functional.avg_pool3d(flow, (1, 2, 2)) * scale
        if self.config.flow_dim == 3:
            return warp_volume(volume, flow)
        return warp_volume(volume.flatten(1, 2), flow).reshape(volume.shape)

    def decode(self, volume: Tensor) -> Warped:
        """A volume drawn, without any pixels of the source."""
        planes = self.decoder(volume)
        return Warped(*_planes(planes[:, :-1] if self.config.carry_pixels else planes), volume)

    def refine(self, person: Tensor, warped: Warped, code: Tensor) -> Face:
        """The second look at source and warped picture; without a refiner the warped picture itself."""
        if self.refiner is None:
            return Face(warped.picture, warped.alpha)
        planes = self.refiner(torch.cat([person, warped.picture], dim=1), code)
        if not self.config.carry_pixels:
            return Face(*_planes(planes))
        base = warped.picture if warped.alpha is None else torch.cat([warped.picture, warped.alpha], dim=1)
        drawn = draw_over(base, planes)
        return Face(*_planes(drawn.planes), drawn.kept)

    def alpha_of(self, face: Face) -> Tensor | None:
        """The alpha that the network itself gives a face; None where it has to be matted (`rvm_on_refined`)."""
        if self.config.alpha_source == "threshold":
            return threshold_alpha(face.picture)
        return face.alpha

    def inpaint(self, composite: Composite, code: Tensor) -> Painted:
        """The composite without its hole."""
        if self.inpainter is None:
            return Painted(composite.picture)
        planes = [composite.picture, composite.hole] if self.config.hole_mask else [composite.picture]
        painted: Tensor = self.inpainter(torch.cat(planes, dim=1), code)
        if not self.config.carry_pixels:
            return Painted(painted)
        return Painted(*draw_over(composite.picture.clamp(-1, 1), painted))


def _planes(planes: Tensor) -> tuple[Tensor, Tensor | None]:
    return (planes, None) if planes.shape[1] == 3 else (planes[:, :3], planes[:, 3:])


def still(window: Tensor) -> Tensor:
    """A window (B, 73, 27) as if its middle frame did not move."""
    middle = window.shape[-1] // 2
    return window[..., middle : middle + 1].expand_as(window)


def initialised(config: NetworkConfig, seed: int) -> Flow3d:
    """A network with its first weights: N(0, 0.02), biases 0, norms 1 and 0; the flow is 0 everywhere.

    The same seed gives the same weights, whatever torch's own generator has done before.
    """
    with torch.random.fork_rng(devices=[]):
        network = Flow3d(config)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.InstanceNorm2d | nn.InstanceNorm3d | nn.GroupNorm):
                module.reset_parameters()
                continue
            for name, parameter in module.named_parameters(recurse=False):
                if name == "bias":
                    parameter.zero_()
                else:
                    parameter.normal_(0.0, SPREAD, generator=generator)
        network.warping.out.weight.zero_()  # type: ignore[operator]
        if network.warping.affine is not None:
            network.warping.affine.out.weight.zero_()
        if config.carry_pixels:
            for drawing in (network.decoder, network.refiner, network.inpainter):
                if drawing is not None:
                    drawing.out.bias[-1] = GATE_START  # type: ignore[operator]
    return network
