"""A stand-in for Deep3DFaceRecon's checkpoint, which nobody may hand out: same keys and shapes, random weights."""

from pathlib import Path

import torch

from reenactory.models.deep3d.network import ReconNet


def random_network() -> ReconNet:
    """Weights whose outputs are of the size of real coefficients and differ from picture to picture."""
    generator = torch.Generator().manual_seed(7)
    network = ReconNet()
    for name, value in network.state_dict().items():
        if name.endswith("running_mean"):
            value.copy_(torch.randn(value.shape, generator=generator) * 0.1)
        elif name.endswith("running_var"):
            value.copy_(torch.rand(value.shape, generator=generator) + 0.5)
        elif name.startswith("final_layers"):
            value.copy_(torch.randn(value.shape, generator=generator) * 0.02)
        elif value.ndim == 4:
            fan_in = value[0].numel()
            value.copy_(torch.randn(value.shape, generator=generator) * (1 / fan_in) ** 0.5)
    return network.eval()


def write_checkpoint(path: Path) -> Path:
    """A file as the official code saves it: the network beside other things."""
    optimiser = {"state": {}, "param_groups": [{"lr": 1e-4}]}
    torch.save({"net_recon": random_network().state_dict(), "opt_00": optimiser}, path)
    return path
