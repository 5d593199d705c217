"""The regressor of Deep3DFaceRecon and its official checkpoint (methods B.1)."""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from reenactory.models.deep3d.resnet import FEATURES, ResNet50
from reenactory.models.face_model.conventions import FRAME_PX
from reenactory.models.weight_files import WeightError

HEADS = (80, 64, 80, 3, 27, 2, 1)  # identity, expression, texture, angles, light, (tx, ty), tz: 257 in all
CHECKPOINT_KEY = "net_recon"
_SHOWN = 4  # keys of a wrong checkpoint that an error lists


class CheckpointError(WeightError):
    """A file that is not a checkpoint of this network. The message says what is missing and what is too much."""


class ReconNet(nn.Module):
    """Aligned pictures (B, 3, 224, 224) RGB in [0, 1], not standardised, to coefficients (B, 257)."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = ResNet50()
        self.final_layers = nn.ModuleList(nn.Conv2d(FEATURES, width, 1) for width in HEADS)
        for layer in self.final_layers:
            for parameter in layer.parameters():
                nn.init.zeros_(parameter)  # training starts at the mean face

    def forward(self, pictures: Tensor) -> Tensor:
        if pictures.ndim != 4 or pictures.shape[1:] != (3, FRAME_PX, FRAME_PX):
            raise ValueError(f"pictures: expected (B, 3, {FRAME_PX}, {FRAME_PX}), got {tuple(pictures.shape)}")
        features = self.backbone(pictures)
        return torch.cat([layer(features) for layer in self.final_layers], dim=1).flatten(1)


def load_network(path: Path, device: torch.device) -> ReconNet:
    """The network with the weights of an official checkpoint (`epoch_20.pth`), ready to read faces.

    Nothing but tensors is unpickled. What else the file holds (the optimiser's state) is not looked at.

    Raises:
        CheckpointError: not such a checkpoint; the message lists missing, surplus and misshapen entries.
    """
    network = ReconNet()
    state = _state_of(path)
    wanted = network.state_dict()
    problems = _differences(wanted, state)
    if problems:
        raise CheckpointError(f"{path}: not a checkpoint of Deep3DFaceRecon's ResNet-50: {'; '.join(problems)}")
    network.load_state_dict(state, strict=True)
    return network.eval().requires_grad_(False).to(device)


def _state_of(path: Path) -> dict[str, Tensor]:
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except OSError:
        raise
    except Exception as error:  # bytes that are no pickle fail in any way: IndexError, KeyError, struct.error ...
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise CheckpointError(f"{path}: cannot be read as a file of tensors: {reason[:200]}") from error
    if not isinstance(content, Mapping) or not isinstance(content.get(CHECKPOINT_KEY), Mapping):
        found = ", ".join(map(str, list(content)[:_SHOWN])) if isinstance(content, Mapping) else type(content).__name__
        raise CheckpointError(f"{path}: expected a dict with the key {CHECKPOINT_KEY!r}, got {found or 'nothing'}")
    return dict(content[CHECKPOINT_KEY])


def _differences(wanted: Mapping[str, Tensor], state: Mapping[str, Tensor]) -> list[str]:
    misshapen = [
        f"{name} is {_shape(state[name])}, not {_shape(wanted[name])}"
        for name in wanted
        if name in state and _shape(state[name]) != _shape(wanted[name])
    ]
    kinds = {
        "missing": [name for name in wanted if name not in state],
        "unexpected": [str(name) for name in state if name not in wanted],
        "of another shape": misshapen,
    }
    return [
        f"{len(names)} {kind} ({', '.join(names[:_SHOWN])}{', ...' if len(names) > _SHOWN else ''})"
        for kind, names in kinds.items()
        if names
    ]


def _shape(value: object) -> tuple[int, ...] | str:
    return tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__
