"""What a person writes to name a place: paths, and addresses whose credentials must not be kept or shown."""

import os
import re
from pathlib import Path

_USER = re.compile(r"(?<=://)[^/\s@'\"]*@")  # user:password@host
# What presigned addresses (S3, Google, Azure) and others carry behind the question mark.
_SIGNED = re.compile(
    r"([?&](?:x-amz-[\w-]+|x-goog-[\w-]+|awsaccesskeyid|signature|sig|[\w-]*token|[\w-]*key|password|secret)=)[^&\s'\"]*",
    re.IGNORECASE,
)
CROSSED_OUT = "***"
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")  # the last: Python's, of other bytes


def without_credentials(text: str) -> str:
    """A text, with the credentials of all addresses in it crossed out."""
    return _SIGNED.sub(rf"\g<1>{CROSSED_OUT}", _USER.sub(f"{CROSSED_OUT}@", text))


def refuse_credentials(value: object) -> object:
    """The value itself; ValueError, which does not repeat it, where it is or holds an address with credentials."""
    texts = value if isinstance(value, list) else [value]
    if any(isinstance(text, str) and without_credentials(text) != text for text in texts):
        raise ValueError(
            "an address with credentials in it: it would be kept in plans and records; give s3://bucket/key, and the "
            "credentials to boto3 (AWS_PROFILE, AWS_ACCESS_KEY_ID ...)"
        )
    return value


def user_path(text: str) -> Path:
    """The path that a person wrote; `~` is their home, and stays a name where there is none."""
    return Path(os.path.expanduser(text))  # noqa: PTH111 - pathlib's own raises for a user who does not exist


def fits_in_a_line(name: str) -> bool:
    """Whether a name has neither control characters nor what is no UTF-8: it goes into tables, lines and ids."""
    return _CONTROL.search(name) is None
