"""A store in an S3 bucket, or in any server that speaks its protocol, through boto3."""

import hashlib
import os
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from boto3.exceptions import S3UploadFailedError
from boto3.s3.transfer import TransferConfig
from boto3.session import Session
from botocore import exceptions
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    IncompleteReadError,
    NoCredentialsError,
    PartialCredentialsError,
    ReadTimeoutError,
    ResponseStreamingError,
)

from reenactory.infra.settings import Settings
from reenactory.infra.store import (
    TEMP_PREFIX,
    Found,
    MissingObject,
    StoreFailed,
    StoreUnusable,
    checked_path,
    is_object_path,
)

if TYPE_CHECKING:
    from botocore.response import StreamingBody
    from types_boto3_s3.client import S3Client

BODY_ATTEMPTS = 3
CONFLICT_ATTEMPTS = 8
MULTIPART_BYTES = 16 << 20
TRANSFER = TransferConfig(multipart_threshold=MULTIPART_BYTES, multipart_chunksize=MULTIPART_BYTES, max_concurrency=4)
UPLOAD_MARK = "?uploadId="
MISSING_CODES = frozenset({"NoSuchKey", "404", "NotFound"})

THROTTLING = frozenset({"SlowDown", "Throttling", "ThrottlingException", "TooManyRequests", "RequestLimitExceeded"})
RIGHTS = "s3:PutObject, s3:GetObject, s3:DeleteObject and s3:ListBucket"
BROKEN_OFF = (IncompleteReadError, ReadTimeoutError, ResponseStreamingError)

T = TypeVar("T")


@lru_cache(maxsize=1)
def s3_client(process: int) -> "S3Client":
    """The client of this process (`process` = os.getpid()): a fork must not share its parent's connections.

    Credentials, region and endpoint (AWS_ENDPOINT_URL) come from boto3's own chain and from nowhere else.
    """
    settings = Settings()
    # "adaptive" would also limit the rate of this process by its own guess; few workers per process need that.
    retries = Config(
        retries={"mode": "standard", "total_max_attempts": settings.s3_attempts},
        max_pool_connections=32,
        connect_timeout=min(10.0, settings.s3_timeout_s),
        read_timeout=settings.s3_timeout_s,
    )
    # A session of its own: the default one is not safe to make clients from in several threads.
    try:
        return Session().client("s3", config=retries)
    except BotoCoreError:  # some are ValueErrors too
        raise
    except ValueError:  # its text repeats the address, with whatever is in it
        raise StoreUnusable("AWS_ENDPOINT_URL is no address of a server; write it as http://host:port") from None


def open_s3_store(uri: str) -> "S3Store":
    """The store at `s3://bucket/prefix`; StoreUnusable where it cannot be written, without any credential in it."""
    bucket, _, prefix = uri.removeprefix("s3://").partition("/")
    prefix = prefix.strip("/")
    if not bucket or "@" in bucket:
        raise StoreUnusable("an S3 store is written s3://bucket/prefix, without credentials")
    try:
        checked_path(prefix or "no-prefix")
    except ValueError as error:
        raise StoreUnusable(f"{uri}: {error}") from error
    store = S3Store(bucket, prefix)
    probe = f"probe-{uuid.uuid4().hex}"
    try:
        store.put(probe, b"")
        store.delete(probe)
    except StoreFailed as error:
        raise StoreUnusable(f"cannot write to {error}") from None
    return store


@contextmanager
def plain_words(uri: str, bucket: str) -> Iterator[None]:
    """Turns what boto3 raises inside into StoreFailed: one line that says what to do.

    Not chained: the text of a server's answer is not ours to print.
    """
    try:
        yield
    except S3UploadFailedError as error:
        cause = error.__context__
        known = isinstance(cause, BotoCoreError | ClientError)
        raise StoreFailed(f"{uri}: {remedy(cause, bucket) if known else 'the upload failed'}") from None  # type: ignore[arg-type]
    except (BotoCoreError, ClientError) as error:
        raise StoreFailed(f"{uri}: {remedy(error, bucket)}") from None


