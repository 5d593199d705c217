"""Trained weights as a file: the averaged network in float16, with the configuration it belongs to.

A training writes torch's own format, since where it runs there may be torch and numpy alone. What is handed on is
safetensors, which nothing has to unpickle; both are read here.
"""

import io
import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from reenactory.models.flow3d.config import Flow3dConfig, from_dict
from reenactory.models.flow3d.network import Flow3d

FORMAT = "reenactory flow3d 1"
_ZIP = b"PK"  # torch's files begin so


def weights_bytes(network: Flow3d, config: Flow3dConfig, facts: dict[str, object]) -> bytes:
    """Args: facts: plain values that say where the weights come from (steps, perceptual network, scores)."""
    sink = io.BytesIO()
    content = {"format": FORMAT, "config": config.as_dict(), "facts": facts, "state": _half(network)}
    torch.save(content, sink)
    return sink.getvalue()


def safetensors_bytes(network: Flow3d, config: Flow3dConfig, facts: dict[str, object]) -> bytes:
    """The same as safetensors; configuration and facts are JSON in its header."""
    from safetensors.torch import save

    header = {"format": FORMAT, "config": json.dumps(config.as_dict()), "facts": json.dumps(facts)}
    return save({name: value.contiguous() for name, value in _half(network).items()}, header)


def load_weights(path: Path, device: torch.device) -> tuple[Flow3d, Flow3dConfig, dict[str, object]]:
    """Network ready to render (float32, no gradients), its configuration, and where it comes from.

    Raises:
        ValueError: another kind of file.
    """
    with path.open("rb") as opened:
        torch_file = opened.read(len(_ZIP)) == _ZIP
    content: dict[str, Any] | None
    content = torch.load(path, map_location="cpu", weights_only=True) if torch_file else _read_safetensors(path)
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise ValueError(f"{path} does not hold flow3d weights: make them with `reenactory train --method flow3d`")
    config = from_dict(content["config"])
    network = Flow3d(config.network)
    network.load_state_dict({name: value.float() for name, value in content["state"].items()})
    return network.eval().requires_grad_(False).to(device), config, content["facts"]


def _half(network: Flow3d) -> dict[str, Tensor]:
    state = {name: value.detach().cpu().half() for name, value in network.named_parameters()}
    # The statistics of descriptors go through whole: tx and ty are near 100, where float16 has steps of 0.06.
    return state | {name: value.cpu() for name, value in network.named_buffers()}


def _read_safetensors(path: Path) -> dict[str, Any] | None:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "pt") as opened:
            header = opened.metadata() or {}
            if header.get("format") != FORMAT:
                return None
            state = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
    except SafetensorError:
        return None
    parts = {name: json.loads(header[name]) for name in ("config", "facts")}
    return {"format": FORMAT, **parts, "state": state}
