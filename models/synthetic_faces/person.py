"""Who a synthetic person is: shape, colours, hair and clothes, drawn at random."""

from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from reenactory.models.face_model.model import EXPRESSION_COUNT, IDENTITY_COUNT, TEXTURE_COUNT
from reenactory.models.face_model.open_texture import TEXTURE_MODES
from reenactory.models.synthetic_faces.bust import CURTAIN, Bust, curtain_follows
from reenactory.models.synthetic_faces.noise import Floats, over_space, smoothstep

_HAIR_COLOURS = (
    (0.07, 0.06, 0.06),
    (0.12, 0.08, 0.06),
    (0.22, 0.13, 0.08),
    (0.36, 0.23, 0.14),
    (0.58, 0.43, 0.26),
    (0.76, 0.64, 0.42),
    (0.46, 0.20, 0.10),
    (0.55, 0.54, 0.53),
    (0.82, 0.81, 0.79),
)
_SKIN_TONES = (-0.9, 2.4)  # from light to dark, in standard deviations of the model's skin tone
_BALD, _LONG = 0.12, 0.35  # shares of people
_INSIDE_MOUTH = {"mouth_cavity": 0.45, "tongue": 0.75, "upper_teeth": 0.92, "lower_teeth": 0.85}
_HAIR_GLOSS = 0.06
_MODES = {name: index for index, name in enumerate(TEXTURE_MODES)}


class Person(NamedTuple):
    """One person on the bust's mesh of N = V + W + C + H vertices.

    Attributes:
        identity: (80,) float32.
        texture: (80,) float32.
        wig_rise: (W, 3) float32, from the scalp to the hair.
        still: (C + H, 3) float32: chest and hanging hair in the model's axes.
        follows_head: (N,) float32 in [0, 1].
        albedo: (N, 3) float32 RGB in [0, 1].
        cloth: (N, 3) float32, albedo where the skin is covered.
        covered: (N,) float32, above 0 where it is; the collar is where the interpolated value is 0.
        gloss: (N,) float32, strength of highlights.
        hidden: (F,) bool, triangles that this person does not have.
    """

    identity: Tensor
    texture: Tensor
    wig_rise: Tensor
    still: Tensor
    follows_head: Tensor
    albedo: Tensor
    cloth: Tensor
    covered: Tensor
    gloss: Tensor
    hidden: Tensor


def draw_person(draw: np.random.Generator, bust: Bust) -> Person:
    """A person; `draw` is theirs alone."""
    identity = torch.from_numpy(draw.normal(size=IDENTITY_COUNT) * 0.95).float()
    style = draw.random()
    bald, long = style < _BALD, style > 1 - _LONG
    darkness = draw.uniform(*_SKIN_TONES)
    hair_colour = _hair_colour(draw, darkness)
    texture = _texture(draw, darkness, hair_colour, bald)
    shape = bust.model.shape(identity[None], torch.zeros(1, EXPRESSION_COUNT))
    neutral = shape[0].double().numpy()
    rise = _wig(draw, bust, neutral, bust.model.normals(shape)[0].double().numpy(), long)
    curtain = _curtain(draw, bust, neutral)
    chest = bust.chest(neutral)
    place = np.concatenate([neutral, neutral[bust.wig] + rise, chest, curtain])  # (N, 3)
    skin, wig, dressed, hanging = _slices(len(neutral), len(rise), len(chest), len(curtain))
    albedo = _strands(draw, place, hair_colour)
    cloth, covered = _clothes(draw, place)
    covered[wig] = covered[hanging] = -1  # hair hangs over clothes
    albedo[skin], albedo[dressed] = _skin(draw, bust, texture), cloth[dressed]
    gloss = np.full(len(place), _HAIR_GLOSS)
    gloss[skin], gloss[dressed] = _gloss(draw, bust), 0.0
    follows = np.concatenate([bust.follows_head.numpy(), curtain_follows(curtain[:, 1])])
    still = np.concatenate([chest, curtain])
    return Person(
        identity=identity,
        texture=_tensor(texture),
        wig_rise=_tensor(rise),
        still=_tensor(still),
        follows_head=_tensor(follows),
        albedo=_tensor(albedo.clip(0.01, 1)),
        cloth=_tensor(cloth.clip(0.01, 1)),
        covered=_tensor(covered),
        gloss=_tensor(gloss),
        hidden=_hidden(bust, bald, long),
    )


