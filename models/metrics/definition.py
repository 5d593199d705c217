"""What each metric means: a stable definition string, its formula, and who reports it."""

import re
from dataclasses import dataclass
from string import Formatter
from typing import Literal

Direction = Literal["higher", "lower"]

_QUALIFIER_VALUE = re.compile(r"[a-z0-9][a-z0-9._+-]*")


@dataclass(frozen=True)
class Definition:
    """One metric. Two numbers may be compared only if their definition strings are equal.

    Attributes:
        name: column name, such as ``psnr``.
        definition: unique stable string, or a template of one: ``{extractor}`` stands for the face coefficients
            and landmarks used, ``{embedder}`` for the identity network, ``{reference}`` for what is compared with.
        formula: how the value of one frame (or of one set, for FID) is computed.
        range: smallest and largest value; None is unbounded.
        direction: which way is better.
        unit: unit of the value.
        inputs: what the function takes.
        used_by: papers and tables that report this quantity, with what differs.
        weights: names in the weight catalogue that the value depends on.
    """

    name: str
    definition: str
    formula: str
    range: tuple[float | None, float | None]
    direction: Direction
    unit: str
    inputs: str
    used_by: str
    weights: tuple[str, ...] = ()

    @property
    def qualifiers(self) -> tuple[str, ...]:
        """Names that the definition string leaves open, in order of appearance."""
        return tuple(field for _, field, _, _ in Formatter().parse(self.definition) if field)


_FRAME_PAIR = "generated and target frames (T, H, W, 3) uint8 RGB, lossless"
_PADDED = "With 52 ARKit scores the 12 pads are 0 on both sides and count in the 64."
_INCEPTION = (
    "Inception 2015-12-05 pool3 (2048); uint8 RGB resized to 299x299 bilinear (align_corners False, no antialias), "
    "then (x-128)/128; d^2 = |mu1-mu2|^2 + tr(S1 + S2 - 2 sqrt(S1 S2)), unbiased covariances. "
    "Biased upward at small n: print n beside it."
)

