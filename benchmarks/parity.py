"""How far each metric is from an independent formula in float64, or from another library, on the same inputs.

Run: OMP_NUM_THREADS=1 python benchmarks/metrics.py --parity
"""

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from scipy import linalg
from skimage import data
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from reenactory.models.metrics import background, faces, image, temporal
from reenactory.models.metrics.frechet import FeatureStats, fid, frechet_distance
from reenactory.models.metrics.kid import kid
from reenactory.models.metrics.lpips import Lpips, load_arrays
from reenactory.models.metrics.sface import csim
from reenactory.models.weights import locate

Frames = NDArray[np.uint8]
Values = NDArray[np.float64]


class Parity(NamedTuple):
    """One line of the table."""

    metric: str
    reference: str
    largest: float  # value, for scale
    difference: float  # largest absolute one


def parities() -> Iterator[Parity]:
    """All of them."""
    yield from _image()
    yield from _faces()
    yield from _time()
    yield from _sets()


def _compare(metric: str, reference: str, ours: object, theirs: object) -> Parity:
    a, b = np.atleast_1d(np.asarray(ours, np.float64)), np.atleast_1d(np.asarray(theirs, np.float64))
    return Parity(metric, reference, float(np.abs(b).max()), float(np.abs(a - b).max()))


def _pictures() -> tuple[Frames, Frames]:
    """A face (scikit-image's astronaut): blurred, noisy, moved, and flat; (4, 256, 256, 3) each."""
    photo = np.ascontiguousarray(data.astronaut()[:256, 96:352])
    noisy = np.clip(photo + np.random.default_rng(7).normal(0, 12, photo.shape), 0, 255).astype(np.uint8)
    flat = np.full_like(photo, 255)
    made = np.stack([cv2.GaussianBlur(photo, (0, 0), 2), noisy, np.roll(photo, 3, axis=1), flat])
    return made, np.stack([photo, photo, photo, flat - 1])


def _image() -> Iterator[Parity]:
    made, target = _pictures()
    pairs = list(zip(target, made, strict=True))
    wang = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    for name, ours, settings in (("ssim", image.ssim_gaussian, wang), ("ssim_uniform7", image.ssim_uniform7, {})):
        theirs = [structural_similarity(a, b, channel_axis=2, data_range=255, **settings) for a, b in pairs]
        yield _compare(name, "scikit-image", ours(made, target), theirs)
    theirs = [peak_signal_noise_ratio(a, b, data_range=255) for a, b in pairs]
    yield _compare("psnr", "scikit-image", image.psnr(made, target), theirs)
    yield _compare(
        "l1", "numpy float64", image.l1(made, target), np.abs(made / 255 - target / 255).mean(axis=(1, 2, 3))
    )
    for name, weights, layers in (
        ("lpips", "lpips_alex", ((11, 4, 2), (5, 1, 2), *((3, 1, 1),) * 3)),
        ("lpips_vgg", "lpips_vgg16", ((3, 1, 1),) * 13),
    ):
        theirs = _lpips_float64(weights, layers, made, target)
        yield _compare(
            name,
            "torch functional float64",
            Lpips(locate(weights), torch.device("cpu")).distances(made, target),
            theirs,
        )


def _lpips_float64(weights: str, layers: tuple[tuple[int, int, int], ...], made: Frames, target: Frames) -> list[float]:
    """Zhang 2018 written down again from the published layout, layer by layer, in float64."""
    alex = len(layers) == 5
    with locate(weights).open("rb") as stream:
        arrays = load_arrays(stream)
    trunk = arrays["AlexNet_0" if alex else "VGG16_0"]
    taps = range(5) if alex else (1, 3, 6, 9, 12)

    def units(frame: Frames) -> list[torch.Tensor]:
        x = torch.from_numpy((frame / 127.5 - 1 - (-0.030, -0.088, -0.188)) / (0.458, 0.448, 0.450))
        x = x.permute(2, 0, 1)[None]
        found = []
        for index, (_, stride, padding) in enumerate(layers):
            if index in ((1, 2) if alex else (2, 4, 7, 10)):
                x = F.max_pool2d(x, 3 if alex else 2, 2)
            kernel, bias = (torch.tensor(trunk[f"Conv_{index}"][part]).double() for part in ("kernel", "bias"))
            x = F.conv2d(x, kernel.permute(3, 2, 0, 1), bias, stride, padding).clamp(min=0)
            if index in taps:
                found.append(x[0] / (x[0].norm(dim=0) + 1e-10))
        return found

    heads = [torch.tensor(arrays[f"NetLinLayer_{k}"]["Conv_0"]["kernel"]).double().reshape(-1, 1, 1) for k in range(5)]
    return [
        sum(
            float((head * (a - b) ** 2).sum(dim=0).mean()) for head, a, b in zip(heads, units(p), units(q), strict=True)
        )
        for p, q in zip(made, target, strict=True)
    ]


