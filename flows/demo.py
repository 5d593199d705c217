"""The whole pipeline on the demo clips: two people, one video without a face, three renderers, one report."""

import shutil
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from reenactory.flows.evaluate import EvaluateRequest, evaluate
from reenactory.flows.models import fetch_models
from reenactory.flows.pairs import write_pairs
from reenactory.flows.preprocess import PreprocessRequest, preprocess
from reenactory.flows.render import RenderRequest, render
from reenactory.infra.ray_session import keep_ray
from reenactory.infra.store import open_store
from reenactory.infra.summary import Summary, merge
from reenactory.models.weights import fetchable, locate
from reenactory.tasks.presets import Preset

RUN = "demo"
RENDERERS = ("copy", "warp", "flow3d")
CLIPS = {"demo_woman": "woman.mp4", "demo_man": "man.mp4", "demo_no_face": "no_face.mp4"}
UNUSED_WEIGHTS = frozenset({"lpips_vgg16"})

PRESET = Preset.IN_THE_WILD  # the published filters want faces of 256 px; these clips are 640x360


class DemoResult(NamedTuple):
    summary: Summary
    places: dict[str, str]


def demo(out: Path, workers: int | None, frames: int) -> DemoResult:
    """Run everything; a second time everything comes from the store. Returns the merged summary and where to look."""
    fetch_models([name for name in fetchable() if name not in UNUSED_WEIGHTS])
    store = str(out / "store")
    videos = _videos(out / "videos")
    with keep_ray():
        parts = _flows(store, str(videos), out, workers, frames)
    summary = merge(RUN, "demo", parts)
    return DemoResult(summary, _bring_out(store, out, summary))


def _flows(store: str, videos: str, out: Path, workers: int | None, frames: int) -> list[Summary]:
    asked = {"inputs": [videos], "store": store, "dataset": RUN, "workers": workers, "preset": PRESET}
    parts = [preprocess(PreprocessRequest.model_validate(asked))]
    pairs = str(_pairs(store, out, frames))
    for name in RENDERERS:
        parts.append(render(RenderRequest(pairs=pairs, renderer=name, store=store, run=RUN, workers=workers)))
    parts.append(evaluate(EvaluateRequest(store=store, run=RUN, workers=workers)))
    return parts


def _videos(folder: Path) -> Path:
    """The clips under names that say who is on them (the name is the identity)."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, file in CLIPS.items():
        if not (folder / file).exists():
            shutil.copyfile(locate(name), folder / file)
    return folder


def _pairs(store: str, out: Path, frames: int) -> Path:
    files = [out / f"pairs-{protocol}.parquet" for protocol in ("self", "cross")]
    for file, protocol in zip(files, ("self", "cross"), strict=True):
        write_pairs(store, RUN, protocol, 2, 0, frames, file)
    both = out / "pairs.parquet"
    pq.write_table(pa.concat_tables([pq.read_table(file) for file in files]), both)
    return both


def _bring_out(store_uri: str, out: Path, summary: Summary) -> dict[str, str]:
    """Copies of what a person opens first, outside the store."""
    store = open_store(store_uri)
    (out / "renders").mkdir(exist_ok=True)
    for path in store.list(f"runs/{RUN}/renders/"):
        if path.endswith((".mp4", ".json")):
            shutil.copyfile(store.local_path(path, out), out / "renders" / Path(path).name)
    shutil.copyfile(store.local_path(f"runs/{RUN}/report.html", out), out / "report.html")
    (out / "summary.json").write_text(summary.model_dump_json(indent=1))
    return {name: str(out / name) for name in ("report.html", "summary.json", "renders")}
