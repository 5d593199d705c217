"""Trained weights, to be handed on: torch's format in, safetensors out.

python -m reenactory.models.flow3d.export runs/NAME/training/best.pt demonstration.safetensors
"""

import argparse
import sys
from pathlib import Path

import torch

from reenactory.models.flow3d.weights import load_weights, safetensors_bytes


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", type=Path)
    parser.add_argument("out", type=Path)
    chosen = parser.parse_args(arguments)
    chosen.out.write_bytes(safetensors_bytes(*load_weights(chosen.weights, torch.device("cpu"))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
