"""The last lines of a command: what was done, what was refused and why, where the results are."""

from collections.abc import Mapping

from reenactory.infra.summary import Summary
from reenactory.tasks.outcomes import MEANING, Reason

# Whoever has a part of a published data set is told so once: the rest are twenty thousand rows of the clips table.
NO_EXAMPLES = frozenset({Reason.MISSING_VIDEO})


def closing_lines(summary: Summary, places: Mapping[str, str]) -> list[str]:
    """Lines for a person; the very last one says where the results are."""
    lines = [f"{summary.flow}: {summary.items} items, {summary.done} done, {summary.failed} failed"]
    if summary.pairs:
        drawn = summary.pairs.drawn or "a list of its own"
        digests = f"sha256 {summary.pairs.sha256:.12}, clips {summary.pairs.clips_sha256:.12}"
        lines.append(f"  pairs: {summary.pairs.count}, {drawn}; {digests}")
    lines += [f"  {note}" for note in summary.notes]
    for reason, count in summary.rejected.items():
        lines.append(f"  {count} rejected: {reason}: {MEANING[Reason(reason)]}")
        if reason in NO_EXAMPLES:
            continue
        shown = summary.rejected_examples.get(reason, [])
        lines += [f"    {example}" for example in shown]
        if count > len(shown):
            lines.append(f"    and {count - len(shown)} more: see the tables")
    lines += [f"  failed: {failure}" for failure in summary.failures]
    if summary.failed > len(summary.failures):
        lines.append(f"  failed: and {summary.failed - len(summary.failures)} more")
    computed = ", ".join(f"{stage} {count}" for stage, count in summary.computed.items() if count)
    cached = ", ".join(f"{stage} {count}" for stage, count in summary.cached.items() if count)
    speeds = ", ".join(f"{stage} {speed:g}" for stage, speed in summary.frames_per_second.items())
    lines.append(f"  computed: {computed or 'nothing'}; from cache: {cached or 'nothing'}; {summary.seconds:.1f} s")
    if speeds:
        lines.append(f"  frames per second of one worker: {speeds}")
    if summary.failed:
        lines.append("  Something failed that running the same command again may mend.")
    lines.append("results: " + "  ".join(f"{name}={place}" for name, place in places.items()))
    return lines
