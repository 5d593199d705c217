"""One contract, held by the local folder, by an imitation of S3 and by a real S3 server."""

import hashlib
import os
import pickle
import random
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from s3_servers import S3Server

from reenactory.infra import store_local, store_s3
from reenactory.infra.store import MissingObject, Store, StoreUnusable, checked_path, open_store

KINDS = ("local", "moto", "seaweedfs")
in_use: dict[str, str] = {}  # environment of the client that boto3 made last


def use(server: S3Server, monkeypatch: pytest.MonkeyPatch, **changes: str) -> None:
    """Point boto3 at the server. A client reads the environment once, so another environment needs another client."""
    environment = server.environment | changes
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    if in_use != environment:
        store_s3.s3_client.cache_clear()
        in_use.clear()
        in_use.update(environment)


def forget_client() -> None:
    store_s3.s3_client.cache_clear()
    in_use.clear()


@pytest.fixture(params=KINDS)
def store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    if request.param == "local":
        yield open_store(str(tmp_path / "store"))
        return
    server = request.getfixturevalue("moto_server" if request.param == "moto" else "s3_server")
    use(server, monkeypatch)
    name = hashlib.sha256(request.node.nodeid.encode()).hexdigest()[:12]
    yield open_store(f"s3://{server.bucket}/tests/{name}")


def test_write_read_replace_delete(store: Store) -> None:
    assert not store.exists("a/b.bin")
    assert store.size("a/b.bin") is None
    store.put("a/b.bin", b"one")
    assert store.get("a/b.bin") == b"one"
    store.put("a/b.bin", b"three")
    assert (store.get("a/b.bin"), store.size("a/b.bin"), store.exists("a/b.bin")) == (b"three", 5, True)
    store.put("empty", b"")
    assert (store.get("empty"), store.size("empty")) == (b"", 0)
    store.delete("a/b.bin")
    store.delete("a/b.bin")
    assert not store.exists("a/b.bin")


def test_a_folder_is_not_an_object(store: Store) -> None:
    store.put("a/b/c", b"1")
    assert not store.exists("a/b")
    assert store.size("a/b") is None
    with pytest.raises(MissingObject):
        store.get("a/b")


@pytest.mark.parametrize("path", ["no.bin", "no/such/folder.bin"])
def test_missing_object(store: Store, tmp_path: Path, path: str) -> None:
    calls: list[Callable[[], object]] = [lambda: store.get(path), lambda: store.local_path(path, tmp_path / "cache")]
    for call in calls:
        with pytest.raises(MissingObject) as caught:
            call()
        assert (caught.value.path, caught.value.uri) == (path, store.uri)
        assert (
            str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value) == f"no object {path!r} in {store.uri}"
        )
    assert list(store.list("no")) == []


def test_names_that_are_hard_to_carry(store: Store) -> None:
    names = [
        "with space.txt",
        "ümlaut/名.txt",
        "plus+and&=?#.txt",
        "per%20cent.txt",
        "quote'\".txt",
        "a" * 200 + ".txt",
    ]
    for name in names:
        store.put(name, name.encode())
    assert [store.get(name) for name in names] == [name.encode() for name in names]
    assert list(store.list("")) == sorted(names)


BAD_PATHS = [
    "",
    "/a",
    "a/",
    "a//b",
    "..",
    "a/../b",
    "./a",
    "a/.",
    "a\\b",
    "a\0b",
    "a/" * 300 + "a",
    "a" * 256,
    "\u00e9" * 128,
    "a\udcff",
    ".tmp-1",
    "a/.tmp-1",
]


def test_malformed_paths_are_refused_by_every_method(store: Store, tmp_path: Path) -> None:
    local = tmp_path / "file"
    local.write_bytes(b"x")
    calls: list[Callable[[str], object]] = [
        lambda path: store.put(path, b""),
        lambda path: store.put_file(path, local),
        store.get,
        lambda path: store.local_path(path, tmp_path / "cache"),
        store.exists,
        store.size,
        store.delete,
        lambda path: store.put_if_absent(path, b""),
    ]
    for call in calls:
        for path in BAD_PATHS:
            with pytest.raises(ValueError, match="object path"):
                call(path)


@given(st.text(alphabet=st.sampled_from("ab/.\\\0-~ é"), max_size=12))
@example("a/..")
def test_an_accepted_path_stays_inside(path: str) -> None:
    try:
        checked_path(path)
    except ValueError:
        return
    root = Path("/root/of/store")
    assert Path(os.path.normpath(root / path)).is_relative_to(root)
    assert os.path.normpath(path) == path


