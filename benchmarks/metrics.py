"""Cost of each metric on one thread, CPU time; with --parity, how far each is from an independent formula.

Run: OMP_NUM_THREADS=1 python benchmarks/metrics.py
"""

import sys
import time
from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
import torch
from parity import parities
from skimage import data

from reenactory.models.face_mesh.landmarker import FaceLandmarker
from reenactory.models.metrics import background, faces, image, temporal
from reenactory.models.metrics.bootstrap import cluster_bootstrap
from reenactory.models.metrics.fid_interval import fid_interval
from reenactory.models.metrics.frechet import FeatureStats, fid, frechet_distance
from reenactory.models.metrics.inception import Inception2015, prepare
from reenactory.models.metrics.kid import kid_interval
from reenactory.models.metrics.lpips import Lpips
from reenactory.models.metrics.sface import SFace, align_face
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
    """Milliseconds per frame of each metric, and of the bare networks for comparison. Lines with a bar are networks."""
    rng = np.random.default_rng(0)
    photo = np.ascontiguousarray(data.astronaut()[:256, 96:352])
    target = np.stack([np.roll(photo, shift, axis=1) for shift in range(FRAMES)])
    generated = np.clip(target + rng.normal(0, 8, target.shape), 0, 255).astype(np.uint8)
    points = np.array([[107.0, 101], [151, 103], [126, 126], [110, 141], [147, 141]])[None].repeat(FRAMES, axis=0)
    exp, angles, landmarks = (rng.normal(size=(2, FRAMES, *item)) for item in ((64,), (3,), (68, 2)))
    inception, sface = Inception2015(locate("inception_2015"), CPU), SFace(locate("sface"), threads=1)
    alex, vgg = (Lpips(locate(name), CPU) for name in ("lpips_alex", "lpips_vgg16"))
    landmarker = FaceLandmarker(locate("face_landmarker"), 0.5)
    prepared = prepare(torch.from_numpy(target))
    signed = torch.from_numpy(target).permute(0, 3, 1, 2).float() / 127.5 - 1.0
    crops = [align_face(frame, face) for frame, face in zip(target, points, strict=True)]  # noise costs a third less
    blobs = [np.ascontiguousarray(crop.transpose(2, 0, 1)[None], dtype=np.float32) for crop in crops]
    published = torch.jit.load(locate("inception_2015"), map_location="cpu")
    valid, alpha = np.ones(FRAMES, bool), np.zeros((FRAMES, 256, 256), np.uint8)
    alpha[:, 60:, 60:200] = 255
    wall = background.background_mask(alpha[0], alpha)

    @torch.inference_mode()
    def bare(network: torch.nn.Module, *inputs: torch.Tensor) -> None:
        network(*inputs)

    work: dict[str, Callable[[], object]] = {
        "face3d: landmarks of a render": lambda: landmarker.detect(target),
        "csim: one embedding": lambda: sface.embed(target, points),
        "| network alone ": lambda: [sface._session.run(None, {"data": blob}) for blob in blobs],
        "fid, kid: features": lambda: inception.features(target),
        "| network alone": lambda: bare(inception, prepared),
        "| network as published": lambda: bare(published, prepared),
        "lpips": lambda: alex.distances(generated, target),
        "| network alone  ": lambda: bare(alex, signed, signed),
        "lpips_vgg (only when asked for)": lambda: vgg.distances(generated, target),
        "ssim": lambda: image.ssim_gaussian(generated, target),
        "ssim_uniform7": lambda: image.ssim_uniform7(generated, target),
        "psnr": lambda: image.psnr(generated, target),
        "l1": lambda: image.l1(generated, target),
        "flicker": lambda: temporal.flicker(generated, target, valid),
        "background mask": lambda: background.background_mask(alpha[0], alpha),
        "background_stability": lambda: background.background_stability(generated, wall),
        "background_psnr": lambda: background.background_psnr(generated, target[0], wall),
        "landmark_jitter": lambda: temporal.landmark_jitter(*landmarks),
        "mouth_sync": lambda: temporal.mouth_sync(*landmarks),
        "aed_l1": lambda: faces.aed_l1(*exp),
        "apd_l1_angles": lambda: faces.apd_l1_angles(*angles),
        "akd": lambda: faces.akd(*landmarks),
    }
    return {name: milliseconds(call, repeats=1 if "vgg" in name else 5) / FRAMES for name, call in work.items()}


def whole(costs: dict[str, float]) -> tuple[float, float]:
    """Milliseconds per frame of all default metrics of a render, and the share that its networks alone take.

    The landmarker counts as a network: mediapipe prepares and runs in one call.
    """
    alone = [cost for name, cost in costs.items() if name.startswith("| network alone")]
    metrics = [cost for name, cost in costs.items() if not name.startswith("|") and "vgg" not in name]
    landmarks = costs["face3d: landmarks of a render"]
    return sum(metrics), (sum(alone) + landmarks) / sum(metrics)


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
        "fid from statistics": lambda: frechet_distance(*map(replace, stats)),  # copies: their factors are kept
        "fid, the real side known": lambda: frechet_distance(stats[0], replace(stats[1])),
        "kid interval of 2048, 50 people": lambda: kid_interval(*sets[2048], (clusters * 2)[:2048], seed=0),
        "fid interval, 500, 50 people": lambda: fid_interval(*sets[500], clusters[:500], seed=0),
        "fid interval, 500, 2 people": lambda: fid_interval(*sets[500], ["a"] * 250 + ["b"] * 250, seed=0),
        "bootstrap, 100,000 frames": lambda: cluster_bootstrap(values, clusters, seed=0),
    }
    return {name: milliseconds(call, repeats=1) / 1e3 for name, call in work.items()}


def main() -> None:
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    if "--parity" in sys.argv[1:]:
        print(f"{'metric':22}{'reference':26}{'largest value':>15}{'max difference':>16}")
        for line in parities():
            print(f"{line.metric:22}{line.reference:26}{line.largest:15.6g}{line.difference:16.1e}")
        return
    print(f"{'CPU ms per 256x256 frame':32}")
    costs = per_frame()
    for name, value in costs.items():
        print(f"{name:32}{value:10.3f}")
    total, share = whole(costs)
    print(f"{'all but lpips_vgg':32}{total:10.3f}  networks alone: {share:.2f} of it")
    print(f"{'CPU s per set':32}")
    for name, value in per_set().items():
        print(f"{name:32}{value:10.3f}")


if __name__ == "__main__":
    main()