DEFINITIONS: tuple[Definition, ...] = (
    Definition(
        name="psnr",
        definition="psnr/rgb-uint8/cap100/v1",
        formula="10 log10(255^2 / MSE over H, W and RGB); identical frames count as 100 dB",
        range=(0.0, 100.0),
        direction="higher",
        unit="dB",
        inputs=_FRAME_PAIR,
        used_by="3DFlowRenderer, NOFA; neither states colour space, range or cap",
    ),
    Definition(
        name="ssim",
        definition="ssim/rgb-uint8/gaussian11-sigma1.5/v1",
        formula="Wang 2004: Gaussian 11x11, sigma 1.5, biased covariance, K1 .01, K2 .03, L 255; 5 px border cropped; "
        "mean over pixels and RGB (scikit-image: gaussian_weights, sigma=1.5, use_sample_covariance=False)",
        range=(-1.0, 1.0),
        direction="higher",
        unit="",
        inputs=_FRAME_PAIR,
        used_by="3DFlowRenderer, NOFA; neither states the window",
    ),
    Definition(
        name="ssim_uniform7",
        definition="ssim/rgb-uint8/uniform7/v1",
        formula="as ssim with a uniform 7x7 window and sample covariance, 3 px border cropped (scikit-image defaults)",
        range=(-1.0, 1.0),
        direction="higher",
        unit="",
        inputs=_FRAME_PAIR,
        used_by="scripts that call scikit-image with its defaults",
    ),
    Definition(
        name="l1",
        definition="l1/rgb-unit/v1",
        formula="mean |generated - target| over H, W and RGB, both in [0, 1]",
        range=(0.0, 1.0),
        direction="lower",
        unit="",
        inputs=_FRAME_PAIR,
        used_by="FOMM reconstruction table",
    ),
    Definition(
        name="lpips",
        definition="lpips/v0.1-alex/v1",
        formula="AlexNet, five ReLU layers, channel-unit features, squared difference weighted by the v0.1 heads, "
        "spatial mean, sum over layers; inputs in [-1, 1]",
        range=(0.0, None),
        direction="lower",
        unit="",
        inputs=_FRAME_PAIR,
        used_by="PIRenderer (AlexNet); multi-guidance does not report it",
        weights=("lpips_alex",),
    ),
    Definition(
        name="csim",
        definition="csim/{embedder}/vs-{reference}/v1",
        formula="cosine of unit identity embeddings; each image aligned by its own 5 points (similarity) to the "
        "112x112 ArcFace template. reference: target (self) or source (cross)",
        range=(-1.0, 1.0),
        direction="higher",
        unit="",
        inputs="embeddings (T, D) of generated and reference frames; NaN rows where no face was found",
        used_by="3DFlowRenderer (ArcFace, vs target), multi-guidance and NOFA (ArcFace, vs source)",
        weights=("sface",),
    ),
    Definition(
        name="aed_l1",
        definition="aed_l1/mean-abs-64/{extractor}/v1",
        formula=f"mean |exp_generated - exp_target| over 64 expression coefficients. {_PADDED}",
        range=(0.0, None),
        direction="lower",
        unit="",
        inputs="exp (T, 64) of generated and driving frames; NaN rows where no face was found",
        used_by="3DFlowRenderer, NOFA (scale fits the mean; Deep3DFaceRecon coefficients)",
    ),
    Definition(
        name="aed_l2",
        definition="aed_l2/norm-64/{extractor}/v1",
        formula=f"Euclidean norm of exp_generated - exp_target over 64 expression coefficients. {_PADDED}",
        range=(0.0, None),
        direction="lower",
        unit="",
        inputs="exp (T, 64) of generated and driving frames; NaN rows where no face was found",
        used_by="multi-guidance (scale fits the norm; Deep3DFaceRecon coefficients)",
    ),
    Definition(
        name="apd_l1_angles",
        definition="apd_l1_angles/mean-abs-3/{extractor}/v1",
        formula="mean |angle_generated - angle_target| over the three angles, each difference wrapped to (-pi, pi]",
        range=(0.0, 3.1415927),
        direction="lower",
        unit="rad",
        inputs="angles (T, 3) rad of generated and driving frames; NaN rows where no face was found",
        used_by="3DFlowRenderer, NOFA (angles only, by their authors' remarks)",
    ),
    Definition(
        name="apd_l2_angles",
        definition="apd_l2_angles/norm-3/{extractor}/v1",
        formula="Euclidean norm of angle_generated - angle_target, each difference wrapped to (-pi, pi]",
        range=(0.0, 5.4413981),
        direction="lower",
        unit="rad",
        inputs="angles (T, 3) rad of generated and driving frames; NaN rows where no face was found",
        used_by="multi-guidance (scale fits the norm)",
    ),
    Definition(
        name="akd",
        definition="akd/68-mean-abs-px256/{extractor}/v1",
        formula="mean |difference| over 68 landmarks x 2 coordinates, pixels of the 256x256 frame (not Euclidean)",
        range=(0.0, None),
        direction="lower",
        unit="px",
        inputs="landmarks (T, 68, 2) px at 256 of generated and driving frames; NaN rows where no face was found",
        used_by="FOMM pose evaluation and 3DFlowRenderer (face-alignment 2D-FAN landmarks)",
    ),
    Definition(
        name="fid_pooled",
        definition="fid/inception-2015-12-05/pooled/v1",
        formula=f"all generated frames against all real ones. {_INCEPTION}",
        range=(0.0, None),
        direction="lower",
        unit="",
        inputs="features (n, 2048) of real and of generated frames",
        used_by="multi-guidance (scale fits pooling over 10,280 images)",
        weights=("inception_2015",),
    ),
    Definition(
        name="fid_per_video",
        definition="fid/inception-2015-12-05/per-video/v1",
        formula=f"per clip, then the mean over clips. {_INCEPTION}",
        range=(0.0, None),
        direction="lower",
        unit="",
        inputs="features (n, 2048) of the real and of the generated frames of one clip",
        used_by="3DFlowRenderer (scale fits one value per video pair)",
        weights=("inception_2015",),
    ),
)

_BY_NAME = {entry.name: entry for entry in DEFINITIONS}


def lookup(name: str) -> Definition:
    """The definition of one metric.

    Raises:
        KeyError: no metric has this name; the message lists those that exist.
    """
    if name not in _BY_NAME:
        raise KeyError(f"no metric is called {name!r}; known: {', '.join(sorted(_BY_NAME))}")
    return _BY_NAME[name]


def definition_for(
    name: str, *, extractor: str | None = None, embedder: str | None = None, reference: str | None = None
) -> str:
    """The full definition string of a metric, with the networks behind it named.

    Qualifiers that the metric does not have are ignored, so that one call serves every metric of a run.

    Args:
        name: metric name, such as ``aed_l1``.
        extractor: what made coefficients and landmarks, such as ``mediapipe-1.2.2``.
        embedder: identity network, such as ``sface-2021dec-int8bq``.
        reference: ``target`` or ``source``.

    Raises:
        KeyError: unknown metric.
        ValueError: a qualifier that the metric needs is missing, or is not lower-case ``[a-z0-9._+-]``.
    """
    entry = lookup(name)
    given = {"extractor": extractor, "embedder": embedder, "reference": reference}
    values: dict[str, str] = {}
    for qualifier in entry.qualifiers:
        value = given[qualifier]
        if value is None or not _QUALIFIER_VALUE.fullmatch(value):
            raise ValueError(
                f"definition of {name}: {qualifier} must be lower-case letters, digits and . _ + -; got {value!r}"
            )
        values[qualifier] = value
    return entry.definition.format(**values)
