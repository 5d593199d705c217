"""Downloads one address to one file in spite of a bad line: retries with back-off, and goes on where it was cut off."""

import re
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

TIMEOUT_S = (6.0, 60.0)  # to connect, and of silence between two pieces
WAIT_S = 1.0  # before the first retry; doubled before each further one
CUTS = 5  # how often a transfer may break off; each time it goes on from where it was
CHUNK_BYTES = 1 << 16  # at most this much is lost when a transfer breaks off
PASSING_STATUS = (408, 425, 429, 500, 502, 503, 504)

Progress = Callable[[int, int], None]


class DownloadFailed(Exception):  # noqa: N818, named after what happened
    """An address that did not give the file. The message is one line and holds no credential."""


class Downloader:
    """A requests session that remembers hosts out of reach, so that ten files do not wait for each of them again."""

    def __init__(self, verify: str | None = None) -> None:
        """`verify`: a file of certificates to trust instead of the default ones."""
        # One retry to connect: a machine with no way out is found fast, and another source may be within reach.
        retry = Retry(connect=1, read=2, status=4, other=0, backoff_factor=WAIT_S, status_forcelist=PASSING_STATUS)
        retry.raise_on_status = False
        self.session = requests.Session()
        for scheme in ("http://", "https://"):
            self.session.mount(scheme, HTTPAdapter(max_retries=retry))
        if verify is not None:
            self.session.verify = verify
        self._unreachable: set[str] = set()

    def download(self, url: str, target: Path, limit: int, progress: Progress) -> None:
        """Write what `url` serves to `target`; `progress` gets (bytes so far, bytes in all or 0 where not said).

        DownloadFailed: refused, out of reach, more than `limit` bytes, or cut off too often.
        """
        host = urlsplit(url).netloc
        target.unlink(missing_ok=True)
        for cut in range(CUTS):
            if host in self._unreachable:
                raise DownloadFailed(f"{without_credentials(url)}: cannot be reached")
            if cut:
                time.sleep(WAIT_S * 2 ** (cut - 1))
            try:
                self._continue(url, target, limit, progress)
            except (requests.exceptions.ChunkedEncodingError, requests.exceptions.ConnectionError) as error:
                fault: Exception = error
                if not target.exists():
                    self._unreachable.add(host)
            except requests.RequestException as error:
                raise DownloadFailed(f"{without_credentials(url)}: {type(error).__name__}") from error
            else:
                return
        raise DownloadFailed(f"{without_credentials(url)}: cut off {CUTS} times") from fault

    def _continue(self, url: str, target: Path, limit: int, progress: Progress) -> None:
        """One request for what `target` still lacks."""
        have = target.stat().st_size if target.exists() else 0
        # Identity: the ranges and the lengths of a compressed answer would be those of another file.
        headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
        with self.session.get(url, stream=True, timeout=TIMEOUT_S, headers=headers) as response:
            if response.status_code not in (200, 206):
                raise DownloadFailed(f"{without_credentials(url)}: HTTP {response.status_code}")
            have = have if response.status_code == 206 else 0
            total = have + int(response.headers.get("Content-Length", 0))
            with target.open("ab" if have else "wb") as out:
                for chunk in response.iter_content(CHUNK_BYTES):
                    have += len(chunk)
                    if max(have, total) > limit:
                        raise DownloadFailed(f"{without_credentials(url)}: larger than the {limit} bytes expected")
                    out.write(chunk)
                    progress(have, total)
        if have < total:
            raise requests.exceptions.ChunkedEncodingError(f"{have} of {total} bytes")


def without_credentials(url: str) -> str:
    """The address, or a text with addresses in it, without user names, passwords and query strings."""
    return re.sub(r"\?\S*", "", re.sub(r"//[^/@\s]*@", "//", url))
