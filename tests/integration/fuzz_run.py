"""Spoiled files through the real readers and stages, each in a process of its own with a deadline: `make fuzz`.

What must not be: a process that dies or hangs, an exception that is not one of those that a command answers with one
line, more memory than a worker has, a file outside of the trial's folder.
"""

import argparse
import contextlib
import multiprocessing
import resource
import shutil
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random
from typing import NamedTuple

from fuzz_mutations import mutated
from fuzz_trials import Trial, trials

from reenactory.flows.wrong_use import WRONG_USE
from reenactory.infra.store import StoreFailed

DEADLINE_S = 120.0  # a trial takes a second; other work may have the machine meanwhile
MOST_MB = 1500  # of a trial, ffmpeg included; 300 are imports


class Result(NamedTuple):
    """What became of one spoiled file."""

    kind: str
    case: int
    verdict: str
    fault: str  # empty where the verdict is a verdict
    peak_mb: int


def cases(kinds: dict[str, Trial], count: int, seed: int) -> Iterator[tuple[str, int]]:
    """`count` cases in a fixed order, each kind by its share and at least once."""
    whole = sum(trial.share for trial in kinds.values())
    for kind, trial in kinds.items():
        for number in range(max(1, round(count * trial.share / whole))):
            yield kind, seed + number


def fuzz(folder: Path, count: int, seed: int) -> Iterator[Result]:
    """Results in order. `folder` is filled with the originals, and with the files of trials that went wrong."""
    (folder / "originals").mkdir()
    kinds = trials(folder / "originals")
    forked = multiprocessing.get_context("fork")  # imports take seconds, a trial less than one
    for kind, case in cases(kinds, count, seed):
        random = Random(f"{kind} {case}")
        name, original = random.choice(sorted(kinds[kind].originals.items()))
        place = Path(tempfile.mkdtemp(dir=folder))
        file = place / name
        file.write_bytes(mutated(original, random, kinds[kind].mutations))
        (place / "work").mkdir()
        before = _outside(folder, place)
        here, there = forked.Pipe(duplex=False)
        process = forked.Process(target=_one, args=(kinds[kind], file, place / "work", there))
        process.start()
        there.close()
        verdict, fault, peak_mb = _await(process, here)
        if _outside(folder, place) != before:
            fault = fault or "something was written outside of the trial's folder"
        if peak_mb > MOST_MB:
            fault = fault or f"{peak_mb} MB"
        if not fault:
            shutil.rmtree(place)
        yield Result(kind, case, verdict, f"{fault} ({file})" if fault else "", peak_mb)


def _one(trial: Trial, file: Path, work: Path, answer: Connection) -> None:
    """In the child."""
    fault = ""
    try:
        verdict = trial.run(file, work)
    except (*WRONG_USE, StoreFailed) as error:
        verdict = f"refused: {type(error).__name__}"
        if not str(error).strip():
            fault = f"{type(error).__name__} without a word"
    except BaseException:  # noqa: BLE001 - what a command would end with a traceback for
        verdict, fault = "crash", traceback.format_exc()
    peaks = [resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    answer.send((verdict, fault, max(peaks) >> 10))


def _await(process: multiprocessing.process.BaseProcess, answer: Connection) -> tuple[str, str, int]:
    try:
        if answer.poll(DEADLINE_S):
            found: tuple[str, str, int] = answer.recv()
            process.join(DEADLINE_S)
            return found
        return "hang", f"no answer within {DEADLINE_S:g} s", 0
    except EOFError:
        process.join(DEADLINE_S)
        return "death", f"the process died, exit code {process.exitcode}", 0
    finally:
        if process.is_alive():
            process.kill()
        process.join()


def _outside(folder: Path, place: Path) -> list[str]:
    """What lies beside a trial's folder."""
    beside = {path for path in folder.iterdir() if path != place}
    return sorted(map(str, [*beside, *(folder / "originals").iterdir()]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, help="Folder for the files of trials that went wrong.")
    given = parser.parse_args()
    with contextlib.ExitStack() as stack:
        folder = given.keep or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder.mkdir(parents=True, exist_ok=True)
        counts, faults, peak, started = Counter[tuple[str, str]](), 0, 0, time.monotonic()
        for result in fuzz(folder, given.count, given.seed):
            counts[result.kind, result.verdict] += 1
            peak = max(peak, result.peak_mb)
            if result.fault:
                faults += 1
                sys.stdout.write(f"{result.kind} {result.case}: {result.verdict}: {result.fault}\n")
                sys.stdout.flush()
        for (kind, verdict), number in sorted(counts.items()):
            sys.stdout.write(f"{number:5} {kind:9} {verdict}\n")
        seconds = time.monotonic() - started
        sys.stdout.write(f"{counts.total()} cases, {faults} faults, {peak} MB at most, {seconds:.0f} s\n")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
