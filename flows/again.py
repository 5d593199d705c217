"""A run's plan: what was asked of a flow, and the command that asks the same again."""

import json
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel, JsonValue

from reenactory.flows.run_files import run_path
from reenactory.flows.workplace import Where
from reenactory.infra.executable import own_command
from reenactory.infra.store import Store
from reenactory.models.catalogue import catalogue
from reenactory.models.weight_files import overrides

POSITIONAL = {"preprocess": "inputs", "render": "pairs"}  # by command
HOW = frozenset({"workers", "retry"})  # of this machine and this call: the same work, and the same report, without
PLACES = frozenset({"inputs", "pairs", "renders", "metadata", "split_list", "consent", "store"})  # files and folders


def announce(store: Store, run: str, plan: str, command: str, request: Where) -> None:
    """Write what is asked, before anything is done: `plan.json` is the run's latest, `plan-{plan}.json` each one's own.

    Args:
        store: where the run is.
        run: its name.
        plan: tells what the run is asked for apart, e.g. `render-copy`.
        command: `preprocess`, `render` or `evaluate`.
        request: what the flow was called with.
    """
    content: dict[str, JsonValue] = {"command": [*command_of(command, request)], **request.model_dump(mode="json")}
    for name in ("plan.json", f"plan-{plan}.json"):
        store.put(run_path(run, name), json.dumps(content, indent=1).encode())


def command_of(command: str, request: Where) -> list[str]:
    """The words of a command line, with every option that is not its default, but for those of HOW.

    Local paths are absolute, that of the program too, so that the words mean the same in any folder.
    """
    first, others = POSITIONAL.get(command, ""), list(_options(request))
    words = [own_command(), command, *(value for name, value in others if name == first)]
    words += [
        word for name, value in others if name != first for word in (f"--{name.replace('_', '-')}", value) if word
    ]
    files = overrides(catalogue())
    return words + [word for name, path in files.items() for word in ("--weights", f"{name}={path}")]


def _options(request: Where) -> Iterator[tuple[str, str]]:
    """Fields that are no defaults, a pair of name and text for each value; of a switch its name alone."""
    for name, field in type(request).model_fields.items():
        value = getattr(request, name)
        if name in HOW:
            continue
        if isinstance(value, BaseModel):
            yield from (("set", knob) for knob in _knobs(request))
        elif isinstance(value, bool):
            if value != field.default:
                yield (name if value else f"no_{name}"), ""
        elif field.is_required() or value != field.default:
            texts = [str(each) for each in (value if isinstance(value, list) else [value])]
            yield from ((name, _absolute(text) if name in PLACES else text) for text in texts)


def _knobs(request: Where) -> Iterator[str]:
    """`stage.name=value` of the knobs that the same request without any would not have: a preset has its own."""
    plain = type(request).model_validate(request.model_dump(exclude={"params"}))
    before, after = (each.model_dump(mode="json")["params"] for each in (plain, request))
    for stage, knobs in after.items():
        for knob, value in knobs.items():
            if value != before[stage][knob]:
                yield f"{stage}.{knob}={str(value).lower() if isinstance(value, bool) else value}"


def _absolute(place: str) -> str:
    return place if "://" in place else str(Path(place).expanduser().absolute())