def test_large_file(store: Store, tmp_path: Path) -> None:
    data = random.Random(0).randbytes(20 << 20)
    local = tmp_path / "large"
    local.write_bytes(data)
    store.put_file("large.bin", local)
    assert store.size("large.bin") == len(data)
    assert store.get("large.bin") == data
    if isinstance(store, store_s3.S3Store):
        head = store_s3.s3_client(os.getpid()).head_object(Bucket=store.bucket, Key=f"{store.prefix}/large.bin")
        assert head["ETag"].strip('"').endswith("-2"), "was not sent in parts"
    local.write_bytes(b"small")
    store.put_file("large.bin", local)
    assert store.get("large.bin") == b"small"


def test_local_path_follows_the_object(store: Store, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    store.put("clips/a.mp4", b"first")
    first = store.local_path("clips/a.mp4", cache)
    assert first.name == "a.mp4"
    assert first.read_bytes() == b"first"
    assert store.local_path("clips/a.mp4", cache) == first
    store.put("clips/a.mp4", b"other")
    assert store.local_path("clips/a.mp4", cache).read_bytes() == b"other"
    if store.remote:
        assert first.read_bytes() == b"first", "a file that a reader may have open was changed"
        assert not list(cache.rglob(".tmp-*"))


def test_local_path_is_not_downloaded_twice(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not isinstance(store, store_s3.S3Store):
        pytest.skip("a local store downloads nothing")
    store.put("a", b"1")
    store.local_path("a", tmp_path)
    monkeypatch.setattr(store_s3.S3Store, "_read", None)
    assert store.local_path("a", tmp_path).read_bytes() == b"1"


def test_listing_is_sorted_by_whole_path_and_paged(store: Store, request: pytest.FixtureRequest) -> None:
    count = 150 if "moto" in request.node.name else 1500  # a page holds 1000; moto writes 160 a second
    names = [f"many/{i % 7}/{i:04d}" for i in range(count)] + ["many.txt", "many-a/x", "many/0.txt", "manz", "man"]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: store.put(name, b"x"), names))
    assert list(store.list("")) == sorted(names)
    assert list(store.list("many/0")) == sorted(name for name in names if name.startswith("many/0"))
    assert list(store.list("many/0/")) == sorted(name for name in names if name.startswith("many/0/"))
    assert list(islice(store.list("many"), 2)) == ["many-a/x", "many.txt"]
    assert list(store.list("nothing/here")) == []
    with pytest.raises(ValueError, match="object path"):
        store.list("../x")


def test_one_of_many_racing_writers_wins(store: Store, request: pytest.FixtureRequest) -> None:
    writers = 16
    start = threading.Barrier(writers)

    def race(name: str, writer: int) -> bool:
        start.wait()
        return store.put_if_absent(name, b"%d" % writer)

    if "moto" in request.node.name:
        assert [store.put_if_absent("lock", b"0"), store.put_if_absent("lock", b"1")] == [True, False]
        pytest.skip("moto looks and then writes, so several of its racing writers can win")
    with ThreadPoolExecutor(writers) as pool:
        for turn in range(2):  # SeaweedFS takes 1 to 5 s to settle sixteen writers
            won = list(pool.map(race, [f"lock{turn}"] * writers, range(writers)))
            assert won.count(True) == 1
            assert store.get(f"lock{turn}") == b"%d" % won.index(True)
    assert store.put_if_absent("lock0", b"late") is False


def test_racing_replacements_leave_one_whole_object(store: Store) -> None:
    contents = [bytes([i]) * 200_000 for i in range(8)]
    with ThreadPoolExecutor(9) as pool:
        writes = [pool.submit(store.put, "same", content) for content in contents]
        while not all(write.done() for write in writes):
            if store.exists("same"):
                assert store.get("same") in contents
        for write in writes:
            write.result()
    assert store.get("same") in contents
    assert list(store.list("")) == ["same"]


def test_pickled_store_is_the_same_store(store: Store) -> None:
    store.put("a", b"1")
    text = pickle.dumps(store)
    assert b"secret" not in text
    copy: Store = pickle.loads(text)
    assert (copy.uri, copy.remote, copy.get("a")) == (store.uri, store.remote, b"1")
    assert open_store(store.uri) == store


# Local folder


