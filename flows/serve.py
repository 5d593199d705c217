"""`make serve`: a local Prefect server, a worker and the deployments of prefect.yaml, until it is stopped."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from reenactory.tasks.errors import WrongUseError

PORT = int(os.environ.get("REENACTORY_PREFECT_PORT", "4200"))
API = f"http://127.0.0.1:{PORT}/api"
POOL = "reenactory"
STOP_DEADLINE_S = 15.0
START_DEADLINE_S = 180  # an SQLite migration on a busy machine took 60


def prefect(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "prefect", *arguments]


def environment() -> dict[str, str]:
    """The server's state lies in the project, not in the user's own ~/.prefect."""
    home = Path(os.environ.get("PREFECT_HOME", ".cache/prefect")).absolute()
    home.mkdir(parents=True, exist_ok=True)
    return os.environ | {
        "PREFECT_HOME": str(home),
        "PREFECT_API_URL": API,
        "PREFECT_SERVER_UI_API_URL": API,  # else the page asks port 4200, whatever port it came from
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "RAY_USAGE_STATS_ENABLED": "0",
    }


def wait_until_healthy(server: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + START_DEADLINE_S
    while time.monotonic() < deadline:
        if server.poll() is not None:
            raise SystemExit(f"the Prefect server ended with code {server.returncode}; is port {PORT} taken?")
        try:
            with urlopen(f"{API}/health", timeout=2):
                return
        except (URLError, TimeoutError, ConnectionError):
            time.sleep(0.5)
    raise SystemExit(f"the Prefect server did not answer within {START_DEADLINE_S} s")


def require_server() -> None:
    """Check that the server that PREFECT_API_URL names answers; without the variable Prefect starts its own.

    Raises:
        WrongUseError: nobody answers there.
    """
    url = os.environ.get("PREFECT_API_URL")
    if not url:
        return
    try:
        with urlopen(f"{url.rstrip('/')}/health", timeout=10):
            return
    except (URLError, TimeoutError, ConnectionError, ValueError):
        raise WrongUseError(
            f"PREFECT_API_URL is {url}, but no server answers there; start one (`make serve`), or unset it to "
            "run without Prefect"
        ) from None


def stop(child: "subprocess.Popen[bytes]", patience_s: float = STOP_DEADLINE_S) -> None:
    """End a child, by force where it does not end by itself: a worker whose server had gone first was left for good."""
    child.terminate()
    try:
        child.wait(timeout=patience_s)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def main() -> None:
    """Start everything, wait for Ctrl-C or SIGTERM, stop everything."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # before the first child: none may outlive us
    env = environment()
    without_url = {name: value for name, value in env.items() if name != "PREFECT_API_URL"}
    serve = prefect("server", "start", "--host", "127.0.0.1", "--port", str(PORT))
    children = [subprocess.Popen(serve, env=without_url)]
    try:
        wait_until_healthy(children[0])
        pool = prefect("work-pool", "create", POOL, "--type", "process", "--overwrite")
        subprocess.run(pool, env=env, check=True)
        subprocess.run(prefect("--no-prompt", "deploy", "--all"), env=env, check=True)
        children.append(subprocess.Popen(prefect("worker", "start", "--pool", POOL), env=env))
        sys.stdout.write(f"Prefect page: http://127.0.0.1:{PORT}   In another shell: export PREFECT_API_URL={API}\n")
        sys.stdout.flush()
        children[1].wait()
    except KeyboardInterrupt:
        sys.stdout.write("stopping\n")
    finally:
        for child in reversed(children):
            stop(child)


if __name__ == "__main__":
    main()
