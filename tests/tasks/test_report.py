import json
import re
from base64 import b64decode
from dataclasses import replace
from fractions import Fraction
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from synthetic_run import NASTY, RUN, SyntheticRun, coefficients

from reenactory.infra.records import Record, artefact_path, write_artefact
from reenactory.infra.store import MissingObject, open_store
from reenactory.infra.tables import get_table
from reenactory.infra.video import read_frames_at
from reenactory.models.metrics.registry import KNOWN
from reenactory.tasks.extractors import extractor_id
from reenactory.tasks.face3d import SCHEMA
from reenactory.tasks.report import render_report, write_report
from reenactory.tasks.report.choice import MOST_PAIRS, choose, examples
from reenactory.tasks.report.colours import colour_of
from reenactory.tasks.report.cost import cost
from reenactory.tasks.report.curves import charts, score_chart
from reenactory.tasks.report.films import Films
from reenactory.tasks.report.fitted import FittedFaces
from reenactory.tasks.report.format import number
from reenactory.tasks.report.funnel import funnel
from reenactory.tasks.report.glance import glance
from reenactory.tasks.report.groups import GROUPS
from reenactory.tasks.report.marks import Estimate, marks
from reenactory.tasks.report.metrics import protocol_tables
from reenactory.tasks.report.plots import bin_plots, spread_plots
from reenactory.tasks.report.provenance import provenance
from reenactory.tasks.report.published import published_rows, published_tables
from reenactory.tasks.report.run import Artefacts, read_run
from reenactory.tasks.report.shown import Shown, shown_differences
from reenactory.tasks.report.template import TEMPLATES
from reenactory.tasks.report.tiles import over_checkerboard, sampled, with_landmarks


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> SyntheticRun:
    return SyntheticRun(tmp_path_factory.mktemp("run"), pairs=3)


@pytest.fixture(scope="module")
def page(run: SyntheticRun) -> str:
    return render_report(run.store, RUN)


class Elements(HTMLParser):
    """Start tags with their attributes, and what is left open at the end."""

    VOID = frozenset({"meta", "link", "img", "br", "line", "polyline"})

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert tag in self.VOID or self.open.pop() == tag


def test_every_text_of_the_user_is_escaped(page: str) -> None:
    assert NASTY not in page
    assert page.count("&lt;script&gt;alert(1)") > 5
    assert [tag for tag, _ in Elements(page).found].count("script") == 1


def test_the_page_is_well_formed_and_asks_nothing_of_a_network(page: str) -> None:
    elements = Elements(page)
    assert elements.open == []
    assert not re.search(r"https?:|url\(|@import", page)
    addresses = [attrs.get("src") or attrs.get("href") or "" for _, attrs in elements.found]
    assert {re.split("[,:/#]", address)[0] for address in addresses} == {"", "data", "renders"}


def test_two_calls_give_the_same_bytes(run: SyntheticRun, page: str) -> None:
    write_report(run.store, RUN)
    assert run.store.get(f"runs/{RUN}/report.html") == page.encode()


def test_every_metric_stands_with_its_definition_and_formula(run: SyntheticRun, page: str) -> None:
    for line in read_run(run.store, RUN).aggregates:
        assert f">{line['metric']}</a>" in page
        assert f"<code>{line['definition']}</code>" in page
    assert "cosine of unit identity embeddings" in page


def test_few_people_make_nothing_stand_out(run: SyntheticRun, page: str, tmp_path: Path) -> None:
    assert shown_differences(run.store, read_run(run.store, RUN), tmp_path) == frozenset()
    assert 'class="value best' not in page and "worse than copy" not in page
    assert page.count("No difference can be shown with 2 identities.") == 2  # of either protocol, at the top
    assert page.count("No difference can be shown with 2 identities: the intervals mean little") == 2


