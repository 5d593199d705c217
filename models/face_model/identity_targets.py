"""Which MakeHuman targets make an identity, and how random people are drawn with them."""

import re
from collections.abc import Sequence
from itertools import product

import numpy as np
from numpy.typing import NDArray

from reenactory.models.face_model.makehuman import MakeHumanAssets

FOLDERS = ("head", "nose", "mouth", "eyes", "chin", "cheek", "ears", "forehead", "eyebrows", "asym", "macrodetails")
RACES, GENDERS, AGES = ("african", "asian", "caucasian"), ("female", "male"), ("child", "young", "old")
MUSCLES, WEIGHTS = ("minmuscle", "averagemuscle", "maxmuscle"), ("minweight", "averageweight", "maxweight")

SLIDER_SD = 0.22
"""Standard deviation of a two-sided slider, whose ends at -1 and 1 are MakeHuman's own limits."""
SIDE_SD = 0.04  # by which the left and right slider of one person differ
ASYMMETRY_SD = 0.06
HEAD_SHAPE_SD = 0.1  # of the one-sided head shapes (oval, square, ...)
CHILD_SHARE = 0.08

_OPPOSITES = (
    *(("decr", "incr"), ("in", "out"), ("down", "up"), ("backward", "forward"), ("concave", "convex")),
    *(("compress", "uncompress"),),
)
# Elves' ears; babies; targets of other parts of the body that stand in the same folder.
_UNWANTED = re.compile(r"ear-shape-pointed|-baby|asymm-|averagemuscle-averageweight")


def target_names(assets: MakeHumanAssets) -> list[str]:
    """The identity targets that are used, in a fixed order."""
    return [name for folder in FOLDERS for name in assets.identity_target_names(folder) if not _UNWANTED.search(name)]


def draw_people(names: Sequence[str], count: int, seed: int) -> NDArray[np.float64]:
    """Random people as weights of the targets.

    Sliders are normal and cut at MakeHuman's limits, the two sides of a face move together, gender, race and age mix
    freely. Every person is followed by his mirror image, so that the mean face is symmetric.

    Returns:
        (2 count, len(names)) float64 in [0, 1].
    """
    random = np.random.default_rng(seed)
    column = {name: index for index, name in enumerate(names)}
    people = np.zeros((count, len(names)))
    drawn: dict[str, NDArray[np.float64]] = {}
    for name in names:
        if name.startswith("macrodetails/"):
            continue
        for low, high in _OPPOSITES:
            if name.endswith(f"-{low}") and name.removesuffix(low) + high in column:
                value = _slider(random, name.removesuffix(low), count, drawn)
                people[:, column[name]] = np.clip(-value, 0, 1)
                people[:, column[name.removesuffix(low) + high]] = np.clip(value, 0, 1)
                break
        else:
            if not any(name.endswith(f"-{high}") for _, high in _OPPOSITES):
                people[:, column[name]] = _one_sided(random, name, count)
    for name, weight in _macro_weights(random, count).items():
        if name in column:
            people[:, column[name]] = weight
    return np.concatenate([people, people[:, [column[mirrored(name)] for name in names]]])


def mirrored(name: str) -> str:
    """The target that does on the other side of the face what this one does."""
    if "/asym-" in name:
        return name[:-1] + {"l": "r", "r": "l"}[name[-1]]
    return re.sub(r"/([lr])-", lambda side: "/r-" if side[1] == "l" else "/l-", name)


def _slider(
    random: np.random.Generator, stem: str, count: int, drawn: dict[str, NDArray[np.float64]]
) -> NDArray[np.float64]:
    """(count,) values of a slider; those of the two sides share a common part in `drawn`."""
    common = re.sub(r"/[lr]-", "/", stem)
    if common not in drawn:
        drawn[common] = random.normal(0, SLIDER_SD, count)
    return drawn[common] + (random.normal(0, SIDE_SD, count) if common != stem else 0.0)


def _one_sided(random: np.random.Generator, name: str, count: int) -> NDArray[np.float64]:
    sd = ASYMMETRY_SD if "/asym-" in name else HEAD_SHAPE_SD
    return np.clip(random.normal(0, sd, count), 0, 1)


def _macro_weights(random: np.random.Generator, count: int) -> dict[str, NDArray[np.float64]]:
    """Weights (count,) of the race and body targets: products of the shares of gender, race, age, muscle, weight."""
    race = dict(zip(RACES, random.dirichlet([0.6] * 3, count).T, strict=True))
    male = random.beta(0.4, 0.4, count)
    gender = {"female": 1 - male, "male": male}
    is_child = random.random(count) < CHILD_SHARE
    position = np.where(is_child, random.random(count), 1 + random.beta(1.0, 1.3, count))  # child 0, young 1, old 2
    age = dict(zip(AGES, _hat(position), strict=True))
    muscle = dict(zip(MUSCLES, _hat(random.triangular(0.4, 1, 1.6, count)), strict=True))
    weight = dict(zip(WEIGHTS, _hat(random.triangular(0.3, 1, 1.8, count)), strict=True))
    weights = {f"macrodetails/{r}-{g}-{a}": race[r] * gender[g] * age[a] for r, g, a in product(RACES, GENDERS, AGES)}
    for g, a, m, w in product(GENDERS, AGES, MUSCLES, WEIGHTS):
        weights[f"macrodetails/universal-{g}-{a}-{m}-{w}"] = gender[g] * age[a] * muscle[m] * weight[w]
    return weights


def _hat(position: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """Shares of three steps at 0, 1 and 2 for positions between them; they sum to 1."""
    return [np.clip(1 - np.abs(position - step), 0, 1) for step in range(3)]
