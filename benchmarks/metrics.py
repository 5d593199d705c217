"""Cost of each metric on one thread, CPU time. Run: OMP_NUM_THREADS=1 python benchmarks/metrics.py"""

import time
from collections.abc import Callable

import cv2
import numpy as np
import torch

from reenactory.models.metrics import faces, image
from reenactory.models.metrics.bootstrap import cluster_bootstrap
from reenactory.models.metrics.fid_interval import fid_interval
from reenactory.models.metrics.frechet import FeatureStats, fid, frechet_distance
from reenactory.models.metrics.inception import Inception2015, prepare
from reenactory.models.metrics.lpips import Lpips
from reenactory.models.metrics.sface import SFace
from reenactory.models.weights import locate

FRAMES = 16
CPU = torch.device("cpu")


def milliseconds(work: Callable[[], object], repeats: int = 5) -> float:
    """Least CPU time of the process over some repeats: a busy machine adds to it, nothing takes from it."""
    work()
    best = float("inf")
    for _ in range(repeats):
        start = time.process_time()
        work()
        best = min(best, time.process_time() - start)
    return best * 1e3


def per_frame() -> dict[str, float]:
    """Milliseconds per frame of each metric, and of the bare networks for comparison."""
    rng = np.random.default_rng(0)
    generated, target = rng.integers(0, 256, (2, FRAMES, 256, 256, 3), dtype=np.uint8)
    points = np.array([[107.0, 101], [151, 103], [126, 126], [110, 141], [147, 141]])[None].repeat(FRAMES, axis=0)
    exp, angles, landmarks = (rng.normal(size=(2, FRAMES, *item)) for item in ((64,), (3,), (68, 2)))
    inception, lpips = Inception2015(locate("inception_2015"), CPU), Lpips(locate("lpips_alex"), CPU)
    sface = SFace(locate("sface"), threads=1)
    prepared = prepare(torch.from_numpy(target))
    published = torch.jit.load(locate("inception_2015"), map_location="cpu")

    @torch.inference_mode()
    def bare(network: torch.nn.Module) -> None:
        network(prepared)

    work: dict[str, Callable[[], object]] = {
        "psnr": lambda: image.psnr(generated, target),
        "l1": lambda: image.l1(generated, target),
        "ssim": lambda: image.ssim_gaussian(generated, target),
        "ssim_uniform7": lambda: image.ssim_uniform7(generated, target),
        "lpips": lambda: lpips.distances(generated, target),
        "csim: one embedding": lambda: sface.embed(target, points),
        "fid: features": lambda: inception.features(target),
        "  network alone": lambda: bare(inception),
        "  network as published": lambda: bare(published),
        "aed_l1": lambda: faces.aed_l1(*exp),
        "apd_l1_angles": lambda: faces.apd_l1_angles(*angles),
        "akd": lambda: faces.akd(*landmarks),
    }
    return {name: milliseconds(call) / FRAMES for name, call in work.items()}


def per_set() -> dict[str, float]:
    """Seconds for whole sets."""
    rng = np.random.default_rng(0)
    sets = {n: rng.gamma(0.5, 1.0, (2, n, 2048)).astype(np.float32) for n in (200, 500, 2048)}
    stats = [FeatureStats.of(features) for features in sets[2048]]
    values, clusters = rng.normal(size=100_000), [str(i % 50) for i in range(100_000)]
    work: dict[str, Callable[[], object]] = {
        "fid of 200 + 200": lambda: fid(*sets[200]),
        "fid of 500 + 500": lambda: fid(*sets[500]),
        "fid of 2048 + 2048": lambda: fid(*sets[2048]),
        "fid from statistics": lambda: frechet_distance(*stats),
        "fid interval, 500, 50 people": lambda: fid_interval(*sets[500], clusters[:500], seed=0),
        "fid interval, 500, 2 people": lambda: fid_interval(*sets[500], ["a"] * 250 + ["b"] * 250, seed=0),
        "bootstrap, 100,000 frames": lambda: cluster_bootstrap(values, clusters, seed=0),
    }
    return {name: milliseconds(call, repeats=1) / 1e3 for name, call in work.items()}


def main() -> None:
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    print(f"{'CPU ms per 256x256 frame':32}")
    for name, value in per_frame().items():
        print(f"{name:32}{value:10.3f}")
    print(f"{'CPU s per set':32}")
    for name, value in per_set().items():
        print(f"{name:32}{value:10.3f}")


if __name__ == "__main__":
    main()
