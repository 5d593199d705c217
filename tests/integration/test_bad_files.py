"""One folder of files as users have them: each ends as done or with the right reason, and nothing else suffers."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest
from small_runs import DATASET, FRAMES, artefacts, ffmpeg, preprocess_command, run_command

from reenactory.infra.store import open_store
from reenactory.models.weights import locate

pytestmark = pytest.mark.weights

AS_MADE = ("-c:v", "libx264", "-crf", 18, "-threads", 1)
UNCUT = "done", None


def damaged_middle(good: Path, made: Path) -> None:
    """A third of the picture data, in the middle, is noise."""
    payload = bytearray(good.read_bytes())
    start = len(payload) // 3
    payload[start : 2 * start] = bytes((i * 197 + 31) % 256 for i in range(start))
    made.write_bytes(payload)


def cut_off_tail(good: Path, made: Path) -> None:
    """An index at the front that promises all frames, and the bytes of half of them."""
    whole = made.with_suffix(".whole.mp4")
    ffmpeg("-i", good, "-c", "copy", "-movflags", "+faststart", whole)
    made.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    whole.unlink()


def without_index(good: Path, made: Path) -> None:
    """A recording that was broken off before its index was written."""
    made.write_bytes(good.read_bytes()[: good.stat().st_size // 2])


def audio_only(good: Path, made: Path) -> None:
    ffmpeg("-f", "lavfi", "-i", "sine=440:d=1", "-c:a", "aac", made)


def rotated(good: Path, made: Path) -> None:
    """As a phone stores an upright recording: pixels lying on their side, and a note to turn them."""
    lying = made.with_suffix(".lying.mp4")
    ffmpeg("-i", good, "-vf", "transpose=clock", *AS_MADE, lying)
    ffmpeg("-display_rotation:v:0", 90, "-i", lying, "-c", "copy", made)
    lying.unlink()


def variable_rate(good: Path, made: Path) -> None:
    """The first half at 25 frames per second, the second at 12.5."""
    slower = f"setpts='if(lt(N,{FRAMES // 2}),N,{FRAMES // 2}+2*(N-{FRAMES // 2}))/25/TB'"
    ffmpeg("-i", good, "-vf", slower, "-fps_mode", "vfr", *AS_MADE, made)


def no_face(good: Path, made: Path) -> None:
    ffmpeg("-i", locate("demo_no_face"), "-frames:v", FRAMES, "-an", *AS_MADE, made)


def text(good: Path, made: Path) -> None:
    made.write_text("not a film\n" * 100)


FILES: dict[str, tuple[Callable[[Path, Path], object], tuple[str, str | None]]] = {
    "audio_only": (audio_only, ("rejected", "NO_VIDEO_STREAM")),
    "cut_off_tail": (cut_off_tail, ("rejected", "DECODE_ERROR")),
    "damaged_middle": (damaged_middle, ("rejected", "DECODE_ERROR")),
    "empty": (lambda good, made: made.touch(), ("rejected", "EMPTY_FILE")),
    "good": (shutil.copyfile, UNCUT),
    "no_face": (no_face, ("rejected", "NO_FACE")),
    "rotated": (rotated, UNCUT),
    "text": (text, ("rejected", "DECODE_ERROR")),
    "variable_rate": (variable_rate, UNCUT),
    "without_index": (without_index, ("rejected", "DECODE_ERROR")),
}


@pytest.fixture(scope="module")
def bad_folder(videos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bad")
    for name, (make, _) in FILES.items():
        make(videos / "woman.mp4", folder / f"{name}.mp4")
    return folder


@pytest.fixture(scope="module")
def run(bad_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, str]:
    """Store, output and error output of one run over the folder."""
    store = tmp_path_factory.mktemp("bad-run") / "store"
    done = run_command(*preprocess_command(bad_folder, store, workers=0))
    assert done.returncode == 0, done.stdout + done.stderr
    return store, done.stdout, done.stderr


@pytest.fixture(scope="module")
def rows(run: tuple[Path, str, str]) -> pd.DataFrame:
    return pq.read_table(run[0] / "datasets" / DATASET / "clips").to_pandas().set_index("video_id")


@pytest.mark.parametrize("name", FILES)
def test_each_file_ends_as_it_should(rows: pd.DataFrame, name: str) -> None:
    outcome, reason = FILES[name][1]
    row = rows.loc[name]
    assert (row["outcome"], None if pd.isna(row["reason"]) else row["reason"]) == (outcome, reason), row["detail"]
    assert outcome == "done" or row["detail"]


def test_there_is_one_row_per_file(rows: pd.DataFrame) -> None:
    assert sorted(rows.index) == sorted(FILES)


def test_a_rotated_file_is_cropped_upright(rows: pd.DataFrame) -> None:
    """The same face in the same place as in the file that needs no turning, up to the second encoding."""
    upright, turned = rows.loc["good"], rows.loc["rotated"]
    assert (turned["width"], turned["height"]) == (upright["width"], upright["height"])
    assert abs(turned["box_ltrb"] - upright["box_ltrb"]).max() <= 8


def test_a_variable_rate_becomes_constant(rows: pd.DataFrame) -> None:
    """The film lasts 1.5 times as long as at 25 frames per second, whatever rate it is given."""
    row = rows.loc["variable_rate"]
    seconds = row["frame_count"] * row["fps_den"] / row["fps_num"]
    assert seconds == pytest.approx(1.5 * FRAMES / 25, abs=0.12)


def test_the_command_says_what_happened(run: tuple[Path, str, str]) -> None:
    _, out, err = run
    assert "3 done, 0 failed" in out
    assert "EMPTY_FILE" in out and "NO_VIDEO_STREAM" in out
    assert "Traceback" not in out + err
    assert out.splitlines()[-1].startswith("results: ")


def test_rejections_are_remembered_and_tried_again_when_asked(run: tuple[Path, str, str], bad_folder: Path) -> None:
    store = run[0]
    before = artefacts(str(store))
    again = run_command(*preprocess_command(bad_folder, store, workers=0), "--retry", "EMPTY_FILE")
    assert again.returncode == 0
    assert "computed: detect 1;" in again.stdout
    assert artefacts(str(store)) == before
    assert not [path for path in open_store(str(store)).list("artefacts/") if ".tmp" in path]
