"""Whoever did not agree is not re-enacted, and a manifest that is not clear is refused."""

import hashlib
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from reenactory.tasks.consent import Consent, read_consent
from reenactory.tasks.errors import WrongUseError
from reenactory.tasks.pairs import make_pair

TODAY = date(2026, 6, 1)
IDENTITIES = {f"{name}#v": name for name in ("alice", "bob", "carol", "dave", "eve")}
CSV = """subject,uses,training,expires,basis
alice,both,yes,2026-06-01,signed form 1
bob,driver,,never,signed form 2
carol,source,no,2026-05-31,
carol,driver,no,2027-01-01,
dave,none,yes,never,
"""


@pytest.fixture
def consent(tmp_path: Path) -> Consent:
    path = tmp_path / "consent.csv"
    path.write_text(CSV)
    return read_consent(path)


def refusal(consent: Consent, source: str, driver: str) -> str | None:
    pair = make_pair("cross", f"{source}#v", 0, f"{driver}#v", 0, 8, 0)
    return consent.refusal(pair, IDENTITIES, TODAY)


def test_pairs_of_people_who_agreed(consent: Consent, tmp_path: Path) -> None:
    assert refusal(consent, "alice", "bob") is None
    assert refusal(consent, "alice", "carol") is None
    assert refusal(consent, "alice", "alice") is None, "the last day of a consent still counts"
    assert consent.sha256 == hashlib.sha256((tmp_path / "consent.csv").read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("source", "driver", "why"),
    [
        ("bob", "alice", "source bob did not agree to be used as source"),
        ("carol", "alice", "consent of source carol ended on 2026-05-31"),
        ("alice", "dave", "driver dave did not agree to be used as driver"),
        ("alice", "eve", "driver eve is not in the consent manifest"),
        ("eve", "dave", "source eve is not in the consent manifest; driver dave did not agree to be used as driver"),
    ],
)
def test_pairs_that_are_refused_say_who_and_why(consent: Consent, source: str, driver: str, why: str) -> None:
    assert refusal(consent, source, driver) == why


def test_training_is_a_use_of_its_own(consent: Consent) -> None:
    trained = {name for name in IDENTITIES.values() if consent.fault(name, "training", TODAY) is None}
    assert trained == {"alice", "dave"}


def test_csv_parquet_and_toml_say_the_same(consent: Consent, tmp_path: Path) -> None:
    rows = [
        {"subject": "alice", "uses": "both", "training": True, "expires": date(2026, 6, 1)},
        {"subject": "bob", "uses": "driver", "training": False, "expires": None},
    ]
    table = pa.Table.from_pylist([{**row, "expires": str(row["expires"] or "never")} for row in rows])
    pq.write_table(table, tmp_path / "consent.parquet")
    toml = '[[consent]]\nsubject = "alice"\nuses = "both"\ntraining = true\nexpires = 2026-06-01\n'
    (tmp_path / "consent.toml").write_text(toml + '[[consent]]\nsubject = "bob"\nuses = "driver"\nexpires = "never"\n')
    found = [read_consent(tmp_path / f"consent.{suffix}").grants for suffix in ("parquet", "toml")]
    wanted = {name: consent.grants[name] for name in ("alice", "bob")}
    assert found == [wanted, wanted]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("subject,uses\nalice,both\n", "row 1: expires missing"),
        ("subject,uses,expires\nalice,both,\n", "row 1: expires missing"),
        ("subject,uses,expires\n*,both,never\n", "name each identity"),
        ("subject,uses,expires\nalice,everything,never\n", "'everything' is none of source, driver, both, none"),
        ("subject,uses,expires\nalice,both,01.06.2026\n", "neither YYYY-MM-DD nor never"),
        ("subject,uses,expires,training\nalice,both,never,perhaps\n", "'perhaps' is neither yes nor no"),
    ],
)
def test_a_row_that_is_not_clear_is_wrong_use(text: str, why: str, tmp_path: Path) -> None:
    (tmp_path / "c.csv").write_text(text)
    with pytest.raises(WrongUseError, match=why):
        read_consent(tmp_path / "c.csv")


@pytest.mark.parametrize(("name", "content"), [("c.txt", b"a"), ("c.csv", b"\xff\xfe"), ("c.parquet", b"a")])
def test_a_file_of_another_kind_is_wrong_use(name: str, content: bytes, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(WrongUseError, match=f"{name}.*consent manifest"):
        read_consent(tmp_path / name)
    with pytest.raises(WrongUseError, match="no such consent manifest"):
        read_consent(tmp_path / "nowhere.csv")
    (tmp_path / "c.toml").write_text("consent = 1\n")
    with pytest.raises(WrongUseError, match=r"\[\[consent\]\]"):
        read_consent(tmp_path / "c.toml")
