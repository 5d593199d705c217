"""The rasterizer's backends on a mesh as large as the field's face model, and the maps that are made of it.

    .venv/bin/python benchmarks/rasterizer.py [--side 256] [--rounds 20] [--pytorch3d-rounds 0] [--occlusion]

Milliseconds per frame, best of several, on one core, of processor time (wall time on CUDA): other processes count
little. The mesh is made of numbers, with 35,709 vertices and 70,789 triangles, all in view of the camera.
--occlusion prints how often the rules of visibility err, against rays cast in float64.
"""

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from reenactory.models.face_maps.guidance import guidance_maps
from reenactory.models.face_maps.settings import OcclusionRule, OcclusionSettings
from reenactory.models.face_maps.visibility import view_source
from reenactory.models.rasterizer.fragments import interpolate, interpolate_torch
from reenactory.models.rasterizer.pytorch3d_backend import is_installed
from reenactory.models.rasterizer.rasterize import Backend, rasterize

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))  # the mesh and the rays of the tests
from exact_visibility import error_rates
from face_like_mesh import face_like_mesh, project, rotation

RULES: tuple[tuple[OcclusionRule, int | None], ...] = (
    ("triangle_set", None),
    ("triangle_set", 1),
    ("triangle_set", 3),
    ("triangle_set", 5),
    ("triangle_set", 7),
    ("one_ring", 1),
    ("one_ring", 5),
    ("depth", 1),
    ("depth", 5),
)


def best(action: Callable[[], object], rounds: int, clock: Callable[[], float] = time.process_time) -> float:
    """Milliseconds."""
    action()
    taken = []
    for _ in range(rounds):
        started = clock()
        action()
        taken.append(clock() - started)
    return min(taken) * 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--side", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--pytorch3d-rounds", type=int, default=0, help="on a CPU it takes half a minute per frame")
    parser.add_argument("--occlusion", action="store_true")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    points, triangles = face_like_mesh()
    table = torch.from_numpy(triangles)
    poses = [project(points, rotation(yaw, 5, 3), chosen.side) for yaw in np.linspace(-40, 40, 8)]
    frames = torch.from_numpy(np.stack(poses)).float()
    compare_backends(frames, table, chosen.side, chosen.rounds, chosen.pytorch3d_rounds)
    time_maps(frames, table, chosen.side, chosen.rounds)
    if chosen.occlusion:
        print_occlusion()


def compare_backends(frames: Tensor, table: Tensor, side: int, rounds: int, pytorch3d_rounds: int) -> None:
    size, single = (side, side), frames[:1]
    attributes = torch.rand((len(frames), frames.shape[1], 5), generator=torch.Generator().manual_seed(0))
    fragments = rasterize(single, table, size)
    print(f"{frames.shape[1]} vertices, {len(table)} triangles, {side}x{side}, ms per frame")
    print(
        f"{int((fragments.triangle >= 0).sum())} pixels covered, {len(fragments.triangle.unique()) - 1} triangles seen"
    )

    def raster(backend: Backend, batch: Tensor, cull: bool = False) -> Callable[[], object]:
        return lambda: rasterize(batch, table, size, cull, backend=backend)

    def both() -> object:
        return interpolate(rasterize(frames, table, size), table, attributes)

    rows = {
        "numba": best(raster("numba", single), rounds),
        "numba, culled": best(raster("numba", single, True), rounds),
        "numba, five attributes interpolated": best(lambda: interpolate(fragments, table, attributes[:1]), rounds),
        "numba, batch of 8, rasterized and interpolated": best(both, max(1, rounds // 4)) / len(frames),
        "torch": best(raster("torch", single), max(1, rounds // 4)),
        "torch, five attributes interpolated": best(
            lambda: interpolate_torch(fragments, table, attributes[:1]), max(1, rounds // 4)
        ),
    }
    if is_installed() and pytorch3d_rounds:
        rows["pytorch3d on the CPU"] = best(raster("pytorch3d", single), pytorch3d_rounds)
    if torch.cuda.is_available():
        rows |= cuda_rows(frames, table, size, rounds)
    for name, taken in rows.items():
        print(f"{name:48} {taken:10.2f} ms {taken / rows['numba']:8.2f} times numba")


def cuda_rows(frames: Tensor, table: Tensor, size: tuple[int, int], rounds: int) -> dict[str, float]:
    batch, faces = frames.cuda(), table.cuda()
    backends: list[Backend] = ["torch", "pytorch3d"] if is_installed() else ["torch"]

    def draw(backend: Backend) -> None:
        rasterize(batch, faces, size, backend=backend)
        torch.cuda.synchronize()

    return {
        f"{backend} on CUDA, batch of 8": best(lambda chosen=backend: draw(chosen), rounds, time.perf_counter)
        / len(batch)  # type: ignore[misc]
        for backend in backends
    }


def time_maps(frames: Tensor, table: Tensor, side: int, rounds: int) -> None:
    size, single = (side, side), frames[:1]
    colours = torch.rand((1, frames.shape[1], 3), generator=torch.Generator().manual_seed(0))
    source = view_source(single, table, size)
    taken = best(lambda: guidance_maps(source, frames[-1:], table, colours), rounds)
    print(f"{'shaded face, flow, occlusion and mask together':48} {taken:10.2f} ms")
    for rule, scale in RULES:
        settings = OcclusionSettings(rule, scale)
        taken = best(lambda settings=settings: view_source(single, table, size, settings), 3)  # type: ignore[misc]
        print(f"{f'once per source: {rule} at {scale}':48} {taken:10.2f} ms")


def print_occlusion() -> None:
    """Percent of the face's pixels: called hidden though seen / called visible though hidden."""
    for dense, name in ((False, "35,265"), (True, "70,789")):
        print(f"\n{name} triangles in view; false hidden / false visible, % of the face's pixels")
        print("source yaw, target's from it" + "".join(f"{f'{rule}@{scale}':>18}" for rule, scale in RULES))
        for source_yaw, yaw in ((0, 20), (0, 30), (0, 45), (0, 60), (0, -60), (0, 80), (30, -30), (30, -60), (30, -80)):
            found = [error_rates(source_yaw, yaw, OcclusionSettings(*rule), dense) for rule in RULES]
            cells = "".join(f"{f'{100 * hidden:.2f} / {100 * seen:.2f}':>18}" for hidden, seen, _ in found)
            print(f"{source_yaw:>10} {yaw:>17}{cells}")


if __name__ == "__main__":
    main()
