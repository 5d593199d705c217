"""The pipeline on a real S3 server: the same keys and bytes as on disk, secrets kept, wrong use said in one line."""

import json
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from s3_servers import ACCESS_KEY, SECRET_KEY, S3Server
from small_runs import (
    DATASET,
    RUN,
    SmallRun,
    artefacts,
    preprocess_command,
    records,
    run_command,
    whole_pipeline,
)

from reenactory.infra.store import open_store
from reenactory.infra.store_s3 import s3_client

pytestmark = pytest.mark.weights

ROW_OF_NUMBERS = re.compile(r"(-?\d+\.\d{3,}(e-?\d+)?[\s,;\]\[]+){5,}")  # what a printed array looks like


@pytest.fixture(scope="module")
def s3(s3_server: S3Server) -> Iterator[str]:
    """The bucket's address; boto3 finds it through the environment, here and in every process started from here."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in s3_server.environment.items():
            patch.setenv(name, value)
        s3_client.cache_clear()
        boto3.DEFAULT_SESSION = None
        yield f"s3://{s3_server.bucket}"
    s3_client.cache_clear()
    boto3.DEFAULT_SESSION = None


@pytest.fixture(scope="module")
def uploaded(s3: str, videos: Path) -> str:
    """The clips under an s3:// prefix."""
    store = open_store(f"{s3}/inputs")
    for video in sorted(videos.glob("*.mp4")):
        store.put_file(video.name, video)
    return f"{s3}/inputs/"


def test_same_keys_and_bytes_as_on_disk(calm: SmallRun, s3: str, uploaded: str, tmp_path: Path) -> None:
    """Inputs from S3, store on S3; where the bytes lie is in no key."""
    store = f"{s3}/whole"
    made = whole_pipeline(uploaded, store, tmp_path)
    assert all(summary.failed == 0 for summary in made.values())
    assert {name: summary.computed for name, summary in made.items()} == {
        name: summary.computed for name, summary in calm.summaries.items()
    }
    assert artefacts(store) == artefacts(str(calm.store))
    here, there = open_store(str(calm.store)), open_store(store)
    for name in ("scores.parquet", "aggregates.parquet"):
        assert there.get(f"runs/{RUN}/{name}") == here.get(f"runs/{RUN}/{name}")
    assert there.exists(f"runs/{RUN}/report.html")
    again = whole_pipeline(uploaded, store, tmp_path)
    assert not any(number for summary in again.values() for number in summary.computed.values())


@pytest.fixture(scope="module")
def ray_run(s3: str, uploaded: str) -> Iterator[tuple[str, str, Path]]:
    """A run with a Ray worker on S3: its store, all that it printed, and the folder of Ray's own logs."""
    folder = Path(tempfile.mkdtemp(prefix="rt"))  # short: Ray puts sockets into it, whose paths have 107 characters
    done = run_command(*preprocess_command(uploaded, f"{s3}/ray", workers=1), RAY_TMPDIR=str(folder))
    assert done.returncode == 0, done.stdout + done.stderr
    yield f"{s3}/ray", done.stdout + done.stderr, folder
    shutil.rmtree(folder, ignore_errors=True)


def test_no_credential_is_written_anywhere(ray_run: tuple[str, str, Path]) -> None:
    """Neither in the output, nor in any object of the store, nor in any log of Ray, whose pages many may read."""
    store_uri, printed, ray_folder = ray_run
    secret = SECRET_KEY.encode()
    assert SECRET_KEY not in printed and ACCESS_KEY not in printed
    store = open_store(store_uri)
    assert not [path for path in store.list("") if secret in store.get(path)]
    logs = [path for path in ray_folder.rglob("*") if path.is_file()]
    assert logs, "Ray wrote no log: the test looks in the wrong place"
    assert not [path for path in logs if secret in path.read_bytes()]


