"""A store in an S3 bucket, or in any server that speaks its protocol, through boto3."""

import hashlib
import os
import shutil
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

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

from reenactory.infra.store import TEMP_PREFIX, Found, MissingObject, StoreUnusable, checked_path

if TYPE_CHECKING:
    from types_boto3_s3.client import S3Client

MAX_ATTEMPTS = 5
BODY_ATTEMPTS = 3
CONFLICT_ATTEMPTS = 8
MULTIPART_BYTES = 16 << 20
TRANSFER = TransferConfig(multipart_threshold=MULTIPART_BYTES, multipart_chunksize=MULTIPART_BYTES, max_concurrency=4)
UPLOAD_MARK = "?uploadId="
MISSING_CODES = frozenset({"NoSuchKey", "404", "NotFound"})

T = TypeVar("T")


@lru_cache(maxsize=1)
def s3_client(process: int) -> "S3Client":
    """The client of this process (`process` = os.getpid()): a fork must not share its parent's connections.

    Credentials, region and endpoint (AWS_ENDPOINT_URL) come from boto3's own chain and from nowhere else.
    """
    retries = Config(
        retries={"mode": "standard", "total_max_attempts": MAX_ATTEMPTS},
        max_pool_connections=32,
        connect_timeout=10,
        read_timeout=60,
    )
    # A session of its own: the default one is not safe to make clients from in several threads.
    return Session().client("s3", config=retries)


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
    except (BotoCoreError, ClientError) as error:
        # Not chained: the text of a server's answer is not ours to print.
        raise StoreUnusable(f"cannot write to {store.uri}: {remedy(error, bucket)}") from None
    return store


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
        self._client.put_object(Bucket=self.bucket, Key=self._key(path), Body=data)

    def put_file(self, path: str, local: Path) -> None:
        """Write or replace an object with the content of a local file; in parts where it is large."""
        key = self._key(path)
        if local.stat().st_size < MULTIPART_BYTES:  # the transfer manager takes twice as long for a small file
            self._client.put_object(Bucket=self.bucket, Key=key, Body=local.read_bytes())
        else:
            self._client.upload_file(str(local), self.bucket, key, Config=TRANSFER)

    def get(self, path: str) -> bytes:
        """The whole object; MissingObject where there is none."""
        key = self._key(path)
        return self._found(path, lambda: self._client.get_object(Bucket=self.bucket, Key=key)["Body"].read())

    def local_path(self, path: str, cache: Path) -> Path:
        """A copy below `cache`, in a folder named after the object's content: a replaced object is downloaded anew."""
        key = self._key(path)
        etag = self._found(path, lambda: self._client.head_object(Bucket=self.bucket, Key=key)["ETag"])
        version = hashlib.blake2b(f"{self.uri}\n{etag}".encode(), digest_size=8).hexdigest()
        target = cache / version / path
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            temp = target.parent / f"{TEMP_PREFIX}{uuid.uuid4().hex}"
            try:
                self._found(path, lambda: self._download(key, temp))
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
            return self._found(path, lambda: self._client.head_object(Bucket=self.bucket, Key=key)["ContentLength"])
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
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=self._root + prefix)
        listed = (entry for page in pages for entry in page.get("Contents", []))
        return (
            Found(entry["Key"].removeprefix(self._root), entry["Size"], entry["LastModified"].timestamp())
            for entry in listed
            if not entry["Key"].endswith("/")  # a folder
        )

    def unfinished(self, prefix: str) -> Iterator[Found]:
        """Multipart uploads that were begun and not completed: they are paid for, and no listing shows them."""
        pages = self._client.get_paginator("list_multipart_uploads").paginate(
            Bucket=self.bucket, Prefix=self._root + prefix
        )
        for upload in (upload for page in pages for upload in page.get("Uploads", [])):
            name = f"{upload['Key'].removeprefix(self._root)}{UPLOAD_MARK}{upload['UploadId']}"
            yield Found(name, 0, upload["Initiated"].timestamp())

    def discard(self, unfinished: Found) -> None:
        """Give up a multipart upload."""
        path, _, upload = unfinished.path.rpartition(UPLOAD_MARK)
        self._client.abort_multipart_upload(Bucket=self.bucket, Key=self._key(path), UploadId=upload)

    def delete(self, path: str) -> None:
        """Remove the object; nothing happens where there is none."""
        self._client.delete_object(Bucket=self.bucket, Key=self._key(path))

    def put_if_absent(self, path: str, data: bytes) -> bool:
        """Write only where no object is. Of several racing calls one gets True."""
        key = self._key(path)
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

    def _download(self, key: str, temp: Path) -> None:
        body = self._client.get_object(Bucket=self.bucket, Key=key)["Body"]
        with temp.open("wb") as out:
            shutil.copyfileobj(body, out, 1 << 20)

    def _found(self, path: str, ask: Callable[[], T]) -> T:
        """What `ask` gives. boto3 retries requests, but not a body that breaks off while it is read: this does."""
        for attempt in range(BODY_ATTEMPTS):
            try:
                return ask()
            except ClientError as error:
                if _code(error) in MISSING_CODES:
                    raise MissingObject(path, self.uri) from None
                raise
            except (IncompleteReadError, ReadTimeoutError, ResponseStreamingError):
                if attempt == BODY_ATTEMPTS - 1:
                    raise
                time.sleep(0.1 * 2**attempt)
        raise AssertionError("not reached: the last attempt returns or raises")


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def remedy(error: BotoCoreError | ClientError, bucket: str) -> str:
    """What is wrong and what to do about it, in our words: a server's answer may repeat what it was sent."""
    if isinstance(error, (NoCredentialsError, PartialCredentialsError)):
        return "no complete credentials found; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE"
    if isinstance(error, exceptions.ConnectionError):
        return "the server cannot be reached; check AWS_ENDPOINT_URL and the network"
    if not isinstance(error, ClientError):
        return f"{type(error).__name__}; check the bucket name, AWS_ENDPOINT_URL, AWS_REGION and AWS_PROFILE"
    known = {
        "NoSuchBucket": f"there is no bucket {bucket!r}; create it or name another",
        "InvalidAccessKeyId": "the access key is not known there; check AWS_ACCESS_KEY_ID and AWS_ENDPOINT_URL",
        "SignatureDoesNotMatch": "the secret key is wrong; check AWS_SECRET_ACCESS_KEY",
        "ExpiredToken": "the session token has expired; log in again",
        "AccessDenied": "access denied; needed are s3:PutObject, s3:GetObject, s3:DeleteObject and s3:ListBucket",
        "PermanentRedirect": "the bucket is in another region; set AWS_REGION",
    }
    return known.get(_code(error), f"the server answers {_code(error)}; check bucket, AWS_ENDPOINT_URL and credentials")
