"""Every command in README and docs/ is run, or its words are checked, as hidden comments in the page say.

The first hour's page is run once; every other page begins in a copy of the folder that it leaves behind.
"""

import re
import shutil
import tomllib
from pathlib import Path

import pytest
from blocks import RUN, SHOWN, blocks, code_spans
from reader import ROOT, Reader, make_videos
from words import all_options, commands_of, problem, unknown_knob

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
FIRST = ROOT / "docs" / "first-hour.md"
LINK = re.compile(r"\]\(([^)#]*)#?([^)]*)\)")
HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)
OTHERS_OPTIONS = {"--start", "--share"}  # of models/flow3d/train_packed.py


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).with_suffix("").as_posix()


page_named = pytest.mark.parametrize("page", PAGES, ids=name_of)


@pytest.fixture(scope="module")
def after_first_hour(own_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a user who has gone through the page of the first hour."""
    folder = tmp_path_factory.mktemp("first_hour")
    make_videos(folder / "VIDEOS")
    reader = Reader(folder)
    for block in blocks(FIRST):
        reader.try_block(block)
    return folder


@pytest.mark.weights
@pytest.mark.slow  # minutes: each page's commands, one after the other
@pytest.mark.timeout(900)
@pytest.mark.parametrize("page", [page for page in PAGES if any(block.is_run for block in blocks(page))], ids=name_of)
def test_its_blocks_run(page: Path, after_first_hour: Path, tmp_path: Path) -> None:
    """All pages but the first go on from where that one ends."""
    if page == FIRST:
        return  # the fixture has done it
    reader = Reader(shutil.copytree(after_first_hour, tmp_path / "user"))
    for block in blocks(page):
        reader.try_block(block)


@page_named
def test_each_block_says_what_it_is(page: Path) -> None:
    unnamed = [block.place for block in blocks(page) if block.language not in (*RUN, *SHOWN)]
    assert not unnamed, f"a block is one of {RUN}, which are run, or of {SHOWN}; comments: tests/docs/blocks.py"


@page_named
def test_what_is_not_run_has_the_words_of_real_commands(page: Path) -> None:
    shown = [block for block in blocks(page) if block.language == "sh" and not block.is_run]
    wrong = [f"{block.place}: {found}" for block in shown for found in _problems(block.code)]
    spans = [span for span in code_spans(page) if re.match(r"(\.venv/bin/)?(reenactory|make) |python -m", span)]
    wrong += [f"{page.name}: `{span}`: {found}" for span in spans for found in _problems(span)]
    assert not wrong


def _problems(code: str) -> list[str]:
    return [found for words in commands_of(code) if (found := problem(words))]


@page_named
def test_toml_can_be_read(page: Path) -> None:
    for block in blocks(page):
        if block.language == "toml":
            tomllib.loads(block.code)


@page_named
def test_options_and_knobs_that_it_names_exist(page: Path) -> None:
    spans = code_spans(page)
    options = {span.split()[0].partition("=")[0] for span in spans if span.startswith("--")}
    assert options <= all_options() | OTHERS_OPTIONS
    assert not [span for span in spans if unknown_knob(span)]


@page_named
def test_its_links_lead_somewhere(page: Path) -> None:
    for link, anchor in LINK.findall(page.read_text()):
        target = page.parent / link if link else page
        if "://" in link:
            continue
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), f"{link}#{anchor}"


def anchors(page: Path) -> set[str]:
    """As GitHub makes them of headings: small letters, hyphens for spaces, nothing else but letters and digits."""
    return {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in HEADING.findall(page.read_text())}


@page_named
def test_blocks_that_other_tests_run_name_those_tests(page: Path) -> None:
    named = [block.run_by.split("::") for block in blocks(page) if block.run_by]
    assert not [[path, name] for path, name in named if f"def {name}(" not in (ROOT / path).read_text()]


def test_the_index_has_every_page() -> None:
    linked = {link for link, _ in LINK.findall((ROOT / "docs" / "README.md").read_text())}
    assert {page.name for page in (ROOT / "docs").glob("*.md")} - {"README.md"} <= linked


def test_a_comment_that_nobody_understands_is_an_error(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    for comment, text in (("onyl read", "```sh\nls\n```\n"), ("only read; slow", "prose\n")):
        page.write_text(f"<!-- docs: {comment} -->\n{text}")
        with pytest.raises(ValueError, match=r"unknown comment|right before a block"):
            blocks(page)


def test_a_block_is_run_as_its_comments_say(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "<!-- docs: file a.txt -->\n```text\nfive\n```\n"
        '<!-- docs: before: touch b.txt -->\n<!-- docs: "seven" is "five" -->\n'
        "```sh\nexport WORD=$(cat a.txt)\ntest -e b.txt\ntest $WORD = seven\n```\n"
        "```sh\ntest $WORD = five\n```\n"
        "```python\nfrom pathlib import Path\nword = Path('a.txt').read_text()\n```\n"
        "```python\nassert word == 'six', word\n```\n"
    )
    reader = Reader(tmp_path)
    *good, bad = blocks(page)
    for block in good:
        reader.try_block(block)
    with pytest.raises(AssertionError, match=r"page.md:20"):
        reader.try_block(bad)


def test_words_of_commands_that_do_not_exist_are_found() -> None:
    wrong = [
        "reenactory preproces x",
        "reenactory render p.parquet --renderers x",
        "make demmo",
        "python -m nowhere",
    ]
    assert [len(_problems(line)) for line in wrong] == [1, 1, 1, 1]
    assert not _problems("cd x && A=1 .venv/bin/reenactory store gc \\\n  --store out [--delete]  # now and then")
    assert unknown_knob("--set track.min_iuo=1") and not unknown_knob("track.min_iou")
