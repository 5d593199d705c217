"""Two runs compared: on what they share, with equal definitions only."""

import json
import re
from pathlib import Path

import pyarrow as pa
import pytest
from synthetic_run import NASTY, RUN, SyntheticRun

from reenactory.flows.compare import cautions, compare, write_comparison
from reenactory.flows.comparison_table import render_comparison
from reenactory.flows.run_files import keep_pairs, put_table, read_run_pairs, run_path
from reenactory.infra.store import Store, open_store
from reenactory.tasks.dataset import CLIPS, read_clips
from reenactory.tasks.errors import WrongUseError
from reenactory.tasks.pairs import Pair
from reenactory.tasks.protocols.drawing import draw_pairs
from reenactory.tasks.protocols.people import Clip
from reenactory.tasks.rendering import clip_rows, clips_sha256
from reenactory.tasks.report.comparison import Side, render_comparison_page
from reenactory.tasks.report.extremes import Extremes, Versus
from reenactory.tasks.report.run import Artefacts, read_run
from reenactory.tasks.results.aggregate import SCORES
from reenactory.tasks.results.reference import in_full

CLIPS_HERE = [Clip(f"id{n}#v", f"id{n}", 10) for n in range(5)]
PAIRS = sorted(draw_pairs(CLIPS_HERE, "self", 5, 0).pairs, key=lambda pair: pair.source_clip)

Score = tuple[str, int, int, str, str, float | None]  # renderer, pair, frame, metric, definition, value


@pytest.fixture
def store(tmp_path: Path) -> Store:
    made = open_store(str(tmp_path))
    dataset(made, "vox", "square")
    return made


def dataset(store: Store, name: str, crop_mode: str, crop_key: str | None = None) -> None:
    row = {"outcome": "done", "crop_key": crop_key}
    rows = [{"clip_id": clip.clip_id, "identity": clip.identity, **row} for clip in CLIPS_HERE]
    table = pa.Table.from_pylist([{**row, "crop_mode": crop_mode} for row in rows], schema=CLIPS)
    put_table(store, f"datasets/{name}/clips/part-0.parquet", table)


def scored(store: Store, run: str, *scores: Score, pairs: list[Pair] = PAIRS, dataset: str = "vox") -> None:
    keep_pairs(store, run, pairs, dataset)
    names = ("renderer", "pair_id", "frame", "metric", "definition", "value")
    rows = [dict(zip(names, (s[0], PAIRS[s[1]].pair_id, *s[2:]), strict=True)) | {"run": run} for s in scores]
    put_table(store, run_path(run, "scores.parquet"), pa.Table.from_pylist(rows, schema=SCORES))


def test_a_difference_is_taken_frame_by_frame_on_what_both_have(store: Store) -> None:
    scored(
        store,
        "a",
        ("warp", 0, 1, "l1", "l1/v1", 1.0),
        ("warp", 0, 2, "l1", "l1/v1", 2.0),
        ("warp", 1, 1, "l1", "l1/v1", 4.0),
        ("warp", 2, 1, "l1", "l1/v1", 100.0),  # b has no such pair
    )
    scored(
        store,
        "b",
        ("copy", 0, 1, "l1", "l1/v1", 2.0),
        ("copy", 0, 2, "l1", "l1/v1", None),
        ("copy", 1, 1, "l1", "l1/v1", 7.0),
        ("copy", 1, 1, "l1", "l1/v2", 0.0),
    )
    (line,) = compare(store.uri, "a", "b")
    assert (line.renderer_a, line.renderer_b, line.metric, line.definition) == ("warp", "copy", "l1", "l1/v1")
    assert (line.mean_a, line.mean_b) == (2.5, 4.5)  # of the two frames that both have
    gap = line.paired.difference
    assert (gap.mean, gap.n, gap.n_clusters, gap.n_dropped) == (-2.0, 2, 2, 1)
    assert (gap.ci_low, gap.ci_high) == (-3.0, -1.0)
    assert (line.paired.share_won, line.paired.n_groups) == (1.0, 2)  # lower is better
    assert (line.verdict, line.cautions) == ("too few identities", "2 identities, 33.3 % dropped")
    assert render_comparison([line]).row_count == 1


def test_the_page_says_what_the_table_says(store: Store) -> None:
    for run, renderer, values in (("a", "x", (1.0, 2.0, 3.0, 1.0, 2.0)), ("b", "y", (2.0, 4.0, 3.5, 2.0, 3.0))):
        scored(
            store,
            run,
            *((renderer, pair, 1, "akd", "akd/v1", value) for pair, value in enumerate(values)),
            *((renderer, pair, 1, "csim", "csim/v1", (value * 7) % 3) for pair, value in enumerate(values)),
        )
    lines = compare(store.uri, "a", "b")
    assert write_comparison(store.uri, "a", "b", lines) == f"{store.uri}/runs/a/compare-b.html"
    page = store.get("runs/a/compare-b.html").decode()
    assert [line.verdict for line in lines] == ["no difference shown", "A better"]
    assert re.findall(r"<strong class=.(.*?).>(.*?)<", page) == [("", "no difference shown"), ("better", "A better")]
    assert "A is shown to be better on 1 and worse on 0 of 2 metrics." in page
    assert not re.search(r"https?:|url\(|@import", page)


