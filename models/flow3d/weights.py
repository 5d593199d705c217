"""Trained weights as a file: the averaged network in float16, with the configuration it belongs to."""

import io
from pathlib import Path

import torch

from reenactory.models.flow3d.config import Flow3dConfig, from_dict
from reenactory.models.flow3d.network import Flow3d

FORMAT = "reenactory flow3d 1"


def weights_bytes(network: Flow3d, config: Flow3dConfig, facts: dict[str, object]) -> bytes:
    """Args: facts: plain values that say where the weights come from (steps, perceptual network, scores)."""
    state = {name: value.detach().cpu().half() for name, value in network.named_parameters()}
    # The statistics of descriptors go through whole: tx and ty are near 100, where float16 has steps of 0.06.
    state |= {name: value.cpu() for name, value in network.named_buffers()}
    sink = io.BytesIO()
    torch.save({"format": FORMAT, "config": config.as_dict(), "facts": facts, "state": state}, sink)
    return sink.getvalue()


def load_weights(path: Path, device: torch.device) -> tuple[Flow3d, Flow3dConfig, dict[str, object]]:
    """Network ready to render (float32, no gradients), its configuration, and where it comes from.

    Raises:
        ValueError: another kind of file.
    """
    content = torch.load(path, map_location="cpu", weights_only=True)
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise ValueError(f"{path} does not hold flow3d weights: make them with `reenactory train --method flow3d`")
    config = from_dict(content["config"])
    network = Flow3d(config.network)
    network.load_state_dict({name: value.float() for name, value in content["state"].items()})
    return network.eval().requires_grad_(False).to(device), config, content["facts"]
