"""Definitions of the metrics over time, which need the frames of a pair in order: one value per video."""

from reenactory.models.metrics.definition import Definition, Use

_NOBODY = (Use("none of the papers"),)
_LANDMARKS = ("face_landmarker",)
_MATTE = ("rvm_mobilenetv3",)
_OUTSIDE = (
    "pixels further than 4 % of the frame's side from the source's matte and from the driver's in every frame of the "
    "span (alpha at most 5 %); null where they are less than 1 % of the frame"
)
_NO_BACKGROUND = "less than 1 % of the frame is background"

TIME_METRICS: tuple[Definition, ...] = (
    Definition(
        name="flicker",
        definition="flicker/mean-abs-step-minus-driver/levels255/v1",
        formula="mean over frames of mean |frame_t - frame_(t-1)| over H, W and RGB, minus the same of the driving "
        "frames. Positive: more changes from frame to frame than in the driver; negative: too still",
        range=(-255.0, 255.0),
        direction="zero",
        unit="levels of 255",
        per="video",
        inputs="generated and driving frames (T, H, W, 3) uint8 RGB; steps with an invalid frame are left out",
        used_by=_NOBODY,
        caution="In cross pairs the driver's picture has another background and contrast: a coarse reference.",
        caution_for=("cross",),
    ),
    Definition(
        name="landmark_jitter",
        definition="landmark_jitter/second-difference-minus-driver/{extractor}/v1",
        formula="frames t-1 and t+1 are laid on frame t by a similarity of their 68 landmarks; mean over frames and "
        "points of |p_(t+1) - 2 p_t + p_(t-1)|, in % of the distance of the outer eye corners, minus the same of the "
        "driver on the same frames",
        range=(None, None),
        direction="zero",
        unit="% of eye distance",
        per="video",
        inputs="landmarks (T, 68, 2) px of generated and driving frames; NaN rows where no face was found",
        missing="no three successive frames show both faces",
        used_by=_NOBODY,
        weights=_LANDMARKS,
    ),
    Definition(
        name="mouth_sync",
        definition="mouth_sync/pearson-inner-lips-over-eyes/{extractor}/v1",
        formula="Pearson correlation over frames of the mouth's opening (gap of the inner lips over the distance of "
        "the outer eye corners) in render and driver; 0 where only the render keeps still; null where the driver does "
        "(deviation below 0.01) or fewer than 8 frames have both faces",
        range=(-1.0, 1.0),
        direction="higher",
        unit="",
        per="video",
        inputs="landmarks (T, 68, 2) px of generated and driving frames; NaN rows where no face was found",
        missing="the driver's mouth keeps still (a constant has no correlation) or fewer than 8 frames show both faces",
        used_by=_NOBODY,
        weights=_LANDMARKS,
        caution="Says when the mouth opens, not how far: a mouth that opens half as wide correlates as well.",
    ),
    Definition(
        name="background_stability",
        definition="background_stability/std-over-time/levels255/v1",
        formula=f"standard deviation over frames of each background pixel and channel, mean over them; {_OUTSIDE}",
        range=(0.0, 127.5),
        direction="lower",
        unit="levels of 255",
        per="video",
        inputs="generated frames (T, H, W, 3) uint8 RGB, mattes of the source frame and of the driving frames",
        missing=_NO_BACKGROUND,
        used_by=_NOBODY,
        weights=_MATTE,
    ),
    Definition(
        name="background_psnr",
        definition="background_psnr/rgb-uint8/vs-source/cap100/v1",
        formula="PSNR of a frame's background pixels against the same pixels of the source frame, mean over frames; "
        f"{_OUTSIDE}",
        range=(0.0, 100.0),
        direction="higher",
        unit="dB",
        per="video",
        inputs="generated frames (T, H, W, 3) and the source frame (H, W, 3) uint8 RGB, mattes of source and driver",
        missing=_NO_BACKGROUND,
        used_by=_NOBODY,
        weights=_MATTE,
        caution="A method that moves the camera with the head is punished for it.",
    ),
)
