"""The metrics of one scored pair, as columns over its frames or as one value for the whole span."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from reenactory.models.metrics.registry import definition_for
from reenactory.tasks.face3d import column
from reenactory.tasks.features import EMBEDDER

if TYPE_CHECKING:
    from reenactory.models.metrics.lpips import Lpips
    from reenactory.tasks.score import Item

IMAGE = ("psnr", "ssim", "ssim_uniform7", "l1")
FACE = ("csim", "aed_l1", "aed_l2", "apd_l1_angles", "apd_l2_angles", "apd_l1_pose6", "akd")


class Column(NamedTuple):
    """One metric: a value per frame, or a single one for the whole span."""

    metric: str
    definition: str
    values: NDArray[np.float64]  # (T,) or (1,), NaN = dropped


def image_columns(item: "Item", networks: "Sequence[tuple[str, Lpips]]") -> Iterator[Column]:
    """Against the true frame: only where there is one, in self re-enactment."""
    from reenactory.models.metrics import image

    measures = [
        *zip(IMAGE, (image.psnr, image.ssim_gaussian, image.ssim_uniform7, image.l1), strict=True),
        *((name, network.distances) for name, network in networks),
    ]
    rendered, driving = item.rendered[item.valid], item.driving[item.valid]
    for name, measure in measures:
        values = np.full(len(item.valid), np.nan)
        values[item.valid] = measure(rendered, driving)
        yield Column(name, definition_for(name), values)


def face_columns(item: "Item") -> Iterator[Column]:
    """Identity against the source (cross) or the true frame (self); motion against the driver."""
    from reenactory.models.metrics import faces
    from reenactory.models.metrics.sface import csim

    extractor = str(item.driving_face["extractor"][0])
    reference = "target" if item.protocol == "self" else "source"
    compared = item.driving_embedding if item.protocol == "self" else item.source_embedding
    made, wanted = item.rendered_face, item.driving_face
    to_256 = 256 / item.rendered.shape[1]
    points = [landmarks * to_256 for landmarks in _both_landmarks(item)]
    exp, angles, trans = ([column(table, name) for table in (made, wanted)] for name in ("exp", "angles", "trans"))
    pose = [np.concatenate(parts, axis=1) for parts in zip(angles, trans, strict=True)]
    results = (
        csim(item.rendered_embedding, np.broadcast_to(compared, item.rendered_embedding.shape)),
        faces.aed_l1(*exp),
        faces.aed_l2(*exp),
        faces.apd_l1_angles(*angles),
        faces.apd_l2_angles(*angles),
        faces.apd_l1_pose6(*pose),
        faces.akd(points[0], points[1]),
    )
    for name, values in zip(FACE, results, strict=True):
        definition = definition_for(name, extractor=extractor, embedder=EMBEDDER, reference=reference)
        yield Column(name, definition, np.where(item.valid, values, np.nan))


def span_columns(item: "Item") -> Iterator[Column]:
    """One value for the whole span: over time, of the background, and FID of this video against the driving one."""
    from reenactory.models.metrics import temporal
    from reenactory.models.metrics.background import background_mask, background_psnr, background_stability
    from reenactory.models.metrics.frechet import fid

    made, wanted = _both_landmarks(item)
    made[~item.valid] = np.nan
    background = background_mask(item.source_alpha[0], item.driving_alpha)
    shown = item.rendered[item.valid]
    few = item.valid.sum() < 2
    values = {
        "flicker": temporal.flicker(item.rendered, item.driving, item.valid),
        "landmark_jitter": temporal.landmark_jitter(made, wanted),
        "mouth_sync": temporal.mouth_sync(made, wanted),
        "background_stability": background_stability(shown, background),
        "background_psnr": background_psnr(shown, item.source_frame[0], background),
        "fid_per_video": np.nan
        if few
        else fid(item.driving_inception[item.valid], item.rendered_inception[item.valid]),
    }
    extractor = str(item.driving_face["extractor"][0])
    for name, value in values.items():
        yield Column(name, definition_for(name, extractor=extractor), np.array([value]))


def _both_landmarks(item: "Item") -> list[NDArray[np.float32]]:
    """(T, 68, 2) px of render and driver."""
    return [column(table, "landmarks").reshape(-1, 68, 2) for table in (item.rendered_face, item.driving_face)]
