"""The command line: wrong use is one line and exit code 2, before anything is begun."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from reenactory.flows import cli
from reenactory.flows.knobs import parse_knobs
from reenactory.tasks.errors import WrongUseError


def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: object) -> tuple[object, str]:
    """Exit code and standard error of a command run in this process."""
    monkeypatch.setattr(sys, "argv", ["reenactory", *map(str, words)])
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return ended.value.code, capsys.readouterr().err


@pytest.fixture
def video(tmp_path: Path) -> Path:
    path = tmp_path / "talk.mp4"
    path.write_bytes(b"no video")
    return path


def test_knobs_nest_by_stage() -> None:
    assert parse_knobs(None) == {}
    assert parse_knobs(["track.min_side_px=96", "track.out_of_frame=fit", "detect.fps=25"]) == {
        "track": {"min_side_px": "96", "out_of_frame": "fit"},
        "detect": {"fps": "25"},
    }
    assert parse_knobs(["detect.fps=c=d.e"]) == {"detect": {"fps": "c=d.e"}}


def test_fps_is_short_for_a_knob_which_goes_over_it() -> None:
    assert parse_knobs(None, 25.0) == {"detect": {"fps": "25.0"}}
    assert parse_knobs(["detect.fps=30", "track.margin=0"], 25.0) == {"detect": {"fps": "30"}, "track": {"margin": "0"}}


@pytest.mark.parametrize("text", ["track", "track.fps", "min_side_px=96", "=1", ".x=1", "track.=1"])
def test_a_knob_of_another_form(text: str) -> None:
    with pytest.raises(WrongUseError, match=r"a knob is stage\.name=value"):
        parse_knobs([text])


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (("--set", "track.nope=1"), "stage track has no knob 'nope'; it has: min_iou"),
        (("--set", "nope.x=1"), "no stage 'nope' with knobs; there are: detect"),
        (("--set", "track.min_side_px=big"), "params.track.min_side_px"),
        (("--set", "track"), "a knob is stage.name=value"),
        (("--preset", "vox"), "preset: "),
        (("--retry", "NO_FCE"), "retry.0"),
        (("--device", "tpu"), "device: Input should be 'auto', 'cpu' or 'cuda'"),
        (("--dataset", "a/b"), "dataset: a name has 1 to 100 letters, digits, '_', '-' and '.', without spaces"),
        (("--dataset", ".hidden"), "dataset: a name has 1 to 100 letters"),
        (("--weights", "yunet"), "--weights yunet=: give NAME=PATH"),
        (("--weights", "nope=/x"), "names are"),
        (("--metadata", "gone.csv"), "gone.csv: not a metadata CSV"),
        (("--fps", "0"), "params.detect.fps"),
        (("--split-list", "gone.txt"), "gone.txt: not a list of persons"),
    ],
)
def test_wrong_use_is_one_line_and_exit_code_2(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    video: Path,
    options: tuple[str, str],
    complaint: str,
) -> None:
    store = video.parent / "store"
    words = ("preprocess", video, "--store", store, "--dataset", "d", "--workers", 0, *options)
    code, error = command(monkeypatch, capsys, *words)
    assert (code, len(error.splitlines())) == (2, 1)
    assert error.startswith("reenactory: ")
    assert complaint in error
    assert not (store / "artefacts").exists()


def test_an_input_that_is_not_there(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    for verb in ("preprocess", "plan"):
        words = (verb, tmp_path / "gone", "--store", tmp_path / "store", "--dataset", "d")
        code, error = command(monkeypatch, capsys, *words)
        assert (code, len(error.splitlines())) == (2, 1)
        assert "no such file, folder or match" in error


def test_an_empty_input_is_not_the_current_folder(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """`preprocess "$VIDEOS"` with the variable unset would take in all videos below the current folder."""
    code, error = command(monkeypatch, capsys, "preprocess", "", "--store", tmp_path / "store", "--dataset", "d")
    assert (code, len(error.splitlines())) == (2, 1)
    assert "an INPUT is empty" in error


def test_a_store_that_cannot_be_written(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], video: Path
) -> None:
    """A folder below a file: what not even root can write."""
    code, error = command(monkeypatch, capsys, "preprocess", video, "--dataset", "d", "--store", video / "store")
    assert (code, len(error.splitlines())) == (2, 1)
    assert "cannot write to the store folder" in error


def test_only_preprocess_makes_a_store(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """A mistyped --store is an error, and no new folder."""
    for words in (
        ("compare", "a", "b"),
        ("evaluate", "--run", "a"),
        ("pairs", "--dataset", "d", "--protocol", "self", "--count", 1, "--out", "p"),
    ):
        code, error = command(monkeypatch, capsys, *words, "--store", tmp_path / "stroe")
        assert (code, len(error.splitlines())) == (2, 1)
        assert "there is no store at" in error
    assert not (tmp_path / "stroe").exists()


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (
            ("pairs", "--dataset", "d", "--protocol", "both", "--count", 1, "--out", "p"),
            "known are self, cross, 3dflowrenderer-self",
        ),
        (("pairs", "--dataset", "d", "--protocol", "self", "--count", 1, "--out", "p"), "dataset 'd' is not in"),
        (("render", "gone.parquet", "--renderer", "copy", "--run", "r"), "no such pair file"),
        (("evaluate", "--run", "r"), "run 'r' has no pairs"),
        (("evaluate", "--run", "r", "--panel", "1/2"), "where in the pictures of --renders DIR"),
        (("evaluate", "--run", "r", "--dataset", "d"), "--dataset goes with --pairs FILE"),
        (("evaluate", "--run", "r", "--renders", "x", "--panel", "1-2"), "panel: a panel is I/N, e.g. 2/4"),
        (("evaluate", "--run", "my run"), "run: a name has 1 to 100 letters"),
        (("compare", "a", "b"), "run 'a' has no scores"),
    ],
)
def test_later_commands_say_what_is_missing(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    words: tuple[object, ...],
    complaint: str,
) -> None:
    (tmp_path / "store").mkdir()
    code, error = command(monkeypatch, capsys, *words, "--store", tmp_path / "store")
    assert (code, len(error.splitlines())) == (2, 1)
    assert complaint in error


def test_a_bug_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch, video: Path) -> None:
    def broken(*arguments: object) -> None:
        raise ZeroDivisionError("bug")

    monkeypatch.setattr("reenactory.flows.preprocess.preprocess", broken)
    words = ["preprocess", str(video), "--store", str(video.parent / "store"), "--dataset", "d"]
    monkeypatch.setattr(sys, "argv", ["reenactory", *words])
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    with pytest.raises(ZeroDivisionError):
        cli.main()


def test_as_a_program(tmp_path: Path) -> None:
    """Once through the real entry, for what a test in this process cannot see."""
    words = [sys.executable, "-m", "reenactory.flows.cli", "plan", str(tmp_path / "gone"), "--dataset", "d"]
    done = subprocess.run(
        [*words, "--store", str(tmp_path / "s")], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("reenactory: ")
    assert len(done.stderr.splitlines()) == 1


def test_a_prefect_server_that_is_away_ends_in_one_line(tmp_path: Path, video: Path) -> None:
    arguments = ["preprocess", str(video), "--store", str(tmp_path / "store"), "--dataset", "d"]
    made = subprocess.run(
        [sys.executable, "-m", "reenactory.flows.cli", *arguments],
        env=os.environ | {"PREFECT_API_URL": "http://127.0.0.1:9/api"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert made.returncode == 2
    assert made.stderr.strip().count("\n") == 0
    assert "PREFECT_API_URL" in made.stderr


@pytest.mark.parametrize(("entry", "code"), [("main", -6), ("command", 0)])
def test_nothing_that_happens_in_the_interpreters_teardown_reaches_the_exit_code(entry: str, code: int) -> None:
    """Something that aborts when Python lets go of it, as threads of C++ libraries do that come too late."""
    script = (
        "import os, sys\n"
        "from reenactory.flows import cli\n"
        "class Late:\n"
        "    def __del__(self, abort=os.abort):\n"
        "        abort()\n"
        "sys.late = Late()\n"
        "sys.argv = ['reenactory', 'models', 'list']\n"
        f"cli.{entry}()\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    assert "yunet" in done.stdout
