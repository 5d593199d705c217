"""What a synthetic person does: speech, moods, blinks, gaze, and the way of the head. Curves in seconds, made once.

Units are the open model's, in the landmarker's order (see face_model.open_shape). Amplitudes were set by eye so that
renders look like talking people; the pace of syllables, blinks and saccades is the ordinary one of speech.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from reenactory.models.face_model.model import EXPRESSION_COUNT
from reenactory.models.face_model.open_shape import EXPRESSION_UNITS
from reenactory.models.synthetic_faces.noise import Floats, over_time, smoothstep

Pattern = Mapping[str, float]  # units by name; a name without Left or Right moves both sides where there are two

_VISEMES: tuple[Pattern, ...] = (
    {"jawOpen": 0.6, "mouthLowerDown": 0.3, "mouthUpperUp": 0.15},  # a
    {"jawOpen": 0.3, "mouthLowerDown": 0.35, "mouthUpperUp": 0.2, "mouthStretch": 0.2},  # e
    {"jawOpen": 0.12, "mouthStretch": 0.35, "mouthSmile": 0.25, "mouthLowerDown": 0.35, "mouthDimple": 0.2},  # i
    {"jawOpen": 0.38, "mouthFunnel": 0.5, "mouthPucker": 0.2},  # o
    {"jawOpen": 0.12, "mouthPucker": 0.75, "mouthFunnel": 0.3},  # u
    {"mouthPress": 0.45, "mouthRollLower": 0.3, "mouthRollUpper": 0.25},  # m, b, p
    {"jawOpen": 0.08, "mouthRollLower": 0.5, "mouthUpperUp": 0.25},  # f, v
    {"jawOpen": 0.1, "mouthFunnel": 0.45, "mouthUpperUp": 0.2, "mouthLowerDown": 0.3},  # sh
    {"jawOpen": 0.22, "mouthLowerDown": 0.25, "mouthShrugUpper": 0.15, "tongueOut": 0.12},  # l, th
)
_MOODS: tuple[Pattern, ...] = (
    {"mouthSmile": 0.8, "cheekSquint": 0.5, "eyeSquint": 0.35, "mouthDimple": 0.2, "mouthUpperUp": 0.2},
    {"mouthSmile": 0.45, "browInnerUp": 0.3, "browOuterUp": 0.3},
    {"mouthFrown": 0.6, "browDown": 0.5, "mouthShrugLower": 0.4},
    {"browInnerUp": 0.8, "browOuterUp": 0.7, "eyeWide": 0.6, "jawOpen": 0.2},
    {"noseSneer": 0.6, "mouthUpperUp": 0.35, "browDown": 0.6, "eyeSquint": 0.4},
    {"browInnerUp": 0.7, "mouthFrown": 0.5, "mouthPucker": 0.2},
    {"mouthSmileLeft": 0.7, "mouthDimpleLeft": 0.4, "browOuterUpRight": 0.5},
    {"mouthSmileRight": 0.7, "mouthDimpleRight": 0.4, "browOuterUpLeft": 0.5},
    {"mouthPucker": 0.6, "cheekPuff": 0.5},
    {"mouthLeft": 0.6, "jawLeft": 0.4},
    {"mouthRight": 0.6, "jawRight": 0.4},
)
_SYLLABLE_S = (0.12, 0.3)
_SYLLABLE_WIDTH_S = (0.05, 0.09)
_SILENT = 0.2  # share of clips without speech
_BLINKS_PER_S = 0.4  # more than usual: a clip lasts little more than a second
_CLOSE_S, _OPEN_S = 0.08, 0.16
_SACCADES_PER_S = 1.5
_GAZE = 0.35  # standard deviation of the units of the gaze
_POSE_RAD = np.radians((6.0, 12.0, 5.0))  # standard deviation of a clip's mean pitch, yaw, roll
_SWAY_RAD = np.radians((3.5, 6.0, 3.0))  # and of the movement within one, times a liveliness around 1
_SWAY_UNITS = (0.05, 0.03, 0.08)  # of the neck
_WIDEST_RAD = np.radians((28.0, 48.0, 25.0))


class Performance(NamedTuple):
    """Expression (T, 64) in [0, 1]; angles (T, 3) pitch, yaw, roll in radians; sway (T, 3), the neck's way, units."""

    expression: Floats
    angles: Floats
    sway: Floats


def perform(draw: np.random.Generator, frames: int, fps: float) -> Performance:
    """A performance of so many frames.

    Args:
        draw: of this clip alone.
    """
    seconds = np.arange(frames) / fps
    units = _speech(draw, seconds) + _mood(draw, seconds) + _brows(draw, seconds)
    units *= 1 + 0.12 * over_time(draw, seconds, EXPRESSION_COUNT, 0.1, 0.5)  # faces are not quite symmetric
    units += _gaze(draw, seconds)
    closed = _blinks(draw, seconds)
    lids = [EXPRESSION_UNITS.index(f"eyeBlink{side}") for side in ("Left", "Right")]
    wide = [EXPRESSION_UNITS.index(f"eyeWide{side}") for side in ("Left", "Right")]
    units[:, lids] += closed[:, None]
    units[:, wide] *= 1 - closed[:, None]
    liveliness = draw.lognormal(0.0, 0.5)
    mean = draw.normal(size=3) * _POSE_RAD
    angles = mean + liveliness * _SWAY_RAD * over_time(draw, seconds, 3, 0.15, 1.1)
    # Far poses are bent back smoothly: a clipped curve would stand still at the edge.
    angles = _WIDEST_RAD * np.tanh(angles / _WIDEST_RAD)
    sway = liveliness * np.array(_SWAY_UNITS) * over_time(draw, seconds, 3, 0.1, 0.8)
    return Performance(units.clip(0, 1), angles, sway)


