"""Rendered people: how fast, what they look like, and what the open extractor makes of them.

    python benchmarks/synthetic_faces.py [--people 16] [--sheet OUT.png]

The extractor sees the frames alone; its coefficients are set against those that the frames were rendered with. Needs
the weights open_face_model and face_landmarker.
"""

import argparse
import time
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from reenactory.models.extractors.open import OpenExtractor
from reenactory.models.face_mesh.landmarker import FaceLandmarker
from reenactory.models.face_model.motion import PLACES
from reenactory.models.face_model.open_model import load_open_model
from reenactory.models.face_model.open_shape import EXPRESSION_UNITS
from reenactory.models.synthetic_faces.studio import PICTURE_PX, Studio
from reenactory.models.weights import locate

FRAMES = 32
SIDES = (64, 128, 256)
SHEET_PX, COLUMNS = 128, 8
POSE = ("pitch", "yaw", "roll", "x", "y", "z", "s", "tx", "ty")  # what follows the 64 numbers of expression
Rows = NDArray[np.float32]


def speed(studio: Studio) -> None:
    """Frames per second of this process's own time, which other programs do not touch."""
    studio.clip(0, FRAMES, SIDES[0])
    for side in SIDES:
        began = time.process_time()
        for number in range(4):
            studio.clip(number, FRAMES, side)
        print(f"{side} px: {4 * FRAMES / (time.process_time() - began):.0f} frames a second of one core")


def extracted(studio: Studio, people: int) -> tuple[list[Rows], list[Rows]]:
    """Descriptors as rendered and as found, one pair of (T, 73) per person, frames without a face left out."""
    landmarker = FaceLandmarker(locate("face_landmarker"), 0.5)
    extractor = OpenExtractor("cpu", 1, {"open_face_model": locate("open_face_model")})
    true: list[Rows] = []
    found: list[Rows] = []
    lost = 0
    for number in range(people):
        clip = studio.clip(number, FRAMES, PICTURE_PX)
        fit = extractor.fit(clip.frames, landmarker.detect(clip.frames))
        rows = np.concatenate([fit.exp, fit.angles, fit.trans, fit.crop], axis=1)
        seen = np.isfinite(rows).all(axis=1)
        lost += int((~seen).sum())
        true.append(clip.descriptors[seen])
        found.append(rows[seen])
    print(f"{people} people, {people * FRAMES} frames at {PICTURE_PX} px, {lost} without a face to the extractor")
    return true, found


def compare(true: list[Rows], found: list[Rows]) -> None:
    """Correlation within clips, and spread as rendered and as found."""
    names = [*EXPRESSION_UNITS, *[""] * (PLACES["exp"].stop - len(EXPRESSION_UNITS)), *POSE]
    one, other = (np.concatenate([rows - rows.mean(axis=0) for rows in part]) for part in (true, found))
    print(f"{'':20} within clips: r   rendered sd   found sd   mean difference")
    for column, name in enumerate(names):
        if not name or one[:, column].std() < 1e-3:
            continue
        spread = one[:, column].std(), other[:, column].std()
        r = np.corrcoef(one[:, column], other[:, column])[0, 1] if spread[1] else float("nan")
        offset = np.concatenate(found)[:, column].mean() - np.concatenate(true)[:, column].mean()
        print(f"{name:20} {r:15.2f} {spread[0]:13.3f} {spread[1]:10.3f} {offset:13.3f}")


def sheet(studio: Studio, people: int) -> NDArray[np.uint8]:
    """The middle frame of each person, eight in a row."""
    pictures = [studio.clip(number, FRAMES, SHEET_PX).frames[FRAMES // 2] for number in range(people)]
    pictures += [np.zeros_like(pictures[0])] * (-people % COLUMNS)
    rows = [np.concatenate(pictures[first : first + COLUMNS], axis=1) for first in range(0, len(pictures), COLUMNS)]
    return np.concatenate(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=16)
    parser.add_argument("--sheet", type=Path)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    studio = Studio(load_open_model(locate("open_face_model")))
    if chosen.sheet is not None:
        cv2.imwrite(str(chosen.sheet), sheet(studio, chosen.people)[..., ::-1])
    speed(studio)
    compare(*extracted(studio, chosen.people))


if __name__ == "__main__":
    main()
