"""Shape of the open model: mean face, identity modes and expression units out of the MakeHuman assets.

Everything up to the last step is done in integers, and the last step one rounded operation at a time, so that the
same bytes come out on every machine.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from reenactory.models.face_model.head_mesh import WEIGHT_BITS, HeadMesh, cut_head
from reenactory.models.face_model.identity_modes import COEFFICIENT_BITS, IdentityModes, fields
from reenactory.models.face_model.makehuman import POSITION_STEP, POSITIONS_PER_DISPLACEMENT, MakeHumanAssets
from reenactory.models.face_model.model import EXPRESSION_COUNT

CLOSING = -246
"""How much of jawOpen is in the mean face, in units of 2^-13: random people's lips stand 0.25 mm open without it."""

EXPRESSION_UNITS = (
    *("", "browDownLeft", "browDownRight", "browInnerUp", "browOuterUpLeft", "browOuterUpRight", "cheekPuff"),
    *("cheekSquintLeft", "cheekSquintRight", "eyeBlinkLeft", "eyeBlinkRight", "eyeLookDownLeft", "eyeLookDownRight"),
    *("eyeLookInLeft", "eyeLookInRight", "eyeLookOutLeft", "eyeLookOutRight", "eyeLookUpLeft", "eyeLookUpRight"),
    *("eyeSquintLeft", "eyeSquintRight", "eyeWideLeft", "eyeWideRight", "jawForward", "jawLeft", "jawOpen", "jawRight"),
    *("mouthClose", "mouthDimpleLeft", "mouthDimpleRight", "mouthFrownLeft", "mouthFrownRight", "mouthFunnel"),
    *("mouthLeft", "mouthLowerDownLeft", "mouthLowerDownRight", "mouthPressLeft", "mouthPressRight", "mouthPucker"),
    *("mouthRight", "mouthRollLower", "mouthRollUpper", "mouthShrugLower", "mouthShrugUpper", "mouthSmileLeft"),
    *("mouthSmileRight", "mouthStretchLeft", "mouthStretchRight", "mouthUpperUpLeft", "mouthUpperUpRight"),
    *("noseSneerLeft", "noseSneerRight", "tongueOut"),
)
"""Component i is score i of the face landmarker (score 0 says neutral and moves nothing), then what it has no score
for."""


class OpenShape(NamedTuple):
    """In MakeHuman's decimetres: mean (V, 3), identity (80, V, 3), expression (64, V, 3), float64."""

    head: HeadMesh
    mean: NDArray[np.float64]
    identity: NDArray[np.float64]
    expression: NDArray[np.float64]


def open_shape(assets: MakeHumanAssets, modes: IdentityModes) -> OpenShape:
    """Sums the targets by the modes' weights."""
    mesh = assets.base_mesh()
    head = cut_head(mesh)
    basis = fields(assets, mesh, head, modes.targets)  # (K + 7, V, 3) int64
    identity = np.einsum("mk,kvc->mvc", modes.modes, basis)  # of integers: exact
    mean = (head.take(mesh.positions) << COEFFICIENT_BITS) + np.einsum("k,kvc->vc", modes.mean, basis)
    count = len(mesh.positions)
    expression = np.zeros((EXPRESSION_COUNT, *mean.shape), dtype=np.int64)
    for index, name in enumerate(EXPRESSION_UNITS):
        if name:
            expression[index] = head.take(POSITIONS_PER_DISPLACEMENT * assets.expression_unit(name, count))
    mean += CLOSING * expression[EXPRESSION_UNITS.index("jawOpen")]
    fine, coarse = 2.0 ** -(WEIGHT_BITS + COEFFICIENT_BITS), 2.0**-WEIGHT_BITS
    return OpenShape(
        head,
        mean * fine * POSITION_STEP,
        identity * fine * POSITION_STEP,
        expression * coarse * POSITION_STEP,
    )