def _pattern(units: Pattern) -> Floats:
    """(64,)."""
    vector = np.zeros(EXPRESSION_COUNT)
    for name, value in units.items():
        both = [f"{name}{side}" for side in ("Left", "Right")]
        for unit in both if both[0] in EXPRESSION_UNITS and name not in EXPRESSION_UNITS else [name]:
            vector[EXPRESSION_UNITS.index(unit)] = value
    return vector


def _speech(draw: np.random.Generator, seconds: Floats) -> Floats:
    """(T, 64): a bump for each syllable, in phrases with pauses."""
    if draw.random() < _SILENT:
        return np.zeros((len(seconds), EXPRESSION_COUNT))
    loudness = draw.uniform(0.6, 1.3)
    units = np.zeros((len(seconds), EXPRESSION_COUNT))
    time = -0.4
    while time < seconds[-1] + 0.4:
        viseme = _pattern(_VISEMES[draw.integers(len(_VISEMES))]) * draw.uniform(0.5, 1.2) * loudness
        width = draw.uniform(*_SYLLABLE_WIDTH_S)
        units += np.exp(-0.5 * ((seconds - time) / width) ** 2)[:, None] * viseme
        time += draw.uniform(*_SYLLABLE_S) + (draw.uniform(0.3, 0.7) if draw.random() < 0.06 else 0.0)
    return units


def _mood(draw: np.random.Generator, seconds: Floats) -> Floats:
    """(T, 64): one or two moods that come and go."""
    chosen = draw.choice(len(_MOODS), 2, replace=False)
    strength = (draw.uniform(0.2, 1.1), draw.uniform(0.2, 1.1) * (draw.random() < 0.5))
    levels = smoothstep(over_time(draw, seconds, 2, 0.15, 0.6), -0.7, 1.2) * np.array(strength)
    return np.asarray(levels @ np.stack([_pattern(_MOODS[index]) for index in chosen]))


def _brows(draw: np.random.Generator, seconds: Floats) -> Floats:
    """(T, 64): brows that go with the words."""
    raised, drawn = (0.35 * smoothstep(curve, 0.2, 1.8) for curve in over_time(draw, seconds, 2, 0.3, 1.2).T)
    up = _pattern({"browInnerUp": 1.0, "browOuterUp": 0.8, "eyeWide": 0.2})
    return np.asarray(np.outer(raised, up) + np.outer(drawn, _pattern({"browDown": 1.0, "eyeSquint": 0.4})))


def _blinks(draw: np.random.Generator, seconds: Floats) -> Floats:
    """(T,): how far the lids are closed; quick to close, slower to open."""
    closed = np.zeros(len(seconds))
    time = -draw.exponential(1 / _BLINKS_PER_S)
    while time < seconds[-1]:
        held = draw.uniform(0.0, 0.06) if draw.random() < 0.9 else draw.uniform(0.2, 0.8)
        bump = smoothstep(seconds, time, time + _CLOSE_S) * smoothstep(
            seconds, time + _CLOSE_S + held + _OPEN_S, time + _CLOSE_S + held
        )
        closed = np.maximum(closed, bump * draw.uniform(0.75, 1.0))
        time += _CLOSE_S + held + _OPEN_S + draw.exponential(1 / _BLINKS_PER_S)
    return closed


def _gaze(draw: np.random.Generator, seconds: Floats) -> Floats:
    """(T, 64): both eyes look to one place after another."""
    side, height = draw.normal(scale=_GAZE, size=2)
    looks = np.tile([side, height], (len(seconds), 1))
    time = draw.exponential(1 / _SACCADES_PER_S)
    while time < seconds[-1]:
        target = draw.normal(scale=_GAZE, size=2)
        looks += smoothstep(seconds, time, time + 0.06)[:, None] * (target - looks)
        time += 0.15 + draw.exponential(1 / _SACCADES_PER_S)
    left, right = (looks[:, 0].clip(0, 1), (-looks[:, 0]).clip(0, 1))  # of the person
    up, down = (looks[:, 1].clip(0, 1), (-looks[:, 1]).clip(0, 1))
    units = np.outer(left, _pattern({"eyeLookOutLeft": 1.0, "eyeLookInRight": 1.0}))
    units += np.outer(right, _pattern({"eyeLookOutRight": 1.0, "eyeLookInLeft": 1.0}))
    return np.asarray(
        units + np.outer(up, _pattern({"eyeLookUp": 1.0})) + np.outer(down, _pattern({"eyeLookDown": 1.0}))
    )
