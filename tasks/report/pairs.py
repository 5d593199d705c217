"""The pairs of a run as film strips: the driver above, each renderer below, the same frames in the same columns."""

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from typing import NamedTuple
from urllib.parse import quote

import pyarrow as pa

from reenactory.infra.records import Record
from reenactory.models.metrics.definition import ARROWS
from reenactory.models.metrics.registry import PLACE, lookup
from reenactory.tasks.pairs import Pair
from reenactory.tasks.report.choice import MOST_RENDERERS, SHOWN, choose, examples, worst_first
from reenactory.tasks.report.colours import DRIVER, colour_of
from reenactory.tasks.report.curves import Chart, charts, score_chart
from reenactory.tasks.report.films import MOST_FRAMES, MOST_TILES, Film, Films
from reenactory.tasks.report.format import number
from reenactory.tasks.report.run import Artefacts, RenderRow, RunData, clip_rate
from reenactory.tasks.report.tiles import Frames, Strip, sampled, strip

TILE_PX = 160
MOST_TABLE_ROWS = 400


class RenderStrip(NamedTuple):
    """One renderer's row."""

    renderer: str
    colour: str
    strip: Strip | None
    note: str  # why there is no strip, or what is wrong with it
    values: list[tuple[str, str]]  # metric, value
    video: str  # relative address of the mp4; empty where the run has none


class PairSheet(NamedTuple):
    """One pair."""

    pair: Pair
    places: list[str]  # what it is an example of
    indices: list[int]  # of the driving clip
    source: Strip | None
    driving: Strip | None
    renders: list[RenderStrip]
    charts: list[Chart]
    film: Film | None  # None: fewer than two pictures, or the page has enough films


class ExampleRow(NamedTuple):
    """The best, the middle and the worst pair by one metric: name, value, and whether its sheet is on the page."""

    protocol: str
    metric: str
    arrow: str
    pairs: list[tuple[str, str, bool]]


class PairSheets(NamedTuple):
    """The pairs that are shown, and how many there are."""

    sheets: list[PairSheet]
    total: int
    renderers_left_out: int
    examples: list[ExampleRow]


class PairTable(NamedTuple):
    """Means per pair and renderer, the worst pairs first."""

    metrics: list[str]
    rows: list[tuple[Pair, str, list[str]]]
    total: int


def pair_sheets(data: RunData, artefacts: Artefacts) -> PairSheets:
    videos = {path for path in artefacts.store.list(f"runs/{data.run}/renders/") if path.endswith(".mp4")}
    films = Films(artefacts.cache)
    sheets = [_sheet(data, artefacts, videos, films, *chosen) for chosen in choose(data)]
    left_out = max(0, len(data.renderers) - MOST_RENDERERS)
    return PairSheets(sheets, len(data.pairs), left_out, _example_rows(data, {sheet.pair.pair_id for sheet in sheets}))


def _example_rows(data: RunData, shown: AbstractSet[str]) -> list[ExampleRow]:
    rows: list[ExampleRow] = []
    for protocol, metric, found in examples(data):
        decimals = data.decimals[metric]
        pairs = [(pair.pair_id, number(value, decimals), pair.pair_id in shown) for _, pair, value in found]
        rows.append(ExampleRow(protocol, metric, ARROWS[lookup(metric).direction], pairs))
    return rows


def pair_table(data: RunData) -> PairTable:
    present = {metric for _, _, metric in data.mean}
    metrics = sorted(present, key=lambda name: (PLACE.get(name, len(PLACE)), name))
    keys = [
        (pair, name) for pair in worst_first(data) for name in data.renderers if (name, pair.pair_id) in data.render
    ]
    rows = [
        (pair, name, [number(data.mean.get((name, pair.pair_id, metric)), data.decimals[metric]) for metric in metrics])
        for pair, name in keys[:MOST_TABLE_ROWS]
    ]
    return PairTable(metrics, rows, len(keys))