@dataclass(frozen=True)
class S3Store:
    """Objects under `prefix` of `bucket`. See `infra.store.Store` for what each method promises."""

    bucket: str
    prefix: str
    remote: bool = True

    @property
    def uri(self) -> str:
        """The store as `s3://bucket/prefix`."""
        return f"s3://{self.bucket}/{self.prefix}".rstrip("/")

    def put(self, path: str, data: bytes) -> None:
        """Write or replace an object."""
        key = self._key(path)
        with self._plain_words():
            self._client.put_object(Bucket=self.bucket, Key=key, Body=data)

    def put_file(self, path: str, local: Path) -> None:
        """Write or replace an object with the content of a local file; in parts where it is large."""
        if local.stat().st_size < MULTIPART_BYTES:  # the transfer manager takes twice as long for a small file
            self.put(path, local.read_bytes())
            return
        key = self._key(path)
        with self._plain_words():
            self._client.upload_file(str(local), self.bucket, key, Config=TRANSFER)

    def get(self, path: str) -> bytes:
        """The whole object; MissingObject where there is none."""
        return self._read(path, lambda body: body.read())

    def local_path(self, path: str, cache: Path) -> Path:
        """A copy below `cache`, in a folder named after the object's content: a replaced object is downloaded anew."""
        key = self._key(path)
        etag = self._found(path, lambda: self._client.head_object(Bucket=self.bucket, Key=key))["ETag"]
        version = hashlib.blake2b(f"{self.uri}\n{etag}".encode(), digest_size=8).hexdigest()
        target = cache / version / path
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            temp = target.parent / f"{TEMP_PREFIX}{uuid.uuid4().hex}"
            try:
                self._read(path, lambda body: _copy(body, temp))
                temp.replace(target)
            finally:
                temp.unlink(missing_ok=True)
        return target

    def exists(self, path: str) -> bool:
        """Whether the object is there."""
        return self.size(path) is not None

    def size(self, path: str) -> int | None:
        """Bytes of the object, None where there is none."""
        key = self._key(path)
        try:
            return self._found(path, lambda: self._client.head_object(Bucket=self.bucket, Key=key))["ContentLength"]
        except MissingObject:
            return None

    def list(self, prefix: str) -> Iterator[str]:
        """Paths that begin with `prefix`, sorted."""
        # Sorted here as well: directory buckets and some servers list in another order.
        return iter(sorted(found.path for found in self.look(prefix)))

    def look(self, prefix: str) -> Iterator[Found]:
        """As `list`, with sizes and times, page by page in the server's order."""
        folder = prefix.rpartition("/")[0]
        if folder:
            checked_path(folder)
        return self._listed(prefix)

    def _listed(self, prefix: str) -> Iterator[Found]:
        with self._plain_words():
            listing = self._client.get_paginator("list_objects_v2")
            pages = listing.paginate(Bucket=self.bucket, Prefix=self._root + prefix)
            for entry in (entry for page in pages for entry in page.get("Contents", [])):
                path = entry["Key"].removeprefix(self._root)
                if is_object_path(path):  # a folder is none, nor is what others have put there as `..` or `a//b`
                    yield Found(path, entry["Size"], entry["LastModified"].timestamp())

    def unfinished(self, prefix: str) -> Iterator[Found]:
        """Multipart uploads that were begun and not completed: they are paid for, and no listing shows them."""
        with self._plain_words():
            listing = self._client.get_paginator("list_multipart_uploads")
            pages = listing.paginate(Bucket=self.bucket, Prefix=self._root + prefix)
            for upload in (upload for page in pages for upload in page.get("Uploads", [])):
                name = f"{upload['Key'].removeprefix(self._root)}{UPLOAD_MARK}{upload['UploadId']}"
                yield Found(name, 0, upload["Initiated"].timestamp())

    def discard(self, unfinished: Found) -> None:
        """Give up a multipart upload."""
        path, _, upload = unfinished.path.rpartition(UPLOAD_MARK)
        with self._plain_words():
            self._client.abort_multipart_upload(Bucket=self.bucket, Key=self._key(path), UploadId=upload)

    def delete(self, path: str) -> None:
        """Remove the object; nothing happens where there is none."""
        key = self._key(path)
        with self._plain_words():
            self._client.delete_object(Bucket=self.bucket, Key=key)

    def put_if_absent(self, path: str, data: bytes) -> bool:
        """Write only where no object is. Of several racing calls one gets True."""
        key = self._key(path)
        with self._plain_words():
            return self._put_if_absent(key, data)

    def _put_if_absent(self, key: str, data: bytes) -> bool:
        for attempt in range(CONFLICT_ATTEMPTS):
            try:
                self._client.put_object(Bucket=self.bucket, Key=key, Body=data, IfNoneMatch="*")
            except ClientError as error:
                if _code(error) in ("PreconditionFailed", "412"):
                    return False
                # 409: another conditional write is under way, and whether it succeeds is not known yet.
                if _code(error) not in ("ConditionalRequestConflict", "409") or attempt == CONFLICT_ATTEMPTS - 1:
                    raise
                time.sleep(0.05 * 2**attempt)
            else:
                return True
        raise AssertionError("not reached: the last attempt returns or raises")

    @property
    def _root(self) -> str:
        return f"{self.prefix}/" if self.prefix else ""

    @property
    def _client(self) -> "S3Client":
        return s3_client(os.getpid())

    def _key(self, path: str) -> str:
        return self._root + checked_path(path)

    def _plain_words(self) -> AbstractContextManager[None]:
        return plain_words(self.uri, self.bucket)

    def _found(self, path: str, ask: Callable[[], T]) -> T:
        """What `ask` gives; MissingObject where the server says that there is no such object."""
        with self._plain_words():
            try:
                return ask()
            except ClientError as error:
                if _code(error) in MISSING_CODES:
                    raise MissingObject(path, self.uri) from None
                raise

    def _read(self, path: str, use: "Callable[[StreamingBody], T]") -> T:
        """What `use` makes of an object. boto3 retries requests, but not a body that breaks off: this does."""
        key = self._key(path)
        with self._plain_words():
            for attempt in range(BODY_ATTEMPTS):
                body = self._found(path, lambda: self._client.get_object(Bucket=self.bucket, Key=key))["Body"]
                try:
                    return use(body)
                except BROKEN_OFF:
                    if attempt == BODY_ATTEMPTS - 1:
                        raise
                    time.sleep(0.1 * 2**attempt)
        raise AssertionError("not reached: the last attempt returns or raises")


