"""Checkpoints: written beside each other, pointed to last, so that a kill at any moment leaves one that is whole."""

import hashlib
import io
import json
from dataclasses import fields, replace
from typing import Protocol

import torch

from reenactory.models.flow3d.config import Flow3dConfig, OtherTrainingError, TrainingConfig, from_dict
from reenactory.models.flow3d.trainer import Trainer

POINTER = "_LATEST.json"
# Of the machine or of what is reported: the same training goes on when these change.
FREE = ("threads", "log_every", "checkpoint_minutes", "validate_every", "validation_pairs", "strip_rows")


class Outbox(Protocol):
    """Where a training leaves its files: named objects that appear whole or not at all. The house's stores are such."""

    def put(self, path: str, data: bytes) -> None: ...

    def get(self, path: str) -> bytes: ...

    def exists(self, path: str) -> bool: ...

    def delete(self, path: str) -> None: ...


def save_checkpoint(outbox: Outbox, folder: str, trainer: Trainer) -> None:
    """Write the state, then the pointer to it, then remove the one before."""
    before = read_pointer(outbox, folder)
    sink = io.BytesIO()
    torch.save(trainer.state_dict(), sink)
    data = sink.getvalue()
    name = f"checkpoint-{trainer.steps_done:08d}.pt"
    outbox.put(f"{folder}/{name}", data)
    pointer = {"file": name, "steps_done": trainer.steps_done, "sha256": hashlib.sha256(data).hexdigest()}
    outbox.put(f"{folder}/{POINTER}", json.dumps(pointer, indent=1).encode())
    if before is not None and before["file"] != name:
        outbox.delete(f"{folder}/{before['file']}")


def resume(outbox: Outbox, folder: str, trainer: Trainer) -> bool:
    """Load the latest checkpoint, if there is one.

    Raises:
        OtherTrainingError: it belongs to another configuration, which the message names key by key.
        ValueError: the file does not have the digest that the pointer gives.
    """
    pointer = read_pointer(outbox, folder)
    if pointer is None:
        return False
    data = outbox.get(f"{folder}/{pointer['file']}")
    if hashlib.sha256(data).hexdigest() != pointer["sha256"]:
        raise ValueError(f"{folder}/{pointer['file']} is damaged: its sha256 is not that of {POINTER}")
    state = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    theirs = from_dict(state["config"])
    if changes := differences(theirs, trainer.config):
        raise OtherTrainingError(
            f"{folder} holds a training of another configuration ({'; '.join(changes)}); give this one another name"
        )
    trainer.load_state_dict(state)
    return True


def read_pointer(outbox: Outbox, folder: str) -> dict[str, str] | None:
    """What `_LATEST.json` says; None before the first checkpoint."""
    path = f"{folder}/{POINTER}"
    pointer: dict[str, str] | None = json.loads(outbox.get(path)) if outbox.exists(path) else None
    return pointer


def differences(one: Flow3dConfig, other: Flow3dConfig) -> list[str]:
    """Keys in which two trainings differ, as `section.key: one, not other`; those that change no result left out."""
    found = []
    for section in fields(one):
        mine, theirs = (_decisive(getattr(config, section.name)) for config in (one, other))
        found += [
            f"{section.name}.{item.name}: {getattr(mine, item.name)}, not {getattr(theirs, item.name)}"
            for item in fields(mine)  # type: ignore[arg-type]
            if getattr(mine, item.name) != getattr(theirs, item.name)
        ]
    return found


def _decisive(section: object) -> object:
    if not isinstance(section, TrainingConfig):
        return section
    default = TrainingConfig()
    return replace(section, **{name: getattr(default, name) for name in FREE})