def test_the_floor_is_never_best_and_a_method_below_it_is_marked(
    run: SyntheticRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reenactory.tasks.results.cautions.FEW_IDENTITIES", 2)
    data = read_run(run.store, RUN)
    tables = {table.protocol: table for table in protocol_tables(data, shown_differences(run.store, data, tmp_path))}
    cells = {(name, row.name): row.cells for name, table in tables.items() for row in table.rows}
    shown = {name: [(cell.best, cell.below_floor) for cell in row if cell] for name, row in cells.items()}
    assert shown == {
        ("self", "csim"): [(False, False), (True, False)],
        ("self", "aed_l1"): [(False, False), (True, False)],
        ("cross", "csim"): [(False, False), (False, True)],
        ("cross", "aed_l1"): [(False, False), (True, False)],
    }
    assert tables["cross"].verdicts == ["theirs is shown to be better than copy on 1 and worse on 1 of 2 metrics."]


def test_a_difference_within_the_noise_is_not_emphasised(run: SyntheticRun) -> None:
    data = read_run(run.store, RUN)
    definition = next(str(line["definition"]) for line in data.aggregates if line["metric"] == "aed_l1")
    for shown, emphasised in ((Shown("self", definition, "theirs", "copy"), True), (None, False)):
        (table, _) = protocol_tables(data, frozenset({shown} - {None}))
        (row,) = [row for row in table.rows if row.name == "aed_l1"]
        assert [cell.best for cell in row.cells if cell] == [False, emphasised]


def test_a_method_must_be_shown_better_than_each_other_method(run: SyntheticRun) -> None:
    data = read_run(run.store, RUN)
    third = [{**line, "renderer": "third", "value": 0.7} for line in data.aggregates if line["renderer"] == "theirs"]
    data = replace(data, aggregates=[*data.aggregates, *third], renders=data.renders)
    definition = next(str(line["definition"]) for line in data.aggregates if line["metric"] == "aed_l1")
    over_floor, over_third = (Shown("self", definition, "theirs", other) for other in ("copy", "third"))
    for shown, emphasised in (({over_floor}, False), ({over_third}, True)):
        (table, _) = protocol_tables(data, frozenset(shown))
        (row,) = [row for row in table.rows if row.name == "aed_l1"]
        assert [cell.best for cell in row.cells if cell] == [False, emphasised, False]


def test_every_metric_has_one_group() -> None:
    assert sorted(metric for group in GROUPS for metric in group.metrics) == sorted(KNOWN)


def test_a_caution_stands_where_it_applies(page: str, run: SyntheticRun) -> None:
    assert KNOWN["csim"].caution in page.split('id="definitions"')[0]
    assert KNOWN["akd"].caution_for == ("cross",)


def test_a_colour_depends_on_the_name_alone() -> None:
    assert [colour_of(name) for name in ("copy", "warp", "flow3d", "guidance", "nofa")] == [
        "c1",
        "c2",
        "c3",
        "c4",
        "c5",
    ]
    css = (TEMPLATES / "report.css").read_text()
    for name in ("theirs", "third", "x"):
        assert css.count(f"--{colour_of(name)}: ") == 2  # light and dark
        assert colour_of(name) not in {colour_of("copy"), "c0"}


def test_dropped_frames_unequal_counts_and_few_identities_are_said(run: SyntheticRun, page: str) -> None:
    (self_table, _) = protocol_tables(read_run(run.store, RUN), frozenset())
    floor, method = self_table.rows[0].cells
    assert floor and method
    assert (floor.warning, method.warning) == ("", "14.3 % dropped; 2 of 3 pairs")
    counts = [cell.counts.replace("\N{NO-BREAK SPACE}", " ") for cell in (floor, method)]
    assert counts == [
        "21 frames, 3 pairs, 2 source identities, 0 dropped",
        "12 frames, 2 pairs, 2 source identities, 2 dropped",
    ]
    assert page.count("Not every renderer was scored on the same frames") == 2
    assert page.count("No value where no face was found in the render or its reference, or nothing was rendered.") == 4


def test_drivers_who_are_no_source_are_counted_apart(run: SyntheticRun) -> None:
    """The tables count sources alone, because intervals are over them: two numbers of people need two names."""
    data = read_run(run.store, RUN)
    alone = replace(data, pairs=[pair for pair in data.pairs if pair.protocol == "cross"][:1])
    assert glance(alone, []).done == "1 cross pair of 1 source identity (2 with the drivers), 7 driving frames"


def test_a_still_mouth_is_named_as_the_reason_of_what_is_missing() -> None:
    """A stranger took the dropped values of mouth_sync for failures."""
    assert "the driver's mouth keeps still (a constant has no correlation)" in KNOWN["mouth_sync"].why_missing


def test_the_top_of_the_page_says_what_was_done_found_and_what_to_doubt(run: SyntheticRun) -> None:
    data = read_run(run.store, RUN)
    first = glance(data, protocol_tables(data, frozenset()))
    assert first.done == "3 self and 3 cross pairs of 2 source identities, 42 driving frames"
    assert [(row.name, [cell and cell.value for cell in row.cells]) for row in first.findings[0].headlines] == [
        ("csim", ["0.5040", "0.8043"]),
        ("aed_l1", ["0.5040", "0.2043"]),
    ]
    assert [check.text for check in first.checks if not check.fine] == [
        "2 identities: intervals over so few mean little, and nothing stands out.",
        "theirs has scores of 4 of 6 pairs: NO_FACE 1.",
        "Many values are missing: cross aed_l1 of theirs 14.3 % dropped; cross csim of theirs 14.3 % dropped; "
        "self aed_l1 of theirs 14.3 % dropped and 1 more. No value of aed_l1, csim where no face was found in the "
        "render or its reference, or nothing was rendered.",
    ]


def test_a_run_without_doubts_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reenactory.tasks.results.cautions.FEW_IDENTITIES", 2)
    run = SyntheticRun(tmp_path, ("self",), 2)
    data = read_run(run.store, RUN)
    calm = [line for line in data.aggregates if line["renderer"] == "copy"]
    renders = [row for row in data.renders if row["renderer"] == "copy"]
    data = replace(data, aggregates=calm, renders=renders)
    assert [check.fine for check in glance(data, protocol_tables(data, frozenset())).checks] == [True, True, True]


def test_the_funnel_counts_what_was_lost_where(run: SyntheticRun, page: str) -> None:
    steps = {step.name: (step.items, step.lost) for step in funnel(read_run(run.store, RUN))}
    assert steps == {
        "videos": (3, "1 gave no clip"),
        "clips": (2, ""),
        "pairs": (6, ""),
        "renders": (10, "1 rejected, 1 not made"),
        "scored": (10, ""),
    }
    assert "No face was found in any frame." in page
    assert "theirs/self-0000" in page


def test_a_video_that_was_never_given_is_not_counted_as_one(run: SyntheticRun) -> None:
    data = read_run(run.store, RUN)
    missing = {"video_sha256": None, "start_frame": 0, "outcome": "rejected", "reason": "MISSING_VIDEO"}
    steps = {step.name: (step.items, step.lost) for step in funnel(replace(data, clips=[*data.clips, missing]))}
    assert (steps["videos"], steps["clips"]) == ((3, "1 gave no clip"), (2, "1 rejected"))


def test_a_pair_without_a_render_says_why(page: str) -> None:
    assert "NO_FACE: no face in the source frame" in page
    assert "This renderer was not given the pair, or its work failed." in page


def test_only_videos_that_the_run_has_are_linked(page: str) -> None:
    videos = [attrs["href"] for _, attrs in Elements(page).found if str(attrs.get("href")).endswith(".mp4")]
    assert videos == ["renders/self-0000__copy.mp4"]


def test_every_pair_with_a_render_has_a_film_that_decodes(page: str, tmp_path: Path) -> None:
    films = [str(attrs["src"]) for tag, attrs in Elements(page).found if tag == "video"]
    assert len(films) == 6
    path = tmp_path / "film.mp4"
    path.write_bytes(b64decode(films[1].removeprefix("data:video/mp4;base64,")))
    assert read_frames_at(path, [0, 6]).shape == (2, 128, 3 * 128, 3)  # driver, copy, theirs


def test_films_stop_where_the_page_has_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reenactory.tasks.report.films.MOST_BYTES", 1)
    films, frames = Films(tmp_path), np.zeros((2, 64, 64, 3), np.uint8)
    assert films.make([("a", frames), ("b", None)], Fraction(25)) is None
    made = films.make([("a", frames), ("b", frames)], Fraction(25))
    assert made and made.labels == ["a", "b"]
    assert films.make([("a", frames), ("b", frames)], Fraction(25)) is None


def test_frames_without_a_face_are_named_and_leave_gaps(page: str) -> None:
    assert page.count('<span class="warn-text">no face</span>') == 2  # frame 3 is sampled in both clips
    assert "nan" not in re.sub('base64,[^"]*', "", page)
    (yaw, _) = charts([coefficients(8, (3,)), coefficients(8, range(8)), None], ["c0", "c1", "c2"])
    assert [(line.colour, len(line.parts)) for line in yaw.lines] == [("c0", 2)]
    assert charts([coefficients(8, range(8))], ["c0"]) == []


def test_a_metric_over_the_frames_of_a_pair_has_gaps_where_they_were_dropped(run: SyntheticRun) -> None:
    data = read_run(run.store, RUN)
    pair = next(pair for pair in data.pairs if pair.pair_id == "self-0001")
    tables = [
        get_table(
            run.store, artefact_path("score", data.score_key(data.render[name, pair.pair_id], pair), "scores.parquet")
        )
        for name in ("copy", "theirs")
    ]
    drawn = score_chart(("lpips", "csim"), tables, ["c1", "c2"])
    assert drawn is not None
    assert (drawn.title, [len(line.parts) for line in drawn.lines]) == ("csim ↑", [1, 2])  # `theirs` lacks frame 2
    assert score_chart(("lpips",), tables, ["c1", "c2"]) is None


def test_a_protocol_without_pairs_is_named(tmp_path: Path) -> None:
    page = render_report(SyntheticRun(tmp_path, ("self",), 2).store, RUN)
    assert "No cross pair of this run was scored." in page


def test_what_the_store_no_longer_has_is_said(tmp_path: Path) -> None:
    store = SyntheticRun(tmp_path, ("self",), 2).store
    for path in list(store.list("artefacts/")):
        store.delete(path)
    page = render_report(store, RUN)
    assert "The store no longer has" in page
    assert "data:image/jpeg" not in page


def test_a_large_run_gives_a_bounded_page(tmp_path: Path) -> None:
    run = SyntheticRun(tmp_path, pairs=100)
    page = render_report(run.store, RUN)
    assert len(page) < 5_000_000
    shown = choose(read_run(run.store, RUN))
    assert page.count('class="sheet" id=') == len(shown) == MOST_PAIRS
    assert f"{MOST_PAIRS} of 200 pairs are shown" in page


def test_pairs_that_do_not_fit_are_those_that_are_examples_of_nothing(
    run: SyntheticRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = read_run(run.store, RUN)
    for place, pair in enumerate(pair for pair in data.pairs if pair.protocol == "self"):
        data.mean["theirs", pair.pair_id, "csim"] = -place
        data.mean["theirs", pair.pair_id, "aed_l1"] = -place
    (by_csim, by_aed) = [group for group in examples(data) if group.protocol == "self"]
    assert [example.pair.pair_id for example in by_csim.found] == ["self-0000", "self-0001", "self-0002"]
    assert [example.pair.pair_id for example in by_aed.found] == ["self-0002", "self-0001", "self-0000"]
    monkeypatch.setattr("reenactory.tasks.report.choice.MOST_PAIRS", 4)
    assert [(chosen.pair.pair_id, chosen.places) for chosen in choose(data)][:2] == [
        ("self-0000", ["best csim", "worst aed_l1"]),
        ("self-0001", ["middle csim", "middle aed_l1"]),
    ]
    assert len(choose(data)) == 4


def test_the_commands_are_those_of_the_plans(tmp_path: Path) -> None:
    """Each plan once, the last evaluation last; what no plan tells of is named, not made up."""
    run = SyntheticRun(tmp_path, ("self",), 2)
    data = read_run(run.store, RUN)
    brought = [{**row, "stage": "adopt"} if row["renderer"] == "theirs" else row for row in data.renders]
    taken = ["reenactory", "evaluate", "--renders", "a folder", "--panel", "2/4"]
    plans = {"render-copy": ["reenactory", "render"], "adopt-theirs": taken, "evaluate": taken}
    for name, words in plans.items():
        run.store.put(f"runs/{RUN}/plan-{name}.json", json.dumps({"command": words}).encode())
    again = provenance(replace(data, renders=brought), Artefacts(run.store, tmp_path))
    assert again.commands == [
        ("Make the dataset", ""),
        ("Render with copy", "reenactory render"),
        ("Score, and write this page", "reenactory evaluate --renders 'a folder' --panel 2/4"),
    ]
    page = render_report(run.store, RUN)
    assert "<code>reenactory render</code>" in page
    assert page.count("Not recorded by the version that did this.") == 2  # the dataset, and what rendered `theirs`


def test_how_brought_videos_were_cut_stands_with_their_method(tmp_path: Path) -> None:
    run = SyntheticRun(tmp_path, ("self",), 3)
    data = read_run(run.store, RUN)
    record = Record(
        key="k" * 32,
        stage="adopt",
        version=1,
        params={"panel": 2, "panels": 4, "first_frame": "missing"},
        upstream=(),
        weights={},
        outcome="done",
    )
    write_artefact(run.store, record, {})
    brought = [
        {**row, "stage": "adopt", "render_key": "k" * 32} if row["renderer"] == "theirs" else row
        for row in data.renders
    ]
    again = provenance(replace(data, renders=brought), Artefacts(run.store, tmp_path))
    (method,) = [method for method in again.methods if method.name == "theirs"]
    assert "Panel 2 of 4 was cut out of their pictures. Each begins with the second frame" in method.note


def test_published_numbers_stand_as_printed_with_what_differs(run: SyntheticRun, page: str) -> None:
    tables = published_tables(read_run(run.store, RUN))
    assert sum(len(table.rows) for table in tables["self"]) > 20
    (main, *_) = tables["self"]
    assert (main.paper, main.table, main.first) == ("3DFlowRenderer", "Table 1", True)
    assert [column.ours for column in main.columns][:4] == ["fid_per_video", "psnr", "ssim", "csim"]
    assert dict(main.rows)["3DFlowRenderer"] == ["51.87", "22.2859", "0.7257", "0.6615", "0.0953", "0.0138", "1.5193"]
    ours = dict(main.ours)
    assert ours["copy"][3] == number(run_mean(run, "copy", "csim")) and ours["copy"][0] == "–"
    assert "Published, not comparable" in page and "best" not in page.split('id="published"')[1].split("</section>")[0]
    values = [value for table in (*tables["self"], *tables["cross"]) for _, row in table.rows for value in row]
    assert sum(value != "–" for value in values) == len(published_rows()) == 209


def run_mean(run: SyntheticRun, renderer: str, metric: str) -> float:
    lines = read_run(run.store, RUN).aggregates
    return next(
        float(str(line["value"]))
        for line in lines
        if (line["renderer"], line["protocol"], line["metric"]) == (renderer, "self", metric)
    )


def test_spreads_hold_the_pairs_between_their_ends(run: SyntheticRun) -> None:
    data = read_run(run.store, RUN)
    data.mean.update({("copy", f"self-{index:04d}", "csim"): value for index, value in enumerate((0.0, 1.0, 4.0))})
    data.mean.update({("theirs", f"self-{index:04d}", "csim"): value for index, value in enumerate((2.0, 2.0, 2.0))})
    plot = next(plot for plot in spread_plots(data, "self") if plot.metric == "csim")
    (copy, theirs) = plot.spreads
    assert (copy.ends, copy.median, copy.dots) == ((0.0, 400.0), 100.0, [0.0, 100.0, 400.0])
    assert (theirs.ends, theirs.quartiles, theirs.median) == ((200.0, 200.0), (200.0, 200.0), 200.0)


def test_bins_stand_in_their_order_with_higher_values_above(run: SyntheticRun) -> None:
    data = read_run(run.store, RUN)
    line = {"protocol": "cross", "metric": "csim", "bin_by": "pose_gap", "ci_low": None, "ci_high": None}
    binned = [
        {**line, "renderer": "copy", "bin": label, "value": value}
        for label, value in (("45+ deg", 0.2), ("0-10 deg", 0.8))
    ]
    (plots,) = bin_plots(replace(data, binned=binned), "cross")
    assert plots.bins == ["0-10 deg", "45+ deg"]
    (plot,) = plots.plots
    assert [(point.x, point.y) for point in plot.lines[0].points] == [(100.0, 0.0), (300.0, 100.0)]


def test_cost_adds_up_the_records_and_counts_those_that_are_gone(run: SyntheticRun) -> None:
    data = read_run(run.store, RUN)
    spent = cost(run.store, data)
    stages = {(row.work, row.stage): row.items for row in spent.stages}
    assert stages["clips of the pairs", "crop"] == 2
    assert stages["copy", "render"] == stages["theirs", "render"] == 1  # pairs share the artefact: it cost once
    assert spent.missing > 0  # nothing was really scored
    assert spent.flows == []


def test_a_run_that_was_not_evaluated_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MissingObject):
        write_report(open_store(str(tmp_path)), "absent")


def test_landmarks_are_drawn_where_they_are_and_nowhere_without_a_face() -> None:
    frames = np.zeros((2, 64, 64, 3), np.uint8)
    points = np.full((2, 68, 2), np.nan, np.float32)
    points[0] = (40, 10)  # column, row
    drawn = with_landmarks(frames, points, 128)
    assert drawn is not None
    assert not drawn[1].any()
    rows, columns = np.nonzero(drawn[0].any(axis=-1))
    assert (rows.mean(), columns.mean()) == pytest.approx((20, 80), abs=0.5)
    assert not frames.any()


def test_only_an_extractor_with_a_face_model_has_its_mesh_drawn() -> None:
    frames = np.zeros((2, 64, 64, 3), np.uint8)
    table = coefficients(4, (2,))
    for extractor in ("e", "mediapipe-face-landmarker+0", f"open-face-fit+{'0' * 12}+1"):  # the last: another model
        named = table.set_column(table.column_names.index("extractor"), "extractor", pa.array([extractor] * 4))
        assert FittedFaces().draw(frames, named, [0, 2]) is None
    assert FittedFaces().draw(frames, None, [0, 2]) is None


@pytest.mark.weights
def test_the_open_face_is_drawn_over_its_frames_but_not_where_none_was_found() -> None:
    frames = np.zeros((2, 64, 64, 3), np.uint8)
    rows: list[dict[str, object]] = [{"frame": frame, "detected": frame == 0} for frame in range(2)]
    known = {"id": 80, "exp": 64, "tex": 80, "angles": 3, "gamma": 27, "trans": 3}
    rows[0] |= {name: [0.0] * width for name, width in known.items()} | {"crop": [3.5, 32.0, 32.0]}
    table = pa.Table.from_pylist([{**row, "extractor": extractor_id("open")} for row in rows], schema=SCHEMA)
    drawn = FittedFaces().draw(frames, table, [0, 1])
    assert drawn is not None
    assert drawn[0, 24:40, 24:40].any() and not drawn[0, 0].any()
    assert not drawn[1].any()


def test_a_matte_shows_the_person_where_it_is_opaque_and_the_board_elsewhere() -> None:
    frames = np.full((1, 32, 32, 3), 7, np.uint8)
    alphas = np.zeros_like(frames)
    alphas[:, :, :16] = 255
    shown = over_checkerboard(frames, alphas)
    assert shown is not None
    assert (shown[:, :, :16] == 7).all()
    assert set(np.unique(shown[:, :, 16:]).tolist()) == {176, 222}


@pytest.mark.parametrize(("count", "expected"), [(0, []), (1, [0]), (3, [0, 1, 2]), (101, [0, 20, 40, 60, 80, 100])])
def test_sampled_frames_reach_from_first_to_last(count: int, expected: list[int]) -> None:
    assert sampled(count) == expected


@pytest.mark.parametrize("value, text", [(0.01234, "0.0123"), (0.99999, "1.000"), (22.069, "22.07"), (261.12, "261.1")])
def test_numbers_have_four_digits(value: float, text: str) -> None:
    assert number(value) == text
    assert number(None) == number(float("nan")) == "–"


def test_better_is_to_the_right_whichever_way_the_metric_goes() -> None:
    estimates = {"a": Estimate(1.0, 0.5, 2.0), "b": Estimate(3.0, None, None)}
    up, down = (marks(["a", "b"], estimates, lower) for lower in (False, True))
    assert up[0].at < up[1].at and down[0].at > down[1].at
    assert up[0].low < up[0].at < up[0].high and down[0].low < down[0].at < down[0].high
    assert marks(["a"], {"a": Estimate(1.0, None, None)}, False) == []
