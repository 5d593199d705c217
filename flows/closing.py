"""The last lines of a command: what was done, what was refused and why, where the results are."""

from collections.abc import Mapping

from reenactory.infra.summary import Forecast, Summary
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
    if summary.forecast:
        lines.append("  " + _forecast_line(summary.forecast, summary.seconds))
    if summary.failed:
        lines.append("  Something failed that running the same command again may mend.")
    lines.append("results: " + "  ".join(f"{name}={place}" for name, place in places.items()))
    return lines


def duration(seconds: float) -> str:
    """Hours, minutes or seconds, as a person would say it."""
    if seconds >= 3600:
        return f"{seconds / 3600:.1f} h"
    return f"{seconds / 60:.0f} min" if seconds >= 120 else f"{seconds:.0f} s"


def _forecast_line(forecast: Forecast, seconds: float) -> str:
    """How wrong the plan was."""
    wrong = seconds / forecast.planned_seconds - 1
    line = (
        f"planned: {duration(forecast.planned_seconds)} with {forecast.workers} workers; took {duration(seconds)} "
        f"({wrong:+.0%}). Work: planned {duration(forecast.planned_worker_seconds)}, done "
        f"{duration(forecast.worker_seconds)}; workers were busy {forecast.busy_share(seconds):.0%} of the time"
    )
    planned, cost = forecast.cost(forecast.planned_seconds), forecast.cost(seconds)
    return line if planned is None or cost is None else f"{line}; cost: planned {planned:.2f}, in fact {cost:.2f}"
