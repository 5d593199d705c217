"""VGG weights from the files that carry them, and as half-precision arrays to take along."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch

from reenactory.models.perceptual.vgg import BLOCKS, Layer, Vgg, VggFeatures


def from_lpips(path: Path) -> VggFeatures:
    """VGG-16 of the LPIPS file of the catalogue (`lpips_vgg16`): kernels there are (3, 3, I, O)."""
    from reenactory.models.metrics.lpips import load_arrays

    with path.open("rb") as stream:
        trunk = load_arrays(stream)["VGG16_0"]
    layers = []
    for index in range(sum(BLOCKS["vgg16"])):
        values = trunk[f"Conv_{index}"]
        layers.append((torch.tensor(values["kernel"]).permute(3, 2, 0, 1), torch.tensor(values["bias"])))
    return VggFeatures("vgg16", layers)


def from_torchvision(path: Path) -> VggFeatures:
    """VGG-19 of the file that torchvision publishes (`vgg19-dcbb9e9d.pth`), which the user brings."""
    state: Mapping[str, torch.Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    kernels = [name for name in state if name.startswith("features.") and name.endswith(".weight")]
    kernels.sort(key=lambda name: int(name.split(".")[1]))
    chosen = kernels[: sum(BLOCKS["vgg19"])]
    return VggFeatures("vgg19", [(state[name], state[name.removesuffix("weight") + "bias"]) for name in chosen])


def save_half(features: VggFeatures, path: Path) -> None:
    """Arrays in float16: 20 MB, a third of the file they come from; features change by less than 1 %."""
    arrays: dict[str, np.ndarray] = {"network": np.array(features.network)}
    for index, layer in enumerate(features.convolutions):
        for name in ("weight", "bias"):
            arrays[f"{name}_{index}"] = getattr(layer, name).detach().numpy().astype(np.float16)
    np.savez(path, **arrays)  # type: ignore[arg-type]


def load_half(path: Path) -> VggFeatures:
    """What `save_half` wrote; needs numpy and torch only."""
    with np.load(path, allow_pickle=False) as arrays:
        network: Vgg = "vgg19" if str(arrays["network"]) == "vgg19" else "vgg16"
        layers: list[Layer] = [
            (torch.tensor(arrays[f"weight_{index}"]).float(), torch.tensor(arrays[f"bias_{index}"]).float())
            for index in range(sum(BLOCKS[network]))
        ]
    return VggFeatures(network, layers)