def _copy(body: "StreamingBody", target: Path) -> None:
    with target.open("wb") as out:
        for chunk in body.iter_chunks(1 << 20):  # which notices a body that is too short
            out.write(chunk)


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def remedy(error: BotoCoreError | ClientError, bucket: str) -> str:
    """What is wrong and what to do about it, in our words: a server's answer may repeat what it was sent."""
    if isinstance(error, (NoCredentialsError, PartialCredentialsError)):
        return "no complete credentials found; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE"
    if isinstance(error, ReadTimeoutError | exceptions.ConnectTimeoutError):
        return f"no answer within {Settings().s3_timeout_s:g} s, several times; check AWS_ENDPOINT_URL and the network"
    if isinstance(error, IncompleteReadError | ResponseStreamingError):
        return "answers break off, several times; check the network"
    if isinstance(error, exceptions.ConnectionError | exceptions.HTTPClientError):
        return "the server cannot be reached; check AWS_ENDPOINT_URL and the network"
    if not isinstance(error, ClientError):
        return f"{type(error).__name__}; check the bucket name, AWS_ENDPOINT_URL, AWS_REGION and AWS_PROFILE"
    code, status = _code(error), error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if code in THROTTLING:
        return f"the server asks for fewer requests ({code}), several times; run again later, or with fewer --workers"
    if status >= 500:
        return f"the server is in trouble ({code}), several times; run again later"
    known = {
        "NoSuchBucket": f"there is no bucket {bucket!r}; create it or name another",
        "InvalidAccessKeyId": "the access key is not known there; check AWS_ACCESS_KEY_ID and AWS_ENDPOINT_URL",
        "SignatureDoesNotMatch": "the secret key is wrong; check AWS_SECRET_ACCESS_KEY",
        "ExpiredToken": "the session token has expired; log in again",
        "RequestTimeTooSkewed": "this machine's clock is more than 15 minutes off the server's; set the clock",
        "AccessDenied": f"access denied; needed are {RIGHTS}",
        "403": f"access denied; needed are {RIGHTS}, and the right credentials and clock",
        "PermanentRedirect": "the bucket is in another region; set AWS_REGION",
    }
    return known.get(code, f"the server answers {code}; check bucket, AWS_ENDPOINT_URL and credentials")
