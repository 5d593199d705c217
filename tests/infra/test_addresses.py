"""Credentials in addresses: refused where they come in, and in no message, file or exception."""

import logging
from pathlib import Path

import pytest
from pydantic import ValidationError

from reenactory.flows.cli import main
from reenactory.flows.evaluate import EvaluateRequest
from reenactory.flows.preprocess import PreprocessRequest
from reenactory.flows.render import RenderRequest
from reenactory.infra.addresses import without_credentials
from reenactory.infra.sources import UnusableInputError, find_videos
from reenactory.infra.store import StoreFailed, StoreUnusable, open_store
from reenactory.infra.store_s3 import s3_client

SECRET = "wJalrXUtnFEMIbPxRfiCYEXAMPLEKEY"
ADDRESSES = [
    f"s3://AKIAIOSFODNN7EXAMPLE:{SECRET}@bucket/prefix",
    f"https://user:{SECRET}@host/video.mp4",
    f"https://bucket.s3.amazonaws.com/v.mp4?X-Amz-Credential={SECRET}&X-Amz-Date=1&X-Amz-Signature={SECRET}",
    f"https://account.blob.core.windows.net/c/v.mp4?sv=2024&sig={SECRET}",
    f"https://host/v.mp4?token={SECRET}",
    f"file://user:{SECRET}@host/folder",
]
HARMLESS = ["s3://bucket/a@b/c.mp4", "/data/a?b=c/*.mp4", "file:///data/x", "mail@example/v.mp4", "s3://b/id10280#v"]


@pytest.mark.parametrize("address", ADDRESSES)
def test_credentials_are_crossed_out(address: str) -> None:
    shown = without_credentials(f"cannot read {address}, and again '{address}'")
    assert SECRET not in shown and shown.startswith("cannot read ") and "and again" in shown


@pytest.mark.parametrize("address", HARMLESS)
def test_other_addresses_stay(address: str) -> None:
    assert without_credentials(address) == address


@pytest.mark.parametrize("address", ADDRESSES)
def test_a_request_refuses_them_and_does_not_repeat_them(address: str) -> None:
    """A request becomes plan.json, a parameter on the Prefect page, and part of its log where it is refused."""
    for request, fields in (
        (PreprocessRequest, {"inputs": ["good.mp4", address], "dataset": "d", "store": "s"}),
        (PreprocessRequest, {"inputs": ["v"], "dataset": "d", "store": address}),
        (RenderRequest, {"pairs": address, "renderer": "copy", "run": "r", "store": "s"}),
        (EvaluateRequest, {"run": "r", "renders": address, "store": "s"}),
    ):
        with pytest.raises(ValidationError, match="credentials") as caught:
            request.model_validate(fields)
        assert SECRET not in str(caught.value)


@pytest.mark.parametrize("address", ADDRESSES)
@pytest.mark.parametrize("option", ["input", "store"])
def test_a_command_does_not_show_them(
    address: str, option: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    places = {"input": "v.mp4", "store": str(tmp_path / "store")} | {option: address}
    command = ["preprocess", places["input"], "--store", places["store"], "--dataset", "d", "--workers", "0"]
    monkeypatch.setattr("sys.argv", ["reenactory", *command])
    with pytest.raises(SystemExit) as ended:
        main()
    shown = capsys.readouterr()
    assert ended.value.code == 2 and SECRET not in shown.out + shown.err
    assert not any(SECRET.encode() in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())


@pytest.mark.parametrize("address", ADDRESSES)
def test_readers_of_addresses_do_not_show_them(address: str, tmp_path: Path) -> None:
    manifest = tmp_path / "m.csv"
    manifest.write_text(f'video\n"{address}"\n')
    for text in (address, str(manifest)):
        with pytest.raises(UnusableInputError) as caught:
            find_videos([text])
        assert SECRET not in str(caught.value)
    if not address.startswith("s3://bucket"):
        with pytest.raises(StoreUnusable) as refused:
            open_store(address)
        assert SECRET not in str(refused.value)


@pytest.mark.parametrize(
    "endpoint",
    [
        f"http://user:{SECRET}@127.0.0.1:9",
        f"http://user:{SECRET}@127.0.0.1:99999x",
        f"user:{SECRET}@host",
        "http://[::1",
    ],
)
def test_an_endpoint_with_a_password_is_in_no_message(
    endpoint: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("REENACTORY_S3_ATTEMPTS", "1")
    s3_client.cache_clear()
    with caplog.at_level(logging.INFO):
        for use in (lambda: open_store("s3://bucket/prefix"), lambda: find_videos(["s3://bucket/prefix"])):
            with pytest.raises((StoreUnusable, StoreFailed, UnusableInputError)) as caught:
                use()
            assert SECRET not in str(caught.value) and caught.value.__suppress_context__
    s3_client.cache_clear()
    assert SECRET not in caplog.text
