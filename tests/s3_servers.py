"""S3 servers on 127.0.0.1 for tests: SeaweedFS, a real one, and moto, a quick one that checks no secrets."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import boto3

ACCESS_KEY = "test-access-key"
SECRET_KEY = "test-secret-key"
BUCKET = "reenactory"
READY_S = 60.0


@dataclass(frozen=True)
class S3Server:
    """A running server with one bucket."""

    endpoint: str
    bucket: str = BUCKET

    @property
    def environment(self) -> dict[str, str]:
        """What boto3 needs to find it."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "AWS_DEFAULT_REGION": "us-east-1",
            "NO_PROXY": "127.0.0.1",
        }


def weed_binary() -> str | None:
    """SeaweedFS's executable, None where the optional package is not installed."""
    return shutil.which("weed", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]))


@contextmanager
def seaweedfs(folder: Path) -> Iterator[S3Server]:
    """A SeaweedFS server with its data in `folder`."""
    names = ("s3", "master", "filer", "volume", "admin")
    ports = free_ports(2 * len(names))
    # A SeaweedFS service takes a second port for gRPC, by default 10000 above the first, which may not be free.
    options = [f"-{name}.port={ports[i]}" for i, name in enumerate(names)]
    options += [f"-{name}.port.grpc={ports[len(names) + i]}" for i, name in enumerate(names)]
    config = folder / "s3.json"
    credentials = [{"accessKey": ACCESS_KEY, "secretKey": SECRET_KEY}]
    actions = ["Admin", "Read", "Write", "List", "Tagging"]
    config.write_text(json.dumps({"identities": [{"name": "admin", "credentials": credentials, "actions": actions}]}))
    command = [
        str(weed_binary()), "mini", f"-dir={folder}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", *options,
        "-s3.port.lance=0", "-s3.port.iceberg=0", f"-s3.config={config}", "-webdav=false", "-admin.ui=false",
        "-master.telemetry=false", f"-filer.localSocket={folder}/f.sock", f"-s3.localSocket={folder}/s.sock",
    ]  # fmt: skip
    try:
        with _running(command, folder, S3Server(f"http://127.0.0.1:{ports[0]}")) as server:
            yield server
    finally:
        _remove_sockets(names, ports[len(names) :])


@contextmanager
def moto(folder: Path) -> Iterator[S3Server]:
    """A moto server, in a process of its own so that threads of a test really race."""
    (port,) = free_ports(1)
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with _running(command, folder, S3Server(f"http://127.0.0.1:{port}")) as server:
        yield server


def free_ports(count: int) -> list[int]:
    """Ports that are free now."""
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for taken in sockets:
            taken.bind(("127.0.0.1", 0))
        return [taken.getsockname()[1] for taken in sockets]


@contextmanager
def _running(command: list[str], folder: Path, server: S3Server) -> Iterator[S3Server]:
    log = folder / "server.log"
    with log.open("wb") as out:
        process = subprocess.Popen(command, cwd=folder, stdout=out, stderr=out, start_new_session=True)
    try:
        _await_bucket(process, server, log)
        yield server
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _remove_sockets(names: tuple[str, ...], grpc_ports: list[int]) -> None:
    """SeaweedFS leaves a socket per service in the temporary folder, ended politely or not."""
    for name, port in zip(names, grpc_ports, strict=True):
        Path(f"/tmp/seaweedfs-{name}-grpc-{port}.sock").unlink(missing_ok=True)


def _await_bucket(process: "subprocess.Popen[bytes]", server: S3Server, log: Path) -> None:
    client = boto3.session.Session().client(
        "s3",
        endpoint_url=server.endpoint,
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=SECRET_KEY,
        region_name="us-east-1",
    )
    deadline = time.monotonic() + READY_S
    while not _answers(server.endpoint):
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"the S3 server did not start:\n{log.read_text(errors='replace')[-2000:]}")
        time.sleep(0.1)
    with suppress(client.exceptions.BucketAlreadyExists, client.exceptions.BucketAlreadyOwnedByYou):
        client.create_bucket(Bucket=server.bucket)


def _answers(endpoint: str) -> bool:
    try:
        urllib.request.urlopen(endpoint, timeout=2)
    except urllib.error.HTTPError:
        return True  # it refuses an unsigned request: it is there
    except OSError:
        return False
    return True
