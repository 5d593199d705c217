"""FID and KID of a run as jobs, a set of pairs at a time, and what they found as rows of the aggregates."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from reenactory.infra.keys import canonical_json, digest
from reenactory.infra.records import artefact_path
from reenactory.infra.store import Store
from reenactory.infra.tables import get_table
from reenactory.models.metrics.registry import definition_for
from reenactory.tasks.pool import SCHEMA, Params
from reenactory.tasks.results.aggregate import AGGREGATES, PairInfo
from reenactory.tasks.scoring import Scored
from reenactory.tasks.stage import ArtefactRef, ArtefactsRef, Job

DEFINITIONS = tuple(definition_for(metric) for metric in ("fid_pooled", "kid"))


class Pooling(NamedTuple):
    """A job and which renderer each of its keys is of."""

    job: Job
    protocol: str
    renderers: tuple[str, ...]
    pairs: int


def poolings(scored: Iterable[Scored], pairs: Mapping[str, PairInfo]) -> Iterator[Pooling]:
    """All rendered frames of a renderer and protocol against all frames that drove them.

    Renderers that made the same frames of the same pairs share one job, which reads and factors the real side once.

    Args:
        scored: renders with features.
        pairs: by pair_id.
    """
    by_renderer: dict[tuple[str, str], list[Scored]] = defaultdict(list)
    for item in sorted(scored, key=lambda item: item.rendered.pair.pair_id):
        by_renderer[pairs[item.rendered.pair.pair_id].protocol, item.rendered.renderer].append(item)
    groups: dict[tuple[str, ...], dict[str, list[Scored]]] = defaultdict(dict)
    for (protocol, renderer), items in sorted(by_renderer.items()):
        groups[protocol, *(_frames(item) for item in items)][renderer] = items
    for (protocol, *_), alike in groups.items():
        yield Pooling(_job(alike, protocol, pairs), protocol, tuple(alike), len(next(iter(alike.values()))))


def pooled_lines(store: Store, made: Iterable[Pooling]) -> Iterator[dict[str, object]]:
    """Rows of AGGREGATES."""
    for pooling in made:
        for renderer, key in zip(pooling.renderers, pooling.job.keys, strict=True):
            shared = {"renderer": renderer, "protocol": pooling.protocol, "n_pairs": pooling.pairs}
            rows = get_table(store, artefact_path("pool", key, "pooled.parquet")).select(SCHEMA.names).to_pylist()
            yield from ({**dict.fromkeys(AGGREGATES.names), **shared, **row} for row in rows)


def _frames(item: Scored) -> str:
    """Names the driving frames that a render has a picture of: all of its pair, or those that were rendered."""
    return item.rendered.pair.pair_id if not item.dropped else item.features_key


def _job(alike: Mapping[str, Sequence[Scored]], protocol: str, pairs: Mapping[str, PairInfo]) -> Job:
    """One job for renderers of the same frames: the first one's real side is that of all."""
    first = next(iter(alike.values()))
    names = tuple(item.rendered.pair.pair_id for item in first)
    people = tuple(pairs[name].identity for name in names)
    real = tuple(item.real_key for item in first)
    about = digest(canonical_json([list(names), list(people)]))
    frames = sum(item.rendered.pair.driving_count - item.dropped for item in first)
    inputs = {
        "valid": ArtefactsRef(
            tuple(ArtefactRef(item.rendered.stage, item.rendered.key, "valid.npy") for item in first)
        ),
        "real": _inception(real),
        "generated": _inception([item.features_key for items in alike.values() for item in items]),
    }
    return Job(
        "pool",
        Params(),
        tuple((*DEFINITIONS, about, *real, *(item.features_key for item in items)) for items in alike.values()),
        f"FID and KID of {', '.join(alike)} in {protocol} pairs",
        frames * len(alike),
        inputs,
        {"pairs": names, "people": people, "dropped": tuple(item.dropped for item in first)},
        tuple({"renderer": place} for place in range(len(alike))),
    )


def _inception(keys: Iterable[str]) -> ArtefactsRef:
    return ArtefactsRef(tuple(ArtefactRef("features", key, "inception.npy") for key in keys))
