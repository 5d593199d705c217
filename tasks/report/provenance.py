"""What it takes to run the run again: commands, parameters, libraries, weights, methods."""

import shlex
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from pydantic import JsonValue

from reenactory.infra.records import Record
from reenactory.models.renderers.protocol import RendererCard
from reenactory.models.weights import catalogue
from reenactory.tasks.errors import WrongUseError
from reenactory.tasks.renderers import renderer_class
from reenactory.tasks.rendering import ClipRow
from reenactory.tasks.report.run import Artefacts, RenderRow, RunData
from reenactory.tasks.scoring import Rendered
from reenactory.tasks.stage import get_stage

MOST_INPUTS = 6  # videos named one by one; more are named by their folders


class Weight(NamedTuple):
    """A file that the numbers depend on, as the records have it."""

    name: str
    what: str
    licence: str
    sha256: str
    warning: str  # empty where there is nothing to know before commercial use


class Method(NamedTuple):
    """A renderer of the run."""

    name: str
    card: RendererCard | None  # None: the videos were brought, or the package is not installed here
    version: str
    note: str


class Provenance(NamedTuple):
    """All of it."""

    commands: list[tuple[str, str]]  # what it does, the command
    params: list[tuple[str, str, str, bool]]  # stage, knob, value, whether it is the default
    versions: list[tuple[str, str]]
    weights: list[Weight]
    methods: list[Method]
    pairs_sha256: str
    seeds: str


def provenance(data: RunData, artefacts: Artefacts) -> Provenance:
    """From the records of one clip and of one render per renderer: one flow makes all of them alike."""
    preparing = _clip_records(next(iter(data.clip.values()), None), artefacts)
    firsts = {name: _first_done(data, name) for name in data.renderers}
    made = {name: _render_records(data, row, artefacts) for name, row in firsts.items() if row is not None}
    records = [*preparing, *(record for group in made.values() for record in group)]
    return Provenance(
        commands=_commands(data, preparing),
        params=_params(preparing),
        versions=_versions(records),
        weights=[*_weights(records), *_known_clips(data)],
        methods=[_method(name, firsts[name], made.get(name, [])) for name in data.renderers],
        pairs_sha256=data.pairs_sha256,
        seeds=", ".join(str(seed) for seed in sorted({pair.seed for pair in data.pairs})),
    )


def _clip_records(clip: ClipRow | None, artefacts: Artefacts) -> list[Record]:
    """Records of a clip's stages, back to the first through each one's upstream keys."""
    if clip is None:
        return []
    crop = artefacts.record("crop", clip["crop_key"])
    track = artefacts.record("track", crop.upstream[0]) if crop else None
    detect = artefacts.record("detect", track.upstream[0]) if track else None
    later = [artefacts.record(stage, clip[f"{stage}_key"]) for stage in ("matte", "face3d")]
    return [record for record in (detect, track, crop, *later) if record is not None]


def _first_done(data: RunData, renderer: str) -> RenderRow | None:
    return next((row for row in data.renders if row["renderer"] == renderer and row["outcome"] == "done"), None)


def _render_records(data: RunData, row: RenderRow, artefacts: Artefacts) -> list[Record]:
    pair = next(pair for pair in data.pairs if pair.pair_id == row["pair_id"])
    stage, key = str(row["stage"]), str(row["render_key"])
    chain = data.scoring.chain(Rendered(pair, str(row["renderer"]), stage, key))
    found = [artefacts.record(stage, key), *(artefacts.record(job.stage, job.keys[0]) for job in chain)]
    return [record for record in found if record is not None]


