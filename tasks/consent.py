"""Who agreed to what: a manifest of people, and whether a pair may be rendered by it."""

import csv
import hashlib
import io
import tomllib
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Literal, NamedTuple

from reenactory.infra.tables import UNREADABLE, table_of
from reenactory.tasks.errors import WrongUseError
from reenactory.tasks.pairs import Pair

Use = Literal["source", "driver", "training"]
COLUMNS = ("subject", "uses", "expires")
USES: dict[str, frozenset[Use]] = {
    "source": frozenset({"source"}),
    "driver": frozenset({"driver"}),
    "both": frozenset({"source", "driver"}),
    "none": frozenset(),
}
TRUTHS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False, "": False}
NEVER = "never"
TABLE = "consent"  # in a TOML file: [[consent]]


class Grant(NamedTuple):
    """One row: what a person agreed to, and the last day of it (None: for good)."""

    uses: frozenset[Use]
    expires: date | None


@dataclass(frozen=True)
class Consent:
    """A manifest. Whoever is not in it has agreed to nothing."""

    sha256: str  # of the file
    grants: Mapping[str, list[Grant]]  # by identity

    def refusal(self, pair: Pair, identities: Mapping[str, str], today: date) -> str | None:
        """Why a pair may not be rendered, in words; None where it may. identities: by clip id."""
        roles: tuple[tuple[Use, str], ...] = (("source", pair.source_clip), ("driver", pair.driving_clip))
        faults = (self.fault(identities[clip], use, today) for use, clip in roles)
        return "; ".join(fault for fault in faults if fault) or None

    def fault(self, identity: str, use: Use, today: date) -> str | None:
        """Why a person may not be used so."""
        known = self.grants.get(identity)
        if known is None:
            return f"{use} {identity} is not in the consent manifest"
        ends = [grant.expires for grant in known if use in grant.uses]
        if not ends:
            return f"{use} {identity} did not agree to be used as {use}"
        last = max((end for end in ends if end is not None), default=None)
        if None in ends or (last is not None and today <= last):
            return None
        return f"consent of {use} {identity} ended on {last}"


def asked_consent(path: str | Path | None, required: bool) -> Consent | None:
    """The manifest that was named, if one was.

    Raises:
        WrongUseError: one is required and none was named, or it cannot be read.
    """
    if path is None and required:
        raise WrongUseError(
            "--require-consent: no consent manifest was given; give --consent FILE (docs/provenance.md)"
        )
    return None if path is None else read_consent(Path(path))


def read_consent(path: Path) -> Consent:
    """A manifest as CSV, Parquet or TOML (`[[consent]]`) with subject, uses, expires and, if wanted, training.

    Raises:
        WrongUseError: not such a file, a row that says nothing clear, or a subject that means everybody.
    """
    if not path.is_file():
        raise WrongUseError(f"{path}: no such consent manifest")
    content = path.read_bytes()
    grants: dict[str, list[Grant]] = defaultdict(list)
    for number, row in enumerate(_rows(path, content), start=1):
        subject, grant = _grant(row, f"{path}: row {number}")
        grants[subject].append(grant)
    return Consent(hashlib.sha256(content).hexdigest(), dict(grants))


def _rows(path: Path, content: bytes) -> list[dict[str, object]]:
    try:
        match path.suffix.lower():
            case ".csv":
                return [dict(row) for row in csv.DictReader(io.StringIO(content.decode("utf-8-sig")))]
            case ".parquet":
                return list(table_of(content).to_pylist())
            case ".toml":
                found = tomllib.loads(content.decode()).get(TABLE)
                if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
                    raise WrongUseError(f"{path}: a TOML manifest is a list of [[{TABLE}]] tables")
                return found
    except WrongUseError:  # a ValueError itself
        raise
    except (*UNREADABLE, csv.Error) as error:  # text that is no UTF-8 or no TOML is a ValueError
        raise WrongUseError(f"{path}: not a consent manifest that can be read ({error})") from error
    raise WrongUseError(f"{path}: a consent manifest is a .csv, .parquet or .toml file")


def _grant(row: Mapping[str, object], where: str) -> tuple[str, Grant]:
    missing = [name for name in COLUMNS if row.get(name) in (None, "")]
    if missing:
        raise WrongUseError(
            f"{where}: {', '.join(missing)} missing; a row has subject, uses ({', '.join(USES)}), expires (YYYY-MM-DD "
            f"or {NEVER}) and, if wanted, training (yes, no)"
        )
    subject, uses = str(row["subject"]).strip(), str(row["uses"]).strip().lower()
    if not subject or "*" in subject:
        raise WrongUseError(f"{where}: subject {subject!r}: consent is a person's; name each identity")
    if uses not in USES:
        raise WrongUseError(f"{where}: uses {uses!r} is none of {', '.join(USES)}")
    training = str("" if row.get("training") is None else row["training"]).strip().lower()
    if training not in TRUTHS:
        raise WrongUseError(f"{where}: training {training!r} is neither yes nor no")
    also: frozenset[Use] = frozenset({"training"}) if TRUTHS[training] else frozenset()
    return subject, Grant(USES[uses] | also, _day(row["expires"], where))


def _day(value: object, where: str) -> date | None:
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    text = str(value).strip().lower()
    if text == NEVER:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise WrongUseError(f"{where}: expires {text!r} is neither YYYY-MM-DD nor {NEVER}") from None
