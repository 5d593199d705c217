"""What it takes to run the run again: commands, parameters, libraries, weights, methods."""

import json
import shlex
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from pydantic import JsonValue

from reenactory.infra.records import Record
from reenactory.infra.store import Store
from reenactory.models.renderers.protocol import RendererCard
from reenactory.models.weights import catalogue
from reenactory.tasks.adopt import FOR_PEOPLE
from reenactory.tasks.errors import WrongUseError
from reenactory.tasks.renderers import renderer_class
from reenactory.tasks.rendering import ClipRow
from reenactory.tasks.report.format import counted
from reenactory.tasks.report.run import Artefacts, RenderRow, RunData
from reenactory.tasks.scoring import Rendered
from reenactory.tasks.stage import get_stage

BROUGHT = "Videos that were brought: nothing is known here of how they were made."
BEGINNINGS = {
    "extra": "Each begins with a frame more than the pair has, which was left away.",
    "source": "Each begins with the source: the first frame of each pair is not scored, and counts as dropped.",
    "missing": "Each begins with the second frame of its pair: the first is not scored, and counts as dropped.",
}


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
    drawn_by: str


def provenance(data: RunData, artefacts: Artefacts) -> Provenance:
    """From the records of one clip and of one render per renderer: one flow makes all of them alike."""
    preparing = _clip_records(next(iter(data.clip.values()), None), artefacts)
    firsts = {name: _first_done(data, name) for name in data.renderers}
    made = {name: _render_records(data, row, artefacts) for name, row in firsts.items() if row is not None}
    records = [*preparing, *(record for group in made.values() for record in group)]
    return Provenance(
        commands=_commands(data, artefacts.store),
        params=_params(preparing),
        versions=_versions(records),
        weights=[*_weights(records), *_known_clips(data)],
        methods=[_method(data, name, made.get(name, [])) for name in data.renderers],
        pairs_sha256=data.pairs_sha256,
        drawn_by=data.drawn_by or "a list of its own, drawn with seed " + _seeds(data),
    )


def _seeds(data: RunData) -> str:
    return " and ".join(str(seed) for seed in sorted({pair.seed for pair in data.pairs}))


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


def _commands(data: RunData, store: Store) -> list[tuple[str, str]]:
    """As the flows wrote them into their plans; empty where the version that did it did not."""
    run = f"runs/{data.run}"
    plans = [("Make the dataset", f"runs/preprocess-{data.dataset}/plan-preprocess.json")]
    plans += [
        (f"Bring and score {name}", f"{run}/plan-adopt-{name}.json")
        if name in _brought(data)
        else (f"Render with {name}", f"{run}/plan-render-{name}.json")
        for name in data.renderers
    ]
    plans.append(("Score, and write this page", f"{run}/plan-evaluate.json"))
    commands = [(title, _command(store, plan)) for title, plan in plans]
    last = commands[-1][1]
    return [entry for entry in commands[:-1] if entry[1] != last or not last] + commands[-1:]


def _brought(data: RunData) -> set[str]:
    return {str(row["renderer"]) for row in data.renders if row["stage"] == "adopt"}


def _command(store: Store, plan: str) -> str:
    if not store.exists(plan):
        return ""
    words = json.loads(store.get(plan)).get("command", [])
    return shlex.join(words)


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


def _method(data: RunData, name: str, records: Sequence[Record]) -> Method:
    if name in _brought(data):
        return Method(
            name,
            None,
            "",
            " ".join([BROUGHT, *_as_taken(records), *(f"But {said}" for said in for_people(data, name))]),
        )
    version = next((str(r.params["renderer_version"]) for r in records if r.stage == "render"), "")
    try:
        return Method(name, renderer_class(name).card, version, "")
    except WrongUseError:
        return Method(name, None, version, "Its package is not installed where this page was written.")


def for_people(data: RunData, renderer: str) -> list[str]:
    """A sentence where brought videos are some that this program had made for people."""
    rows = [row for row in data.renders if row["renderer"] == renderer]
    ours = sum(str(row["detail"] or "").startswith(FOR_PEOPLE) for row in rows)
    if not ours:
        return []
    return [
        f"on {ours:,} of {counted(len(rows), 'pair')} it was scored on a video that reenactory made for people, lossy "
        "and as a rule with a label and a watermark in the picture: these scores are not the method's."
    ]


def _as_taken(records: Iterable[Record]) -> list[str]:
    """How brought videos were cut to their pairs, in sentences."""
    params = next((record.params for record in records if record.stage == "adopt"), {})
    panel, panels, first = params.get("panel"), params.get("panels", 1), params.get("first_frame", "driven")
    said = [] if panels == 1 else [f"Panel {panel} of {panels} was cut out of their pictures."]
    return said + [text for name, text in BEGINNINGS.items() if name == first]
