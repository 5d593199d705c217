"""Definitions of the distances between sets of frames."""

from reenactory.models.metrics.definition import Definition, Use

_INCEPTION = (
    "Inception 2015-12-05 pool3 (2048); uint8 RGB resized to 299x299 bilinear (align_corners False, no antialias), "
    "then (x-128)/128"
)
_FRECHET = f"{_INCEPTION}; d^2 = |mu1-mu2|^2 + tr(S1 + S2 - 2 sqrt(S1 S2)), unbiased covariances"
_BIASED = "Biased upward where n is small: compare at equal n only, and read kid beside it."
_WEIGHTS = ("inception_2015",)

SET_METRICS: tuple[Definition, ...] = (
    Definition(
        name="fid_pooled",
        definition="fid/inception-2015-12-05/pooled/v1",
        formula=f"all generated frames against all driving ones. {_FRECHET}",
        range=(0.0, None),
        direction="lower",
        unit="",
        per="set",
        inputs="features (n, 2048) of real and of generated frames",
        used_by=(
            Use("Exploiting Multiple Guidance from 3DMM", "tables 1 to 3", "the scale fits pooling over 10,280 images"),
            Use("NOFA", "tables 1 to 4", "scope not stated"),
        ),
        weights=_WEIGHTS,
        caution=_BIASED,
    ),
    Definition(
        name="fid_per_video",
        definition="fid/inception-2015-12-05/per-video/v1",
        formula=f"per pair, then the mean over pairs. {_FRECHET}",
        range=(0.0, None),
        direction="lower",
        unit="",
        per="video",
        inputs="features (n, 2048) of the driving and of the generated frames of one pair",
        used_by=(Use("3DFlowRenderer", "tables 1, 2a to 2c, 3a and 3b", "the scale fits one value per video pair"),),
        weights=_WEIGHTS,
        caution=_BIASED,
    ),
    Definition(
        name="kid",
        definition="kid/inception-2015-12-05/poly3/pooled-unbiased-2048/v1",
        formula="squared maximum mean discrepancy with the kernel (x.y / 2048 + 1)^3, unbiased (no i = j terms), all "
        "generated frames against all driving ones; of more than 2048 frames those 2048 are taken whose hash of pair "
        f"and frame is smallest. Not multiplied by 1000. {_INCEPTION}",
        range=(None, None),
        direction="lower",
        unit="",
        per="set",
        inputs="features (n, 2048) of real and of generated frames",
        used_by=(
            Use("none of the papers", "", "usual beside FID; the customary mean over 100 subsets has no fixed n"),
        ),
        weights=_WEIGHTS,
        caution="Unbiased, so it may fall below 0 where the two sets do not differ.",
    ),
)
