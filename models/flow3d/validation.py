"""What held-out people look like: scores that pick the best weights, beside those of doing nothing; sample strips."""

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from reenactory.models.flow3d.composition import PERSON
from reenactory.models.flow3d.examples import Batch, Examples, to_examples
from reenactory.models.flow3d.network import Flow3d
from reenactory.models.flow3d.objective import Made, Phase, made_of
from reenactory.models.perceptual.losses import perceptual_distance, pyramid
from reenactory.models.perceptual.vgg import VggFeatures

CHOSEN_BY = "perceptual"  # lowest is best
COLUMNS = ("source", "driving", "warped", "face", "composite", "result")


class Validation:
    """Fixed batches of people that are not trained on.

    Scores of the whole way to a picture, mean over batches: `perceptual` (VGG, all scales), `l1` in [0, 1],
    `psnr` in dB, `psnr_person` and `psnr_background` inside the target's matte and outside both. `copy_*`: the same of
    the source frame unchanged, which any re-enactment has to beat.
    """

    def __init__(self, batches: Sequence[Batch], features: VggFeatures, device: torch.device) -> None:
        self._batches = batches
        self._features = features
        self._device = device

    @torch.inference_mode()
    def scores(self, network: Flow3d, phase: Phase) -> dict[str, float]:
        """Scores by name."""
        rows: list[dict[str, float]] = []
        for batch in self._batches:
            examples = to_examples(batch, self._device)
            made = self._compare(_whole_way(network, examples, phase).painted, examples)
            copied = self._compare(examples.source, examples)
            rows.append({**made, **{f"copy_{name}": value for name, value in copied.items()}})
        return {name: float(np.nanmean([row[name] for row in rows])) for name in rows[0]}

    def _compare(self, picture: Tensor, examples: Examples) -> dict[str, float]:
        target = examples.target
        person = (examples.target_alpha > PERSON).float()
        behind = (1 - person) * (examples.source_alpha <= PERSON).float()
        whole = torch.ones_like(person)
        return {
            "perceptual": float(perceptual_distance(pyramid(self._features, picture), pyramid(self._features, target))),
            "l1": float(F.l1_loss(picture, target)) / 2,
            "psnr": psnr(picture, target, whole),
            "psnr_person": psnr(picture, target, person),
            "psnr_background": psnr(picture, target, behind),
        }

    @torch.inference_mode()
    def strip(self, network: Flow3d, phase: Phase, rows: int) -> NDArray[np.uint8]:
        """The first `rows` examples, one per row, columns as in `COLUMNS`: (rows S, 6 S, 3) uint8 RGB."""
        lines: list[Tensor] = []
        for batch in self._batches:
            examples = to_examples(batch.head(rows - len(lines)), self._device)
            made = _whole_way(network, examples, phase)
            columns = [
                examples.source,
                examples.target,
                made.warped.picture,
                made.face.picture,
                made.composite.picture,
                made.painted,
            ]
            lines += list(torch.cat(columns, dim=3).clamp(-1, 1))
            if len(lines) >= rows:
                break
        picture = torch.cat(lines, dim=1).permute(1, 2, 0)
        strip: NDArray[np.uint8] = ((picture + 1) * 127.5).round().to(torch.uint8).cpu().numpy()
        return strip


def _whole_way(network: Flow3d, examples: Examples, phase: Phase) -> Made:
    """As it would be rendered; before the refiner is trained, without it."""
    return made_of(network, examples, "refined" if phase == 2 else "warped")


def psnr(picture: Tensor, target: Tensor, mask: Tensor) -> float:
    """Peak signal to noise in dB inside a mask, pictures in [-1, 1], mean over the batch; NaN where masks are empty."""
    squared = ((picture - target) / 2).square().mean(dim=1, keepdim=True) * mask
    count = mask.sum(dim=(1, 2, 3))
    error = squared.sum(dim=(1, 2, 3)) / count.clamp(min=1)
    values = -10 * torch.log10(error.clamp(min=1e-10))
    values = values[count > 0]
    return float(values.mean()) if len(values) else float("nan")
