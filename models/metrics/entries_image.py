"""Definitions of the metrics that compare a picture with the true one."""

from reenactory.models.metrics.definition import Definition, Use

_FRAME_PAIR = "generated and target frames (T, H, W, 3) uint8 RGB, lossless"
_OF_THREE = "tables 1 and 3a"
_NOFA = "tables 1 to 3"
_LPIPS = (
    "five ReLU layers, channel-unit features, squared difference weighted by the v0.1 heads, spatial mean, sum over "
    "layers; inputs in [-1, 1]"
)

IMAGE_METRICS: tuple[Definition, ...] = (
    Definition(
        name="psnr",
        definition="psnr/rgb-uint8/cap100/v1",
        formula="10 log10(255^2 / MSE over H, W and RGB); identical frames count as 100 dB",
        range=(0.0, 100.0),
        direction="higher",
        unit="dB",
        per="frame",
        inputs=_FRAME_PAIR,
        used_by=(
            Use("3DFlowRenderer", _OF_THREE, "colour space, range and cap not stated"),
            Use("NOFA", _NOFA, "not stated either; its PSNR and SSIM do not fit one scale"),
        ),
        protocols=("self",),
    ),
    Definition(
        name="ssim",
        definition="ssim/rgb-uint8/gaussian11-sigma1.5/v1",
        formula="Wang 2004: Gaussian 11x11, sigma 1.5, biased covariance, K1 .01, K2 .03, L 255; 5 px border cropped; "
        "mean over pixels and RGB (scikit-image: gaussian_weights, sigma=1.5, use_sample_covariance=False)",
        range=(-1.0, 1.0),
        direction="higher",
        unit="",
        per="frame",
        inputs=_FRAME_PAIR,
        used_by=(
            Use("3DFlowRenderer", "table 1", "window not stated"),
            Use("NOFA", "tables 1 to 4", "window not stated"),
        ),
        protocols=("self",),
    ),
    Definition(
        name="ssim_uniform7",
        definition="ssim/rgb-uint8/uniform7/v1",
        formula="as ssim with a uniform 7x7 window and sample covariance, 3 px border cropped (scikit-image defaults)",
        range=(-1.0, 1.0),
        direction="higher",
        unit="",
        per="frame",
        inputs=_FRAME_PAIR,
        used_by=(Use("scripts that call scikit-image with its defaults"),),
        protocols=("self",),
    ),
    Definition(
        name="l1",
        definition="l1/rgb-unit/v1",
        formula="mean |generated - target| over H, W and RGB, both in [0, 1]",
        range=(0.0, 1.0),
        direction="lower",
        unit="",
        per="frame",
        inputs=_FRAME_PAIR,
        used_by=(Use("FOMM", "reconstruction table"),),
        protocols=("self",),
    ),
    Definition(
        name="lpips",
        definition="lpips/v0.1-alex/v1",
        formula=f"AlexNet, {_LPIPS}",
        range=(0.0, None),
        direction="lower",
        unit="",
        per="frame",
        inputs=_FRAME_PAIR,
        used_by=(Use("PIRenderer", "", "AlexNet, in its code"), Use("NOFA", "tables 1 to 4", "network not stated")),
        protocols=("self",),
        weights=("lpips_alex",),
    ),
    Definition(
        name="lpips_vgg",
        definition="lpips/v0.1-vgg16/v1",
        formula=f"VGG-16, {_LPIPS}",
        range=(0.0, None),
        direction="lower",
        unit="",
        per="frame",
        inputs=_FRAME_PAIR,
        used_by=(Use("tables that name LPIPS-VGG", "", "never the same number as LPIPS with AlexNet"),),
        protocols=("self",),
        weights=("lpips_vgg16",),
        optional=True,
    ),
)