def test_no_landmark_and_no_embedding_is_written_into_a_log_or_record(ray_run: tuple[str, str, Path]) -> None:
    store_uri, printed, ray_folder = ray_run
    assert not ROW_OF_NUMBERS.search(printed)
    for path in ray_folder.rglob("*"):
        if path.is_file() and path.suffix in (".log", ".out", ".err"):
            assert not ROW_OF_NUMBERS.search(path.read_text(errors="replace")), path
    for record in records(open_store(store_uri)):
        assert _longest_list(json.loads(record.model_dump_json(include={"facts", "detail", "params"}))) <= 4, record.key


def test_rows_of_numbers_are_recognised() -> None:
    """The pattern of the test above finds what it is for, and leaves a progress line alone."""
    assert ROW_OF_NUMBERS.search("[ 0.1234 -0.2345, 0.3456, 1.4567e-05 0.5678 0.6789]")
    assert not ROW_OF_NUMBERS.search("matte 23.2 frames/s | 0:12 left | 1.0, 2.0, 3.0")


def _longest_list(value: object) -> int:
    """Length of the longest list of numbers in a JSON value: a crop box has four."""
    if isinstance(value, dict):
        return max((_longest_list(part) for part in value.values()), default=0)
    if isinstance(value, list):
        numbers = len(value) if all(isinstance(part, (int, float)) for part in value) else 0
        return max([numbers, *(_longest_list(part) for part in value)])
    return 0


WRONG = {
    "secret": ({"AWS_SECRET_ACCESS_KEY": "not-the-secret"}, "store", "AWS_SECRET_ACCESS_KEY"),
    "key": ({"AWS_ACCESS_KEY_ID": "nobody"}, "store", "AWS_ACCESS_KEY_ID"),
    "server": ({"AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_MAX_ATTEMPTS": "1"}, "store", "cannot be reached"),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_store_that_cannot_be_used_is_wrong_use(s3: str, videos: Path, what: str) -> None:
    env, store, said = WRONG[what]
    uri = store if store.startswith("s3://") else f"{s3}/{store}"
    done = run_command(*preprocess_command(videos, uri, workers=0), **env)
    _is_one_line_of_wrong_use(done.returncode, done.stdout, done.stderr, said)


def test_a_bucket_that_does_not_exist_is_wrong_use(moto_server: S3Server, videos: Path) -> None:
    """On the imitation: SeaweedFS makes a bucket for an administrator who writes into it."""
    words = preprocess_command(videos, "s3://no-such-bucket/store", workers=0)
    done = run_command(*words, **moto_server.environment)
    _is_one_line_of_wrong_use(done.returncode, done.stdout, done.stderr, "no bucket 'no-such-bucket'")


@pytest.mark.parametrize(
    ("env", "inputs", "said"),
    [
        pytest.param({}, "s3://no-such-bucket/videos/", "no-such-bucket", id="bucket"),
        pytest.param({}, "s3://reenactory/nothing-here/", "no video in it", id="prefix"),
        pytest.param({"AWS_SECRET_ACCESS_KEY": "not-the-secret"}, "s3://reenactory/inputs/", "SECRET", id="secret"),
    ],
)
def test_inputs_that_cannot_be_read_are_wrong_use(
    uploaded: str, tmp_path: Path, env: dict[str, str], inputs: str, said: str
) -> None:
    done = run_command(*preprocess_command(inputs, tmp_path / "store", workers=0), **env)
    _is_one_line_of_wrong_use(done.returncode, done.stdout, done.stderr, said)


def _is_one_line_of_wrong_use(code: int, out: str, err: str, said: str) -> None:
    assert code == 2, out + err
    assert len(err.strip().splitlines()) == 1 and said in err, err
    assert SECRET_KEY not in out + err and "not-the-secret" not in out + err


def test_the_dataset_is_where_the_summary_says(ray_run: tuple[str, str, Path]) -> None:
    store_uri, printed, _ = ray_run
    assert printed.strip().splitlines() and f"clips={store_uri}/datasets/{DATASET}/clips" in printed
    assert list(open_store(store_uri).list(f"datasets/{DATASET}/clips/"))
