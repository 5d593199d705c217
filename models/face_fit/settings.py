"""What a fit of points believes: how far landmarks, scores and people may be from the model's."""

from dataclasses import dataclass


@dataclass(frozen=True)
class FitSettings:
    """Standard deviations and counts; identity coefficients have standard deviation 1.

    Frames are not smoothed over time here: `extractors/smoothing.py` does it for every extractor, when asked to.

    Attributes:
        point_px: of a landmark, in pixels of the 224 frame. It is larger than their scatter, because neighbouring
            landmarks err alike: 478 of them are not 478 observations.
        depth_px: of a landmark's depth, likewise. With depth left out, yaw is exaggerated by 15 %.
        score: of an expression unit about the landmarker's score.
        robust: landmarks farther off than so many `point_px` lose weight (Cauchy).
        hidden: weight of a point on a side that looks away from the camera; the landmarker guesses it.
        identity_frames: frames that identity is fitted on.
        identity_steps, frame_steps: Gauss-Newton steps. Identity starts from the frames' fit of the mean face, and its
            coefficients end 0.3 to 0.5 from those of 25 full steps.
        plain_steps: so many at first are not robust.
        hessian_steps: steps that share one Hessian.
        hessian_stride: the frames' Hessian is made of every n-th point. With three steps to a Hessian and a third of
            the points a frame costs a fifth, and ends within 0.2 degrees (0.02 on average) of what 20 full steps give.
        worst: mean distance of the points after the fit, in eye distances, above which the landmarks are no face that
            the model can make (of 6,700 frames of real clips the worst has 0.033; of a face that lies on its side, on
            which the landmarker fails, 0.2 to 0.5).
    """

    point_px: float = 4.0
    depth_px: float = 8.0
    score: float = 0.3
    robust: float = 2.0
    hidden: float = 0.1
    identity_frames: int = 12
    identity_steps: int = 3
    frame_steps: int = 3
    plain_steps: int = 1
    hessian_steps: int = 3
    hessian_stride: int = 3
    worst: float = 0.1