def _faces() -> Iterator[Parity]:
    rng = np.random.default_rng(1)

    def rows(*item: int) -> NDArray[np.float32]:
        return rng.normal(0, 0.5, (2, 50, *item)).astype(np.float32)

    def wrapped(gap: float) -> float:
        return math.atan2(math.sin(gap), math.cos(gap))

    def each(pair: NDArray[np.float32], measure: Callable[[list[float]], float]) -> list[float]:
        gaps = [[float(p) - float(q) for p, q in zip(a.flat, b.flat, strict=True)] for a, b in zip(*pair, strict=True)]
        return [measure(gap) for gap in gaps]

    def mean_abs(gaps: list[float]) -> float:
        return math.fsum(map(abs, gaps)) / len(gaps)

    exp, angles, six, points = rows(64), 5 * rows(3), rows(6), 100 * rows(68, 2)
    cases = [
        ("aed_l1", faces.aed_l1, exp, mean_abs),
        ("aed_l2", faces.aed_l2, exp, lambda gaps: math.hypot(*gaps)),
        ("apd_l1_angles", faces.apd_l1_angles, angles, lambda gaps: mean_abs([*map(wrapped, gaps)])),
        ("apd_l2_angles", faces.apd_l2_angles, angles, lambda gaps: math.hypot(*map(wrapped, gaps))),
        ("apd_l1_pose6", faces.apd_l1_pose6, six, lambda gaps: mean_abs([*map(wrapped, gaps[:3]), *gaps[3:]])),
        ("akd", faces.akd, points, mean_abs),
    ]
    for name, ours, pair, measure in cases:
        yield _compare(name, "python float64", ours(*pair), each(pair, measure))
    raw = rows(128).astype(np.float64)
    unit = (raw / np.linalg.norm(raw, axis=2, keepdims=True)).astype(np.float32)
    theirs = [float(a @ b) / math.sqrt(float(a @ a) * float(b @ b)) for a, b in zip(*raw, strict=True)]
    yield _compare("csim", "numpy float64", csim(*unit), theirs)


def _time() -> Iterator[Parity]:
    rng = np.random.default_rng(2)
    made, driving = rng.integers(0, 256, (2, 12, 64, 64, 3), dtype=np.uint8)
    steps = [np.abs(np.diff(frames.astype(float), axis=0)).mean() for frames in (made, driving)]
    ours = temporal.flicker(made, driving, np.ones(12, bool))
    yield _compare("flicker", "numpy float64", ours, steps[0] - steps[1])
    points = (rng.uniform(60, 200, (68, 2)) + rng.normal(0, 2, (2, 12, 68, 2))).astype(np.float32)
    theirs = float(np.mean(_bends(points[0]) - _bends(points[1])))
    yield _compare("landmark_jitter", "least squares float64", temporal.landmark_jitter(*points), theirs)
    openings = [[math.dist(p[62], p[66]) / math.dist(p[36], p[45]) for p in side.astype(np.float64)] for side in points]
    a, b = (np.array(side) - math.fsum(side) / 12 for side in openings)
    theirs = float((a * b).sum() / math.sqrt((a * a).sum() * (b * b).sum()))
    yield _compare("mouth_sync", "numpy float64", temporal.mouth_sync(*points), theirs)
    mask = rng.random((64, 64)) < 0.5
    theirs = made.astype(float).std(axis=0)[mask].mean()
    yield _compare("background_stability", "numpy float64", background.background_stability(made, mask), theirs)
    errors = [((frame[mask].astype(float) - driving[0][mask]) ** 2).mean() for frame in made]
    theirs = float(np.mean([10 * math.log10(255**2 / error) for error in errors]))
    yield _compare("background_psnr", "numpy float64", background.background_psnr(made, driving[0], mask), theirs)


def _bends(points: NDArray[np.float32]) -> Values:
    """Second differences after fitting a similarity by a linear system, frame by frame."""
    p = points.astype(np.float64)
    found = []
    for t in range(1, len(p) - 1):
        laid = []
        for other in (p[t - 1], p[t + 1]):
            x, y = other.T
            one, nil = np.ones(68), np.zeros(68)
            system = np.concatenate([np.stack([x, -y, one, nil], axis=1), np.stack([y, x, nil, one], axis=1)])
            solved = np.linalg.lstsq(system, p[t].T.reshape(-1), rcond=None)[0]
            laid.append((system @ solved).reshape(2, 68).T)
        bend = np.linalg.norm(laid[0] - 2 * p[t] + laid[1], axis=1).mean()
        found.append(100 * bend / math.dist(p[t, 36], p[t, 45]))
    return np.array(found)


def _sets() -> Iterator[Parity]:
    rng = np.random.default_rng(3)
    mixing = rng.gamma(0.3, 1.0, (192, 192)) / 192
    real, made = ((rng.gamma(shape, 1.0, (600, 192)) @ mixing).astype(np.float32) for shape in (0.5, 0.6))
    x, y = real.astype(np.float64), made.astype(np.float64)
    first, second = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    root = np.real(linalg.sqrtm(first @ second))
    gap = x.mean(axis=0) - y.mean(axis=0)
    theirs = float(gap @ gap + np.trace(first + second - 2 * root))
    yield _compare("fid (features)", "scipy sqrtm float64", fid(real, made), theirs)
    by_moments = frechet_distance(FeatureStats.of(real), FeatureStats.of(made))
    yield _compare("fid (covariances)", "scipy sqrtm float64", by_moments, theirs)
    few, others = x[:60], y[:60]

    def kernel(a: Values, b: Values) -> float:
        return (math.fsum(a * b) / len(a) + 1) ** 3

    within = sum(
        math.fsum(kernel(rows[i], rows[j]) for i in range(60) for j in range(60) if i != j) / (60 * 59)
        for rows in (few, others)
    )
    between = math.fsum(kernel(a, b) for a in few for b in others) / 60**2
    yield _compare("kid", "double loop float64", kid(real[:60], made[:60]), within - 2 * between)