def _tensor(values: Floats) -> Tensor:
    return torch.from_numpy(values).float()


def _slices(*counts: int) -> list[slice]:
    ends = np.cumsum([0, *counts])
    return [slice(int(start), int(end)) for start, end in pairwise(ends)]


def _hair_colour(draw: np.random.Generator, darkness: float) -> Floats:
    """Any colour on light skin, on dark skin seldom other than dark."""
    colours = _HAIR_COLOURS if darkness < 0.7 or draw.random() < 0.15 else _HAIR_COLOURS[:3]
    return np.array(colours[draw.integers(len(colours))]) * draw.uniform(0.8, 1.2)


def _texture(draw: np.random.Generator, darkness: float, hair: Floats, bald: bool) -> Floats:
    """(80,): skin of that darkness; brows, beard and scalp near the colour of the hair."""
    texture = np.zeros(TEXTURE_COUNT)
    texture[: len(_MODES)] = draw.normal(size=len(_MODES)) * 0.8
    texture[_MODES["skin_tone"]] = darkness
    texture[_MODES["redness"]] = 0.6 * draw.normal() - 0.35 * max(darkness, 0)  # the tone alone makes dark skin too red
    texture[_MODES["cheeks"]] = abs(texture[_MODES["cheeks"]])  # below 0 they are green
    texture[_MODES["brows"]] = (hair.mean() - 0.26) / 0.11 + 0.4 * draw.normal() - 0.5
    # Dark skin has no colour left to take away.
    bearded = draw.random() < 0.3
    texture[_MODES["beard"]] = bearded * draw.uniform(0.3, 2.2) * (1 - 0.25 * max(darkness, 0))
    texture[_MODES["iris"]] = draw.normal() if darkness < 0.7 else -0.4 * abs(draw.normal())
    texture[_MODES["hair"]] = (draw.uniform(0, 1.2) if bald else 1.2) * (1 - 0.25 * max(darkness, 0))
    return texture


def _skin(draw: np.random.Generator, bust: Bust, texture: Floats) -> Floats:
    """(V, 3): the model's albedo with blotches, freckles and darker hollows."""
    model = bust.model
    albedo = model.albedo(torch.from_numpy(texture).float()[None])[0].double().numpy().clip(0.02, 0.98)
    mean = model.mean.double().numpy()
    blotches = 0.035 * over_space(draw, mean, 0.35) + 0.025 * over_space(draw, mean, 0.1)
    freckles = draw.uniform(0, 0.12) * (draw.random() < 0.4) * smoothstep(over_space(draw, mean, 0.04), 0.8, 1.6)
    skin = (model.masks["head"] | model.masks["neck"]).numpy()
    tone = np.where(skin, 1 + blotches - freckles, 1.0)
    # What lies under the chin is in its shade, which spherical harmonics do not know.
    under = smoothstep(mean[:, 1], -0.75, -1.0) * smoothstep(mean[:, 2], -0.9, -0.3) * model.masks["neck"].numpy()
    tone *= 1 - 0.3 * under
    for part, share in _INSIDE_MOUTH.items():
        tone[model.masks[part].numpy() & ~model.masks["face"].numpy()] *= share
    return np.asarray(albedo * tone[:, None])