def test_killed_writer_leaves_no_object(tmp_path: Path) -> None:
    store = store_local.open_local_store(tmp_path)
    store.put("a/record", b"old")
    code = (
        "import os, pathlib\n"
        "from reenactory.infra import store_local as s\n"
        "s.os.fsync = lambda descriptor: os._exit(9)\n"
        f"s.LocalStore(pathlib.Path({str(tmp_path)!r})).put('a/record', b'new')\n"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 9
    assert store.get("a/record") == b"old"
    assert list(store.list("")) == ["a/record"]


def test_full_disk_leaves_the_old_object(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = store_local.open_local_store(tmp_path)
    store.put("a", b"old")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(store_local.os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        store.put("a", b"new")
    assert store.get("a") == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_local_addresses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    expected = store_local.LocalStore(tmp_path / "a b")
    assert open_store("a b") == open_store(str(tmp_path / "a b")) == open_store(expected.uri) == expected


@pytest.mark.parametrize(
    "uri", ["gs://bucket/x", "https://host/x", "file://host/x", "", "  ", "s3://", "s3:///x", "s3:/b", "S3:b"]
)
def test_addresses_of_no_store(uri: str) -> None:
    with pytest.raises(StoreUnusable) as caught:
        open_store(uri)
    assert "\n" not in str(caught.value)


def test_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("a file where the folder should be")
    for where in ("file", "file/below"):
        with pytest.raises(StoreUnusable, match="choose another with --store") as caught:
            open_store(str(tmp_path / where))
        assert "\n" not in str(caught.value)


# S3


def test_wrong_secret(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    use(s3_server, monkeypatch, AWS_SECRET_ACCESS_KEY="wrong-hunter2")
    with pytest.raises(StoreUnusable, match="the secret key is wrong") as caught:
        open_store(f"s3://{s3_server.bucket}/x")
    printed = capfd.readouterr()
    for text in (str(caught.value), repr(caught.value), printed.out, printed.err):
        assert "hunter2" not in text and s3_server.environment["AWS_ACCESS_KEY_ID"] not in text
    assert "\n" not in str(caught.value)


def test_unknown_access_key(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    use(s3_server, monkeypatch, AWS_ACCESS_KEY_ID="nobody")
    with pytest.raises(StoreUnusable, match="AWS_ACCESS_KEY_ID"):
        open_store(f"s3://{s3_server.bucket}/x")


def test_no_credentials(moto_server: S3Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    use(moto_server, monkeypatch)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    forget_client()
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(StoreUnusable, match="no complete credentials found; set AWS_ACCESS_KEY_ID"):
        open_store(f"s3://{moto_server.bucket}/x")
    forget_client()


def test_no_such_bucket(moto_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    use(moto_server, monkeypatch)  # SeaweedFS lets an administrator write into a new bucket and creates it
    with pytest.raises(StoreUnusable, match="there is no bucket 'nowhere'"):
        open_store("s3://nowhere/x")


def test_bucket_name_that_cannot_be(moto_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    use(moto_server, monkeypatch)
    for uri in ("s3://UPPER case/x", "s3://key:secret@bucket/x", "s3://bucket/a/../b"):
        with pytest.raises(StoreUnusable) as caught:
            open_store(uri)
        assert "secret" not in str(caught.value)


def test_server_out_of_reach(moto_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REENACTORY_S3_ATTEMPTS", "1")
    forget_client()
    use(moto_server, monkeypatch, AWS_ENDPOINT_URL="http://127.0.0.1:9")
    with pytest.raises(StoreUnusable, match="cannot be reached; check AWS_ENDPOINT_URL"):
        open_store("s3://bucket/x")
    forget_client()


def test_a_fork_makes_a_client_of_its_own(moto_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    use(moto_server, monkeypatch)
    assert store_s3.s3_client(1) is store_s3.s3_client(1)
    assert store_s3.s3_client(1) is not store_s3.s3_client(2)
    forget_client()


@pytest.mark.parametrize("key", ["artefacts/../../outside", "artefacts//x", "artefacts/a\\b", "/artefacts/x"])
def test_keys_that_others_put_into_the_bucket_are_not_taken_for_objects(
    moto_server: S3Server, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    """A listing's paths are read, copied below a cache folder and deleted: none may point elsewhere."""
    for name, value in moto_server.environment.items():
        monkeypatch.setenv(name, value)
    store_s3.s3_client.cache_clear()
    prefix = f"foreign-{hashlib.sha256(key.encode()).hexdigest()[:8]}"
    store = open_store(f"s3://{moto_server.bucket}/{prefix}")
    store.put("artefacts/ours", b"x")
    store_s3.s3_client(os.getpid()).put_object(Bucket=moto_server.bucket, Key=f"{prefix}/{key}", Body=b"theirs")
    assert list(store.list("")) == ["artefacts/ours"]
    store_s3.s3_client.cache_clear()
