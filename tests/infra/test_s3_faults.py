"""A real S3 server behind a bad network: what is mended, what is said, and that nothing is half-written."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from fault_proxy import (
    Fault,
    FaultProxy,
    Plan,
    cut_the_answer,
    fault_proxy,
    hang,
    lose_the_answer,
    reset_while_sending,
    says,
)
from s3_servers import SECRET_KEY, S3Server

from reenactory.infra import store_s3
from reenactory.infra.keys import digest
from reenactory.infra.store import MissingObject, StoreFailed, StoreUnusable
from reenactory.infra.store_s3 import S3Store, open_s3_store

ATTEMPTS = 3
BLACK_HOLE_S = 3  # long enough for a busy machine to answer an honest request


@pytest.fixture(scope="module")
def proxy(s3_server: S3Server) -> Iterator[FaultProxy]:
    """A proxy that boto3 takes for the server; few attempts."""
    settings = {"REENACTORY_S3_ATTEMPTS": str(ATTEMPTS)}
    with fault_proxy(s3_server.endpoint) as running, pytest.MonkeyPatch.context() as patch:
        for name, value in (s3_server.environment | settings | {"AWS_ENDPOINT_URL": running.endpoint}).items():
            patch.setenv(name, value)
        store_s3.s3_client.cache_clear()
        yield running
    store_s3.s3_client.cache_clear()


@pytest.fixture
def store(proxy: FaultProxy, s3_server: S3Server, request: pytest.FixtureRequest) -> Iterator[S3Store]:
    proxy.mend()
    yield S3Store(s3_server.bucket, f"faults/{digest(request.node.name)}")
    proxy.mend()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch, proxy: FaultProxy) -> Iterator[None]:
    """Requests that stand still are broken off soon."""
    monkeypatch.setenv("REENACTORY_S3_TIMEOUT_S", str(BLACK_HOLE_S))
    store_s3.s3_client.cache_clear()
    yield
    store_s3.s3_client.cache_clear()


FAULTS: dict[str, tuple[Fault, str]] = {
    "throttled": (says(503, "SlowDown"), "asks for fewer requests (SlowDown)"),
    "internal": (says(500, "InternalError"), "in trouble (InternalError)"),
    "bad gateway": (says(502, "BadGateway"), "in trouble"),
    "reset": (reset_while_sending, "cannot be reached"),
    "answer lost": (lose_the_answer, "cannot be reached"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_that_passes_is_mended(store: S3Store, proxy: FaultProxy, name: str) -> None:
    for method in ("PUT", "GET"):
        proxy.plans.append(Plan(FAULTS[name][0], method, "/faults/", times=ATTEMPTS - 1))
    store.put("a", b"whole")
    assert store.get("a") == b"whole"
    assert len(proxy.spoiled) == 2 * (ATTEMPTS - 1)


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_that_stays_is_said_in_one_line(store: S3Store, proxy: FaultProxy, name: str) -> None:
    store.put("a", b"old")
    proxy.plans.append(Plan(FAULTS[name][0], "PUT", "/faults/"))
    with pytest.raises(StoreFailed) as caught:
        store.put("a", b"new")
    said = str(caught.value)
    assert FAULTS[name][1] in said and store.uri in said and "\n" not in said
    assert SECRET_KEY not in said and "said the test" not in said
    assert len(proxy.spoiled) == ATTEMPTS
    proxy.mend()
    assert store.get("a") == (b"new" if name == "answer lost" else b"old")


def test_a_black_hole(store: S3Store, proxy: FaultProxy, impatient: None) -> None:
    proxy.plans.append(Plan(hang, "PUT", "/faults/", times=1))
    store.put("a", b"whole")
    proxy.plans.append(Plan(hang, "GET", "/faults/"))
    with pytest.raises(StoreFailed, match=f"no answer within {BLACK_HOLE_S} s"):
        store.get("a")
    assert len(proxy.spoiled) == 1 + ATTEMPTS
    proxy.mend()
    assert store.get("a") == b"whole"


@pytest.mark.parametrize("reading", ["get", "local_path"])
def test_an_answer_that_breaks_off_is_asked_for_again(
    store: S3Store, proxy: FaultProxy, reading: str, tmp_path: Path
) -> None:
    payload = random.Random(1).randbytes(3 << 20)
    store.put("a", payload)
    proxy.plans.append(Plan(cut_the_answer, "GET", "/faults/", times=1))
    read = store.get("a") if reading == "get" else store.local_path("a", tmp_path).read_bytes()
    assert read == payload
    proxy.plans.append(Plan(cut_the_answer, "GET", "/faults/"))
    with pytest.raises(StoreFailed, match="break off"):
        store.get("a") if reading == "get" else store.local_path("a", tmp_path / "other")
    assert not [path for path in (tmp_path / "other").rglob("*") if path.is_file()]


def test_an_upload_in_parts_survives_a_break(store: S3Store, proxy: FaultProxy, tmp_path: Path) -> None:
    large = tmp_path / "large"
    large.write_bytes(random.Random(2).randbytes(40 << 20))
    proxy.plans.append(Plan(reset_while_sending, "PUT", "partNumber=2", times=1))
    proxy.plans.append(Plan(says(503, "SlowDown"), "POST", "uploadId", times=1))
    store.put_file("large", large)
    assert len(proxy.spoiled) == 2
    assert store.get("large") == large.read_bytes()


def test_an_upload_in_parts_that_cannot_be_finished_leaves_the_old_object(
    store: S3Store, proxy: FaultProxy, tmp_path: Path
) -> None:
    large = tmp_path / "large"
    large.write_bytes(random.Random(3).randbytes(40 << 20))
    store.put("large", b"old")
    proxy.plans.append(Plan(reset_while_sending, "PUT", "partNumber=3"))
    with pytest.raises(StoreFailed, match="cannot be reached"):
        store.put_file("large", large)
    proxy.mend()
    assert store.get("large") == b"old"
    assert list(store.unfinished("")) == []  # given up, so that nobody pays for the parts


@pytest.mark.parametrize("method", ["size", "list", "delete", "look", "unfinished", "put_if_absent"])
def test_every_other_request_fails_as_plainly(store: S3Store, proxy: FaultProxy, method: str) -> None:
    store.put("a", b"1")
    proxy.plans.append(Plan(says(503, "SlowDown")))
    arguments: tuple[object, ...] = ("b", b"") if method == "put_if_absent" else ("a",)
    with pytest.raises(StoreFailed, match=r"SlowDown|503"):
        list(getattr(store, method)(*arguments) or ())
    proxy.mend()
    assert [found.path for found in store.look("")] == ["a"]


SAID = {
    "RequestTimeTooSkewed": (403, "set the clock"),
    "AccessDenied": (403, "s3:PutObject"),
    "ExpiredToken": (400, "log in again"),
    "NoSuchBucket": (404, "no bucket"),
}


@pytest.mark.parametrize("code", SAID)
def test_what_no_retry_mends_is_said_at_once(store: S3Store, proxy: FaultProxy, code: str) -> None:
    """In mid-run: the store was usable when it was opened."""
    status, words = SAID[code]
    proxy.plans.append(Plan(says(status, code), "PUT"))
    with pytest.raises(StoreFailed, match=words):
        store.put("a", b"1")
    assert len(proxy.spoiled) == 1
    with pytest.raises(StoreUnusable, match=words):
        open_s3_store(store.uri)


def test_a_lost_answer_to_a_conditional_write(store: S3Store, proxy: FaultProxy) -> None:
    """As promised: False although this very call wrote it; whoever needs to know reads it back."""
    proxy.plans.append(Plan(lose_the_answer, "PUT", "/faults/", times=1))
    assert store.put_if_absent("lock", b"mine") is False
    assert store.get("lock") == b"mine"


def test_a_missing_object_is_an_answer_and_no_fault(store: S3Store, tmp_path: Path) -> None:
    for call in (lambda: store.get("none"), lambda: store.local_path("none", tmp_path)):
        with pytest.raises(MissingObject):
            call()
    assert (store.exists("none"), store.size("none")) == (False, None)
