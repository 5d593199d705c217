"""Definitions of the metrics of identity and motion, from what networks see in both faces."""

from reenactory.models.metrics.definition import Definition, Use

_PADDED = "With 52 ARKit scores the 12 pads are 0 on both sides and count in the 64."
_LANDMARKS = ("face_landmarker",)
_GUIDANCE = "Exploiting Multiple Guidance from 3DMM"
_ALL_THREE = "tables 1 to 3"
_D3D = "Deep3DFaceRecon coefficients"
_NO_FACE = "no face was found in the render or its reference"


def _rows(what: str) -> str:
    return f"{what} of generated and driving frames; NaN rows where no face was found"


FACE_METRICS: tuple[Definition, ...] = (
    Definition(
        name="csim",
        definition="csim/{embedder}/vs-{reference}/v1",
        formula="cosine of unit identity embeddings; each image aligned by its own 5 points (similarity) to the "
        "112x112 ArcFace template. reference: target (self) or source (cross)",
        range=(-1.0, 1.0),
        direction="higher",
        unit="",
        per="frame",
        inputs="embeddings (T, D) of generated and reference frames; NaN rows where no face was found",
        missing=_NO_FACE,
        used_by=(
            Use("3DFlowRenderer", "table 1", "ArcFace, against the target"),
            Use(_GUIDANCE, _ALL_THREE, "ArcFace, against the source"),
            Use("NOFA", "tables 1 to 3 and 5", "ArcFace, against the source"),
        ),
        weights=("sface", *_LANDMARKS),
        caution="Numbers of two embedders, or against two references, are not comparable.",
    ),
    Definition(
        name="aed_l1",
        definition="aed_l1/mean-abs-64/{extractor}/v1",
        formula=f"mean |exp_generated - exp_target| over 64 expression coefficients. {_PADDED}",
        range=(0.0, None),
        direction="lower",
        unit="",
        per="frame",
        inputs=_rows("exp (T, 64)"),
        missing=_NO_FACE,
        used_by=(
            Use("3DFlowRenderer", "table 1", f"the scale fits the mean; {_D3D}"),
            Use("NOFA", "tables 1, 2 and 5", f"the scale fits the mean; {_D3D}"),
        ),
        weights=_LANDMARKS,
        fitted=True,
    ),
    Definition(
        name="aed_l2",
        definition="aed_l2/norm-64/{extractor}/v1",
        formula=f"Euclidean norm of exp_generated - exp_target over 64 expression coefficients. {_PADDED}",
        range=(0.0, None),
        direction="lower",
        unit="",
        per="frame",
        inputs=_rows("exp (T, 64)"),
        missing=_NO_FACE,
        used_by=(Use(_GUIDANCE, _ALL_THREE, f"the scale fits the norm; {_D3D}"),),
        weights=_LANDMARKS,
        fitted=True,
    ),
    Definition(
        name="apd_l1_angles",
        definition="apd_l1_angles/mean-abs-3/{extractor}/v1",
        formula="mean |angle_generated - angle_target| over the three angles, each difference wrapped to (-pi, pi]",
        range=(0.0, 3.1415927),
        direction="lower",
        unit="rad",
        per="frame",
        inputs=_rows("angles (T, 3) rad"),
        missing=_NO_FACE,
        used_by=(
            Use("3DFlowRenderer", "table 1", "angles only, by its authors' remarks"),
            Use("NOFA", "tables 1 and 2", "angles only, by its authors' remarks"),
        ),
        weights=_LANDMARKS,
        fitted=True,
    ),
    Definition(
        name="apd_l2_angles",
        definition="apd_l2_angles/norm-3/{extractor}/v1",
        formula="Euclidean norm of angle_generated - angle_target, each difference wrapped to (-pi, pi]",
        range=(0.0, 5.4413981),
        direction="lower",
        unit="rad",
        per="frame",
        inputs=_rows("angles (T, 3) rad"),
        missing=_NO_FACE,
        used_by=(Use(_GUIDANCE, _ALL_THREE, "the scale fits the norm"),),
        weights=_LANDMARKS,
        fitted=True,
    ),
    Definition(
        name="apd_l1_pose6",
        definition="apd_l1_pose6/mean-abs-6/{extractor}/v1",
        formula="mean |difference| over the three angles (rad, wrapped to (-pi, pi]) and the three translations",
        range=(0.0, None),
        direction="lower",
        unit="",
        per="frame",
        inputs=_rows("angles (T, 3) rad and trans (T, 3) model units"),
        missing=_NO_FACE,
        used_by=(Use("OTAvatar", "", "angles and translation, by its users' remarks"),),
        weights=_LANDMARKS,
        fitted=True,
        caution="Adds radians to model units. Take it only where a table asks for it.",
    ),
    Definition(
        name="akd",
        definition="akd/68-mean-abs-px256/{extractor}/v1",
        formula="mean |difference| over 68 landmarks x 2 coordinates, pixels of the 256x256 frame (not Euclidean)",
        range=(0.0, None),
        direction="lower",
        unit="px",
        per="frame",
        inputs=_rows("landmarks (T, 68, 2) px at 256"),
        missing=_NO_FACE,
        used_by=(
            Use("FOMM", "pose evaluation", "2D-FAN landmarks of face-alignment"),
            Use("3DFlowRenderer", "table 1", "2D-FAN landmarks of face-alignment"),
        ),
        weights=_LANDMARKS,
        caution="In cross pairs the driver's landmarks carry the driver's face shape: a perfect method is not at 0.",
        caution_for=("cross",),
    ),
)
