"""Whether the commands that a page names exist, with their options: for what is shown and not run."""

import re
import shlex
from collections.abc import Iterator, Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import typer

from reenactory.flows.cli import app
from reenactory.tasks.stage import STAGES, get_stage

ROOT = Path(__file__).resolve().parents[2]
BREAKS = {"&&", "||", "|", ";"}
KNOB = re.compile(r"(?:--set[ =])?(\w+)\.(\w+)(?:=.*)?")


@cache
def command_line() -> Any:
    return typer.main.get_command(app)


def commands_of(code: str) -> Iterator[list[str]]:
    """The words of each command of a shell block, without assignments before it."""
    for line in code.replace("\\\n", " ").splitlines():
        words: list[str] = []
        for word in [*shlex.split(line, comments=True), ";"]:
            if word not in BREAKS:
                words.append(word)
                continue
            while words and re.match(r"\w+=", words[0]):
                words.pop(0)
            if words:
                yield words
            words = []


def problem(words: Sequence[str]) -> str | None:
    """What is wrong with a command as far as its words tell, or None. Other programs than ours are not judged."""
    program, rest = Path(words[0]).name, list(words[1:])
    if program == "reenactory":
        return _unknown(command_line(), rest)
    if program == "make":
        known = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
        return next((f"make has no target {word}" for word in rest if "=" not in word and word not in known), None)
    if program.startswith("python") and rest[:1] == ["-m"]:
        return None if find_spec(rest[1]) else f"there is no module {rest[1]}"
    if program.startswith("python") and rest and rest[0].endswith(".py"):
        return None if (ROOT / rest[0]).is_file() else f"there is no file {rest[0]}"
    return None


def _unknown(command: Any, words: list[str]) -> str | None:
    while hasattr(command, "commands"):
        if not words or words[0].startswith("-"):
            return None
        name = words.pop(0)
        if name not in command.commands:
            return f"there is no command {name!r}"
        command = command.commands[name]
    known = _options(command)
    for word in words:
        option = word.strip("[]").partition("=")[0]
        if option.startswith("--") and option not in known:
            return f"{command.name} has no option {option}"
    return None


def _options(command: Any) -> set[str]:
    return {"--help"}.union(*(set(one.opts) | set(one.secondary_opts) for one in command.params))


@cache
def all_options() -> frozenset[str]:
    """Of every command."""

    def below(command: Any) -> set[str]:
        return _options(command).union(*(below(one) for one in getattr(command, "commands", {}).values()))

    return frozenset(below(command_line()))


def unknown_knob(span: str) -> bool:
    """Whether a code span names a knob, `stage.name` or `--set stage.name=value`, that the stage does not have."""
    named = KNOB.fullmatch(span)
    return bool(named and named[1] in STAGES and named[2] not in get_stage(named[1]).Params.model_fields)