def _sheet(
    data: RunData, artefacts: Artefacts, videos: set[str], films: Films, pair: Pair, places: list[str]
) -> PairSheet:
    source, driver = data.clip[pair.source_clip], data.clip[pair.driving_clip]
    local = sampled(pair.driving_count)
    indices = [pair.driving_start + index for index in local]
    still = artefacts.frames("crop", source["crop_key"], "clip.mp4", [pair.source_frame])
    driving = artefacts.frames("crop", driver["crop_key"], "clip.mp4", indices)
    face = artefacts.table("face3d", driver["face3d_key"], "coefficients.parquet")
    faces: list[pa.Table | None] = [None if face is None else face.slice(pair.driving_start, pair.driving_count)]
    renders: list[RenderStrip] = []
    colours = [DRIVER]
    scores: list[pa.Table | None] = []
    for renderer in data.renderers[:MOST_RENDERERS]:
        row = data.render.get((renderer, pair.pair_id))
        colours.append(colour_of(renderer))
        renders.append(_render_strip(data, artefacts, videos, pair, renderer, row, local))
        done = row if row is not None and row["outcome"] == "done" else None
        faces.append(artefacts.table("face3d", done and data.fitted_key(done, pair), "coefficients.parquet"))
        scores.append(artefacts.table("score", done and data.score_key(done, pair), "scores.parquet"))
    film = films.make(_moving(data, artefacts, pair), clip_rate(driver))
    strips = strip(still, TILE_PX), strip(driving, TILE_PX)
    curves = charts(faces, colours)
    scored = score_chart(SHOWN[pair.protocol], scores, colours[1:])
    curves += [scored] if scored else []
    return PairSheet(pair, places, indices, *strips, renders, curves, film)


def _moving(data: RunData, artefacts: Artefacts, pair: Pair) -> Iterator[tuple[str, Frames | None]]:
    """The first frames of the driver and of each render."""
    local = list(range(min(pair.driving_count, MOST_FRAMES)))
    driver = data.clip[pair.driving_clip]
    indices = [pair.driving_start + index for index in local]
    yield "driver", artefacts.frames("crop", driver["crop_key"], "clip.mp4", indices)
    for renderer in data.renderers[: MOST_TILES - 1]:
        row = data.render.get((renderer, pair.pair_id))
        if row is not None and row["outcome"] == "done":
            yield renderer, artefacts.frames(str(row["stage"]), row["render_key"], "frames.mp4", local)


def _render_strip(
    data: RunData,
    artefacts: Artefacts,
    videos: set[str],
    pair: Pair,
    renderer: str,
    row: RenderRow | None,
    local: list[int],
) -> RenderStrip:
    colour = colour_of(renderer)
    if row is None:
        return RenderStrip(renderer, colour, None, "This renderer was not given the pair, or its work failed.", [], "")
    if row["outcome"] != "done":
        return RenderStrip(renderer, colour, None, f"{row['reason']}: {row['detail']}", [], "")
    stage, key = str(row["stage"]), row["render_key"]
    picture = strip(artefacts.frames(stage, key, "frames.mp4", local), TILE_PX)
    record = artefacts.record(stage, key)
    note = _invalid(record, pair) if picture else "The store no longer has the frames of this render."
    name = f"renders/{pair.pair_id}__{renderer}.mp4"
    video = quote(name) if f"runs/{data.run}/{name}" in videos else ""
    means = [(metric, data.mean.get((renderer, pair.pair_id, metric))) for metric in SHOWN[pair.protocol]]
    values = [(metric, number(value, data.decimals[metric])) for metric, value in means if value is not None]
    return RenderStrip(renderer, colour, picture, note, values, video)


def _invalid(record: Record | None, pair: Pair) -> str:
    valid = record.facts.get("valid") if record else None
    lost = pair.driving_count - valid if isinstance(valid, int) else 0
    what = "are not scored" if record and record.stage == "adopt" else "could not be rendered"
    return f"{lost:,} of {pair.driving_count:,} frames {what} (plain grey)." if lost else ""
