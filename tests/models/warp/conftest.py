from collections.abc import Callable
from pathlib import Path

import pytest

from reenactory.models.face_model.open_model import load_open_model
from reenactory.models.warp.face import WarpFace


@pytest.fixture(scope="session")
def warp_face(weight: Callable[[str], Path]) -> WarpFace:
    return WarpFace.of(load_open_model(weight("open_face_model")))
