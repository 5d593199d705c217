"""Raw videos in, a dataset out: clips, mattes, coefficients, and a reason for every video that gave none."""

from collections.abc import Iterable, Mapping, Sequence

from pydantic import Field, model_validator

from reenactory.flows.again import announce
from reenactory.flows.workplace import Name, ShardMap, Where, Workplace, in_order, workplace
from reenactory.infra.addresses import user_path
from reenactory.infra.entries import Entry
from reenactory.infra.glance import Glance
from reenactory.infra.metadata import read_metadata
from reenactory.infra.sources import Source, find_videos, with_digests
from reenactory.infra.split_list import read_split_list
from reenactory.infra.summary import Summary
from reenactory.infra.utterances import Utterances
from reenactory.tasks import face3d
from reenactory.tasks.dataset import gone_note, keep_only
from reenactory.tasks.equal_names import refuse_equal_names
from reenactory.tasks.preprocess import MetadataRows, Preprocessing, PreprocessParams
from reenactory.tasks.presets import Preset, merged
from reenactory.tasks.results.books import Books
from reenactory.tasks.running.drive import Ledger
from reenactory.tasks.running.planning import Plan, plan_shard, shards_of
from reenactory.tasks.stage import Chain

WEIGHTS = ("yunet", "rvm_mobilenetv3")  # and what the extractor needs


class PreprocessRequest(Where):
    """Parameters of the `preprocess-dataset` deployment and of `reenactory preprocess`."""

    inputs: list[str] = Field(description="Files, folders, globs, s3:// prefixes, or CSV/Parquet manifests.")
    dataset: Name = Field(description="Name of the dataset in the store.")
    metadata: str | None = Field(
        default=None,
        description="Published VoxCeleb metadata CSV (its clips, its boxes), or an utterance text file or a folder of "
        "them (the annotated face is tracked). Videos that it does not name are rejected.",
    )
    split_list: str | None = Field(
        default=None,
        description="Text file that names the persons of the test split, one per line (VoxCeleb2 publishes such a "
        "list). Clips without a split of their own become 'test' or 'train' by it.",
    )
    preset: Preset = Field(
        default=Preset.FOMM,
        description="Where the knobs start from. 'fomm': the published rules and numbers. 'fomm-exact': also every "
        "frame searched, 25 frames per second, and no rule about shots. 'in-the-wild': for low-resolution or tightly "
        "framed video.",
    )
    params: PreprocessParams = Field(default=PreprocessParams(), description="Knobs, by stage; over the preset's.")

    @model_validator(mode="before")
    @classmethod
    def _start_from_preset(cls, given: object) -> object:
        """Fills `params` up from the preset. Ready-made parameters have no gaps to fill."""
        if not isinstance(given, dict):
            return given
        preset, params = given.get("preset", Preset.FOMM), given.get("params", {})
        if preset not in list(Preset) or not isinstance(params, dict):
            return given
        return {**given, "params": merged(Preset(preset), params)}


def preprocess(request: PreprocessRequest, map_shards: ShardMap[Source] = in_order) -> Summary:
    """Make or complete a dataset. Videos are cut into shards; each shard's clips go through all stages."""
    sources, skipped = find_videos(request.inputs)
    jobs = preprocessing(request)
    refuse_equal_names(jobs.metadata, sources)
    with workplace(request, f"preprocess {request.dataset}", f"datasets/{request.dataset}", new_store=True) as place:
        if skipped:
            place.tally.outcomes["files that are not video, passed over"] = skipped
        announce(place.store, f"preprocess-{request.dataset}", "preprocess", "preprocess", request)
        books = Books(place.store, request.dataset, jobs, place.workers, believed=not request.retry)

        def work(shard: Sequence[Source]) -> Ledger:
            ledger = _drive_shard(place, jobs, shard)
            books.enter(shard, Glance(place.index))
            return ledger

        planned, unfinished = _finish_what_is_cached(place, books, with_digests(place.store, sources))
        place.tally.estimate = planned.compute_seconds
        for ledger in map_shards(work, unfinished, place.tally):
            place.ledger.add(ledger)
        books.write(jobs.missing(sources))
        if gone := keep_only(place.store, request.dataset, books.parts):
            place.notes.append(gone_note(request.dataset, gone))
        books.receipts.save()
        outputs = {name: f"{place.store.uri}/datasets/{request.dataset}/{name}" for name in ("clips", "face3d")}
        return place.summary(books.log, len(sources), outputs, planned_worker_seconds=planned.compute_seconds)


def _finish_what_is_cached(
    place: Workplace, books: Books, sources: Iterable[Source]
) -> tuple[Plan, list[Sequence[Source]]]:
    """The plan, and the shards that need work. Of the others the rows are written at once, while their records are at
    hand: without workers and without a Prefect task each, a million cached videos are done in minutes."""
    planned, unfinished = Plan(0, place.workers), list[Sequence[Source]]()
    for shard in shards_of(sources):
        glance = Glance(place.index)
        known = books.known(shard)
        counts = known or plan_shard(books.jobs, shard, glance, place.workers)
        planned.add(counts)
        if counts.unfinished:
            unfinished.append(shard)
            continue
        place.ledger.cached += counts.cached
        place.tally.outcomes["videos with nothing left to do"] += len(shard)
        if known is None:
            books.enter(shard, glance, counts)
    if unfinished:
        planned.take_rates(place.index)
    return planned, unfinished


def preprocessing(request: PreprocessRequest) -> Preprocessing:
    """The jobs that a request means.

    With a metadata file, clips are cut by its boxes, stretched as published; with utterances, the annotated face is
    tracked.
    """
    test_persons = None if request.split_list is None else read_split_list(user_path(request.split_list))
    return Preprocessing(request.params, metadata_rows(request.metadata), test_persons)


def metadata_rows(given: str | None) -> Mapping[str, MetadataRows] | None:
    """Rows by video id, of a CSV or of utterance text files."""
    if given is None:
        return None
    path = user_path(given)
    return Utterances(path) if path.is_dir() or path.suffix.lower() == ".txt" else read_metadata(path)


def _drive_shard(place: Workplace, jobs: Preprocessing, shard: Sequence[Source]) -> Ledger:
    owner: dict[str, Source] = {}

    def follow(chain: Chain, entries: dict[str, Entry]) -> list[Chain]:
        source = owner[chain[0].keys[0]]
        more = list(jobs.follow_up(source, chain, entries))
        owner.update({following[0].keys[0]: source for following in more})
        return more

    sources = jobs.distinct(shard)
    first = [jobs.video_chain(source) for source in sources]
    owner.update({chain[0].keys[0]: source for chain, source in zip(first, sources, strict=True)})
    return place.drive(first, follow, (*WEIGHTS, *face3d.weights(jobs.params.face3d)))
