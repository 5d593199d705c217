"""Which device a run uses: decided once, here, and handed down."""

import shutil
import sys

from reenactory.tasks.errors import WrongUseError


def resolve_device(device: str) -> str:
    """'auto' becomes 'cuda' where every library can use one, else 'cpu'; says so when a GPU is left idle.

    Raises:
        WrongUseError: 'cuda' was asked for, and cannot be had.
    """
    if device == "cpu" or (device == "auto" and shutil.which("nvidia-smi") is None):
        return "cpu"
    missing = _missing_for_cuda()
    if not missing:
        return "cuda"
    if device == "cuda":
        raise WrongUseError(f"--device cuda: {missing}; --device cpu runs everywhere")
    sys.stderr.write(f"reenactory: a GPU is here but not used: {missing}\n")
    return "cpu"


def _missing_for_cuda() -> str:
    """What stands in the way, or an empty text. Imports both libraries: only where there is a driver."""
    import onnxruntime
    import torch

    if not torch.cuda.is_available():
        return "this torch sees no CUDA device (its CPU build is installed, or the driver does not fit)"
    if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
        return "onnxruntime is the CPU build; `pip install onnxruntime-gpu` in its place"
    return ""