def _wig(draw: np.random.Generator, bust: Bust, neutral: Floats, normals: Floats, long: bool) -> Floats:
    """(W, 3): hair stands on the scalp, higher on top than at the sides, and sinks below the skin where none grows."""
    scalp = neutral[bust.wig]
    grows = bust.hairy + 0.15 * over_space(draw, scalp, 0.25)
    depth = draw.uniform(0.06, 0.12) if long else draw.lognormal(np.log(0.1), 0.5)
    top = smoothstep(scalp[:, 1], 0.5, 1.4) * draw.uniform(0, 1.2)
    locks = 1 + draw.uniform(0.1, 0.5) * over_space(draw, scalp, draw.uniform(0.1, 0.4))
    height = depth * (1 + top) * locks.clip(0.2, 2) * smoothstep(grows, 0.25, 0.7)
    height = np.where(grows > 0.25, height + 0.01, -0.06)
    return np.asarray(normals[bust.wig] * height[:, None])


def _curtain(draw: np.random.Generator, bust: Bust, neutral: Floats) -> Floats:
    """(H, 3), also for those who do not wear it, so that all people draw alike."""
    lowest, reach, width = draw.uniform(-2.4, -0.5), np.radians(draw.uniform(88, 118)), draw.uniform(1.08, 1.3)
    flat = bust.curtain(neutral, lowest, reach, width, np.zeros(CURTAIN[0] * CURTAIN[1]))
    wave = draw.uniform(0.01, 0.06) * over_space(draw, flat * np.array([1, 0.4, 1]), draw.uniform(0.1, 0.35))
    return bust.curtain(neutral, lowest, reach, width, wave)


def _strands(draw: np.random.Generator, place: Floats, colour: Floats) -> Floats:
    """(N, 3): hair is streaked along its fall."""
    along = place * np.array([1.0, 0.15, 1.0])
    tone = 1 + 0.13 * over_space(draw, along, 0.1) + 0.1 * over_space(draw, along, 0.4)
    return np.asarray(colour * tone.clip(0.4, 1.7)[:, None])


def _clothes(draw: np.random.Generator, place: Floats) -> tuple[Floats, Floats]:
    """Colours (N, 3), plain or striped, and how far below the collar each vertex is (N,), units."""
    collar, slope = draw.uniform(-1.4, -1.0), draw.uniform(-0.3, 0.6)
    line = collar + slope * np.abs(place[:, 0]) + 0.4 * smoothstep(place[:, 2], -0.7, -1.3)
    one, other = draw.uniform(0.04, 0.9, (2, 3))
    grey = draw.uniform(0, 1)
    one, other = (grey * colour.mean() + (1 - grey) * colour for colour in (one, other))
    striped = draw.random() < 0.4
    waves = np.sin(place @ draw.normal(size=3) * draw.uniform(6, 16) + draw.uniform(0, 6))
    share = 0.5 * striped * smoothstep(waves, -0.2, 0.2)
    folds = 1 + 0.1 * over_space(draw, place, 0.35)
    return (one + share[:, None] * (other - one)) * folds[:, None], line - place[:, 1]


def _gloss(draw: np.random.Generator, bust: Bust) -> Floats:
    """(V,): wet eyes, teeth and lips, skin more or less."""
    masks = {name: mask.numpy() for name, mask in bust.model.masks.items()}
    gloss = np.full(bust.model.vertex_count, draw.uniform(0.0, 0.14))
    gloss[masks["lips"]] += 0.1
    for part in ("mouth_cavity", "eye_sockets"):
        gloss[masks[part]] = 0.0
    for part, value in {"upper_teeth": 0.15, "lower_teeth": 0.1, "left_eye": 0.5, "right_eye": 0.5}.items():
        gloss[masks[part]] = value
    return gloss


def _hidden(bust: Bust, bald: bool, long: bool) -> Tensor:
    """(F,): the wig of the bald, the curtain of those with short hair."""
    table = bust.triangles
    first = bust.model.vertex_count
    wig = ((table >= first) & (table < first + len(bust.wig))).any(dim=1)
    curtain = (table >= len(bust.follows_head)).any(dim=1)
    return (wig & bald) | (curtain & (not long))