def test_few_people_show_nothing_however_large_the_difference(store: Store) -> None:
    for run, renderer, value in (("a", "x", 1.0), ("b", "y", 2.0)):
        scored(store, run, *((renderer, pair, 1, "akd", "akd/v1", value) for pair in range(4)))
    lines = compare(store.uri, "a", "b")
    (line,) = lines
    assert (line.paired.difference.ci_high, line.verdict) == (-1.0, "too few identities")
    write_comparison(store.uri, "a", "b", lines)
    page = store.get("runs/a/compare-b.html").decode()
    assert "No difference can be shown with 4 identities: the intervals mean little" in page
    assert 'class="better"' not in page and "value better" not in page


def test_an_interval_that_holds_zero_is_no_winner(store: Store) -> None:
    scored(store, "a", *(("x", pair, 1, "psnr", "p", value) for pair, value in enumerate((3.0, 1.0, 9.0, 4.0, 6.0))))
    scored(store, "b", *(("y", pair, 1, "psnr", "p", value) for pair, value in enumerate((2.0, 4.0, 5.0, 5.0, 5.0))))
    (line,) = compare(store.uri, "a", "b")
    gap = line.paired.difference
    assert gap.ci_low < 0 < gap.mean < gap.ci_high
    assert line.verdict == "no difference shown"
    assert line.paired.share_won == pytest.approx(3 / 5)


def test_a_pair_is_won_as_a_whole(store: Store) -> None:
    scored(store, "a", *(("x", 0, frame, "psnr", "p", value) for frame, value in enumerate((9.0, 0.0, 0.0))))
    scored(store, "b", *(("y", 0, frame, "psnr", "p", 1.0) for frame in range(3)))
    (line,) = compare(store.uri, "a", "b")
    assert line.paired.share_won == 1.0  # although two of its three frames are lost
    assert line.verdict == "no interval"


def test_of_signed_errors_the_one_nearer_to_zero_is_better(store: Store) -> None:
    scored(store, "a", *(("x", pair, -1, "flicker", "f", -1.0) for pair in range(5)))
    scored(store, "b", *(("y", pair, -1, "flicker", "f", 0.5) for pair in range(5)))
    (line,) = compare(store.uri, "a", "b")
    assert (line.mean_a, line.paired.difference.mean) == (-1.0, 0.5)
    assert (line.paired.share_won, line.verdict) == (0.0, "A worse")


def five_renderers(store: Store) -> None:
    """Each is better than the one before it, `copy` in the middle."""
    names = ("a", "b", "copy", "d", "e")
    scored(
        store,
        "many",
        *((name, pair, 1, "psnr", "p", 20.0 + level + pair) for level, name in enumerate(names) for pair in range(5)),
    )


def test_many_renderers_are_one_matrix_and_tables_against_one(store: Store) -> None:
    """Ten tables of a row each told a stranger nothing."""
    five_renderers(store)
    lines = compare(store.uri, "many", "many")
    assert len(lines) == 10
    write_comparison(store.uri, "many", "many", lines)
    page = store.get("runs/many/compare-many.html").decode()
    (grid,) = re.findall(r'<table class="matrix">.*?</table>', page, re.DOTALL)
    cells = [re.findall(r">(\d) better</span>, <span class=.*?>(\d) worse<", row) for row in grid.split("<tr>")[2:]]
    assert cells == [[("1", "0")] * place + [("0", "1")] * (4 - place) for place in range(5)]
    folded = re.findall(r"<summary>.*?: A (\w+), B (\w+)</summary>", page)
    assert folded == [("a", "b"), ("a", "d"), ("a", "e"), ("b", "d"), ("b", "e"), ("d", "e")]
    assert set(re.findall(r'href="(#table-\d+)"', page)) == {
        f"#{name}" for name in re.findall(r'id="(table-\d+)"', page)
    }
    write_comparison(store.uri, "many", "many", lines, "e")
    page = store.get("runs/many/compare-many.html").decode()
    assert not any("e" in pair for pair in re.findall(r"<summary>.*?: A (\w+), B (\w+)</summary>", page))
    assert "--reference e many many" in page


def test_the_terminal_tells_of_many_renderers_those_against_the_reference(store: Store) -> None:
    five_renderers(store)
    lines = compare(store.uri, "many", "many")
    assert render_comparison(lines, None, True).row_count == 4
    assert "4 of 10 comparisons" in str(render_comparison(lines, "d", True).caption)
    with pytest.raises(
        WrongUseError, match="--reference x: no such renderer in what is compared; there are: a, b, copy"
    ):
        render_comparison(lines, "x", True)


def test_of_two_runs_namesakes_are_compared_in_full() -> None:
    sides = {(a, b) for a in ("copy", "warp") for b in ("copy", "warp")}
    assert in_full(sides, None, one_run=False) == {("copy", "copy"), ("warp", "warp")}
    assert in_full(sides, "warp", one_run=False) == sides - {("copy", "copy")}
    assert in_full({("x", "y")}, None, one_run=False) == {("x", "y")}


