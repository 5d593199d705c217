"""The 3D feature encoder: what of the source is moved."""

from torch import Tensor, nn
from torch.nn import functional as F

from reenactory.models.flow3d.blocks import Activation, activate, convolution, norm
from reenactory.models.flow3d.config import NetworkConfig, Norm
from reenactory.models.flow3d.lift import Lift


class ConvDown3d(nn.Module):
    """Two 3D convolutions in series and the input added. Depth stays; the picture too, unless `stride` is 2."""

    def __init__(self, channels: int, kind: Norm, stride: int = 1) -> None:
        super().__init__()
        self.stride = stride
        self.layers = nn.Sequential(
            convolution(3, channels, channels),
            norm(3, channels, kind),
            Activation(),
            convolution(3, channels, channels),
            norm(3, channels, kind),
        )

    def forward(self, x: Tensor) -> Tensor:
        x = activate(self.layers(x) + x)
        return x if self.stride == 1 else F.avg_pool3d(x, (1, self.stride, self.stride))


class FeatureEncoder(nn.Module):
    """(B, 3, S, S) in [-1, 1] to the feature volume (B, C, D, S/4, S/4)."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.lift = Lift(config.feature_base, config.volume_channels, config.volume_depth, config.norm)
        last = config.feature_blocks - 1
        self.blocks = nn.Sequential(
            *(
                ConvDown3d(config.volume_channels, config.norm, config.feature_spatial_stride if index == last else 1)
                for index in range(config.feature_blocks)
            )
        )

    def forward(self, image: Tensor) -> Tensor:
        volume: Tensor = self.blocks(self.lift(image))
        return volume
