"""From a picture to a volume: 2D convolutions to a quarter of the side, then channels seen as channels x depth."""

from torch import Tensor, nn

from reenactory.models.flow3d.blocks import convolution, normed
from reenactory.models.flow3d.config import Norm

SHRINK = 4  # two halvings


class Lift(nn.Module):
    """(B, 3, S, S) to (B, C, D, S/4, S/4)."""

    def __init__(self, base: int, channels: int, depth: int, kind: Norm) -> None:
        super().__init__()
        self.shape = (channels, depth)
        self.layers = nn.Sequential(
            convolution(2, 3, base, 7),
            normed(2, base, 2 * base, kind),
            nn.AvgPool2d(2),
            normed(2, 2 * base, 4 * base, kind),
            nn.AvgPool2d(2),
            convolution(2, 4 * base, channels * depth, 1),
        )

    def forward(self, image: Tensor) -> Tensor:
        lifted: Tensor = self.layers(image).unflatten(1, self.shape)
        return lifted
