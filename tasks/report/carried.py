"""What the videos for people say of themselves: label, watermark, and whose consent was asked."""

from typing import NamedTuple

from reenactory.tasks.report.run import Artefacts, RunData


class Carried(NamedTuple):
    """Of one renderer of the run, by its first video."""

    renderer: str
    label: str  # empty: there is none
    watermark: str  # its scheme; empty: there is none
    consent: str  # sha256 of the manifest that was enforced; empty: none was given


def carried(data: RunData, artefacts: Artefacts) -> list[Carried]:
    """Renderers whose videos were made here; those of versions before there were marks are left out."""
    found: list[Carried] = []
    for name in data.renderers:
        rows = [row for row in data.renders if row["renderer"] == name and row.get("publish_key")]
        record = artefacts.record("publish", rows[0]["publish_key"]) if rows else None
        if record is not None:
            label, watermark = (str(record.facts.get(fact) or "") for fact in ("label", "watermark"))
            found.append(Carried(name, label, watermark.partition(" ")[0], rows[0].get("consent") or ""))
    return found