def test_one_run_given_twice_compares_its_renderers_once(store: Store) -> None:
    scored(store, "a", ("warp", 0, 1, "psnr", "p", 30.0), ("copy", 0, 1, "psnr", "p", 20.0))
    (line,) = compare(store.uri, "a", "a")
    assert (line.renderer_a, line.renderer_b, line.paired.difference.mean) == ("copy", "warp", -10.0)
    assert line.paired.share_won == 0.0  # higher is better


def test_what_cannot_be_compared_is_said(store: Store) -> None:
    scored(store, "a", ("warp", 0, 1, "l1", "l1/v1", 1.0))
    scored(store, "b", ("warp", 1, 1, "l1", "l1/v1", 1.0))
    with pytest.raises(WrongUseError, match="share no pair"):
        compare(store.uri, "a", "b")
    with pytest.raises(WrongUseError, match="run 'c' has no scores"):
        compare(store.uri, "a", "c")
    scored(store, "d", ("warp", 0, 1, "beauty", "b/v1", 1.0))
    with pytest.raises(WrongUseError, match="does not know the metric 'beauty'"):
        compare(store.uri, "d", "d")


def test_runs_over_clips_of_different_crop_modes_are_not_compared(store: Store) -> None:
    """Their clips, and so their pairs, may have the same names."""
    dataset(store, "published", "published_metadata")
    scored(store, "a", ("warp", 0, 1, "l1", "l1/v1", 1.0))
    scored(store, "b", ("warp", 0, 1, "l1", "l1/v1", 1.0), dataset="published")
    with pytest.raises(WrongUseError, match="different crop modes are not comparable"):
        compare(store.uri, "a", "b")
    with pytest.raises(WrongUseError, match="share no pair"):
        compare(store.uri, "b", "b")  # of one mode


def test_clips_of_one_name_that_were_cut_otherwise_are_not_compared(store: Store) -> None:
    for name, keys in (("vox", "k"), ("moved", "l")):
        dataset(store, name, "square", crop_key=keys)
    scored(store, "a", ("warp", 0, 1, "l1", "l1/v1", 1.0))
    scored(store, "b", ("warp", 0, 1, "l1", "l1/v1", 1.0), dataset="moved")
    with pytest.raises(WrongUseError, match=r"5 clip.s. .* cut otherwise in dataset 'vox' than in 'moved', e.g. id0#v"):
        compare(store.uri, "a", "b")


def test_a_dataset_that_was_made_anew_since_is_a_caution(store: Store) -> None:
    scored(store, "a", ("warp", 0, 1, "l1", "l1/v1", 1.0))
    listed = {"pairs": {"clips_sha256": clips_sha256(PAIRS, clip_rows(read_clips(store, "vox")))}}
    store.put("runs/a/summary-evaluate.json", json.dumps(listed).encode())
    assert cautions(store.uri, "a", "a") == []
    dataset(store, "vox", "square", crop_key="another")
    (said,) = cautions(store.uri, "a", "a")
    assert said.startswith("Run a was scored on other clips than dataset vox holds now")
    assert said in render_comparison_page([], *[Side("a", "vox", "0")] * 2, store.uri, None, [said])


def test_the_pairs_that_differ_most_either_way_are_shown(tmp_path: Path) -> None:
    run = SyntheticRun(tmp_path, ("self",), 4)
    lines = compare(run.store.uri, RUN, RUN)
    write_comparison(run.store.uri, RUN, RUN, lines)
    page = run.store.get(f"runs/{RUN}/compare-{RUN}.html").decode()
    assert page.count('class="sheet"') == 1  # `theirs` is better on both pairs that it has, by as much: one of them
    assert "B better by most: csim ↑ 0.5040 against 0.8043" in page
    assert page.count("data:image/jpeg") == 4  # source, driver, A, B
    assert NASTY not in page


def test_a_run_keeps_its_pairs(store: Store) -> None:
    keep_pairs(store, "a", PAIRS, "vox")
    keep_pairs(store, "a", PAIRS[:1], "vox")
    assert read_run_pairs(store, "a") == (PAIRS, "vox")
    with pytest.raises(WrongUseError, match="1 of the pairs given"):
        keep_pairs(store, "a", [PAIRS[0]._replace(pair_id="other")], "vox")
    with pytest.raises(WrongUseError, match="dataset 'vox2'"):
        keep_pairs(store, "a", PAIRS, "vox2")
    with pytest.raises(WrongUseError, match="runs there: a"):
        read_run_pairs(store, "b")


def test_pairs_are_not_ranked_by_a_metric_whose_definitions_differ(tmp_path: Path) -> None:
    run = SyntheticRun(tmp_path, ("self",), 4)
    data = read_run(run.store, RUN)
    extremes = Extremes(data, data, Artefacts(run.store, tmp_path))
    versus = Versus("self", "copy", "theirs")
    assert extremes.of(versus, {"lpips", "aed_l1"}) == []
    assert len(extremes.of(versus, {"csim"})) == 1
