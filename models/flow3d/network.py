"""The four stages as one module, and the way through them."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from reenactory.models.flow3d.composition import Composite, foreground, threshold_alpha
from reenactory.models.flow3d.config import NetworkConfig
from reenactory.models.flow3d.feature_decoder import FeatureDecoder
from reenactory.models.flow3d.features import FeatureEncoder
from reenactory.models.flow3d.mapping import Mapping
from reenactory.models.flow3d.transunet import TransUNet
from reenactory.models.flow3d.volume_warp import warp_volume
from reenactory.models.flow3d.warping import WarpingNetwork

SPREAD = 0.02  # deviation of the first weights


class Warped(NamedTuple):
    """Result of the 3D warping: picture (B, 3, S, S), its alpha (None where another part gives it), volume."""

    picture: Tensor
    alpha: Tensor | None
    volume: Tensor


class Face(NamedTuple):
    """A face that was made: picture (B, 3, S, S) in [-1, 1], alpha (B, 1, S, S) or None where it is matted again."""

    picture: Tensor
    alpha: Tensor | None


class Flow3d(nn.Module):
    """3DFlowRenderer. Pictures are RGB (B, 3, S, S) in [-1, 1], alphas (B, 1, S, S) in [0, 1], codes (B, style)."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        alpha = config.predicts_alpha
        self.mapping = Mapping(config)
        self.warping = WarpingNetwork(config)
        self.features = FeatureEncoder(config)
        self.decoder = FeatureDecoder(config, alpha and not config.refiner)
        self.refiner = TransUNet(config, 6, alpha) if config.refiner else None
        self.inpainter = TransUNet(config, 4 if config.hole_mask else 3) if config.separate_background else None

    def person(self, image: Tensor, alpha: Tensor) -> Tensor:
        """What goes through the warping: the person on black, or the whole picture without separation."""
        return foreground(image, alpha) if self.config.separate_background else image

    def warp(self, person: Tensor, code: Tensor, volume: Tensor | None = None) -> Warped:
        """The person moved. `volume`: its features, where they are known already."""
        volume = self.features(person) if volume is None else volume
        return self.decode(self.move(volume, self.warping(person, code)))

    def move(self, volume: Tensor, flow: Tensor) -> Tensor:
        """The volume (B, C, D, H, W) sampled along the flow, at the volume's own resolution."""
        if flow.shape[-2:] != volume.shape[-2:]:  # feature_spatial_stride 2: every other flow vector, half as long
            scale = flow.new_tensor([0.5, 0.5, 1.0]).reshape(1, 3, 1, 1, 1)
            flow = nn.functional.avg_pool3d(flow, (1, 2, 2)) * scale
        if self.config.flow_dim == 3:
            return warp_volume(volume, flow)
        return warp_volume(volume.flatten(1, 2), flow).reshape(volume.shape)

    def decode(self, volume: Tensor) -> Warped:
        """A volume drawn."""
        return Warped(*_planes(self.decoder(volume)), volume)

    def refine(self, person: Tensor, warped: Warped, code: Tensor) -> Face:
        """The second look at source and warped picture; without a refiner the warped picture itself."""
        if self.refiner is None:
            return Face(warped.picture, warped.alpha)
        return Face(*_planes(self.refiner(torch.cat([person, warped.picture], dim=1), code)))

    def alpha_of(self, face: Face) -> Tensor | None:
        """The alpha that the network itself gives a face; None where it has to be matted (`rvm_on_refined`)."""
        if self.config.alpha_source == "threshold":
            return threshold_alpha(face.picture)
        return face.alpha

    def inpaint(self, composite: Composite, code: Tensor) -> Tensor:
        """The composite without its hole, (B, 3, S, S)."""
        if self.inpainter is None:
            return composite.picture
        planes = [composite.picture, composite.hole] if self.config.hole_mask else [composite.picture]
        painted: Tensor = self.inpainter(torch.cat(planes, dim=1), code)
        return painted


def _planes(planes: Tensor) -> tuple[Tensor, Tensor | None]:
    return (planes, None) if planes.shape[1] == 3 else (planes[:, :3], planes[:, 3:])


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
    return network