def _commands(data: RunData, preparing: Sequence[Record]) -> list[tuple[str, str]]:
    store = ["--store", data.store_uri]
    pairs = f"{data.store_uri}/runs/{data.run}/pairs.parquet".removeprefix("file://")
    prepare = ["reenactory", "preprocess", *_inputs(data.clips), *store, "--dataset", data.dataset]
    if any(row["crop_mode"] == "published_metadata" for row in data.clips):
        prepare += ["--metadata", "METADATA.csv"]
    for stage, knob, value, default in _params(preparing):
        prepare += [] if default else ["--set", f"{stage}.{knob}={value}"]
    commands = [("Make the dataset", prepare)]
    evaluations: list[list[str]] = []
    for name in data.renderers:
        if any(row["renderer"] == name and row["stage"] == "adopt" for row in data.renders):
            evaluations.append(["--renders", "FOLDER", "--name", name])
        else:
            render = ["reenactory", "render", pairs, "--renderer", name, *store, "--run", data.run]
            commands.append((f"Render with {name}", render))
    score = ["reenactory", "evaluate", *store, "--run", data.run, *_score_knobs(data)]
    commands += [("Score, and write this page", [*score, *extra]) for extra in evaluations or [[]]]
    return [(title, shlex.join(words)) for title, words in commands]


def _score_knobs(data: RunData) -> list[str]:
    params = data.scoring.params
    defaults = type(params)().model_dump(mode="json")
    changed = {knob: value for knob, value in params.model_dump(mode="json").items() if value != defaults[knob]}
    return [word for knob, value in changed.items() for word in ("--set", f"score.{knob}={_spelled(value)}")]


def _inputs(clips: Sequence[ClipRow]) -> list[str]:
    videos = sorted({str(row["video_uri"]) for row in clips})
    if len(videos) <= MOST_INPUTS:
        return videos
    return sorted({video.rpartition("/")[0] or "." for video in videos})[:MOST_INPUTS]


def _params(records: Iterable[Record]) -> list[tuple[str, str, str, bool]]:
    rows: list[tuple[str, str, str, bool]] = []
    for record in records:
        defaults = get_stage(record.stage).Params().model_dump(mode="json")
        for knob, value in record.params.items():
            rows.append((record.stage, knob, _spelled(value), knob in defaults and value == defaults[knob]))
    return rows


def _spelled(value: JsonValue) -> str:
    return {True: "true", False: "false", None: "none"}[value] if isinstance(value, bool | None) else str(value)


def _versions(records: Iterable[Record]) -> list[tuple[str, str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for record in records:
        for name, version in record.versions.items():
            found[name].add(version)
    return [(name, " and ".join(sorted(versions))) for name, versions in sorted(found.items())]


def _weights(records: Iterable[Record]) -> list[Weight]:
    used = sorted({(name, sha256) for record in records for name, sha256 in record.weights.items()})
    return [_weight(name, sha256) for name, sha256 in used]


def _weight(name: str, sha256: str) -> Weight:
    entry = catalogue().get(name)
    if entry is None:
        return Weight(name, "not in this version's catalogue", "unknown", sha256, "licence unknown")
    if entry.sha256 != sha256:
        return Weight(name, entry.what, "of your own file", sha256, "not the pinned file")
    return Weight(name, entry.what, entry.licence, sha256, "" if entry.commercial else "commercial use not cleared")


def _known_clips(data: RunData) -> list[Weight]:
    """Videos of the dataset that the catalogue knows: their licences belong to the pictures on the page."""
    digests = {row["video_sha256"] for row in data.clips}
    known = [entry for entry in catalogue().values() if entry.kind == "clip" and entry.sha256 in digests]
    return [_weight(entry.name, entry.sha256) for entry in known]


def _method(name: str, first: Mapping[str, object] | None, records: Sequence[Record]) -> Method:
    if first is not None and first["stage"] == "adopt":
        return Method(name, None, "", "Videos that were brought: nothing is known here of how they were made.")
    version = next((str(r.params["renderer_version"]) for r in records if r.stage == "render"), "")
    try:
        return Method(name, renderer_class(name).card, version, "")
    except WrongUseError:
        return Method(name, None, version, "Its package is not installed where this page was written.")
