"""The plan of the house, held by a machine: who imports whom, what a plan may load, what a stage must have."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from reenactory.tasks.stage import STAGES, StageParams, get_stage

ROOT = Path(__file__).resolve().parents[1]
MAY_IMPORT = {
    "flows": {"flows", "tasks", "models", "infra"},
    "tasks": {"tasks", "models", "infra"},
    "models": {"models"},
    "infra": {"infra"},
}
HEAVY = {"torch", "ray", "prefect", "mediapipe", "onnxruntime", "cv2", "numba"}
NOT_IN_STAGES = {"torch", "mediapipe", "onnxruntime", "cv2"}


def modules(room: str) -> list[Path]:
    return sorted((ROOT / room).rglob("*.py"))


def imported(tree: ast.AST) -> Iterator[str]:
    """Full names of all modules that a tree imports, wherever in it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield f"{'.' * node.level}{node.module or ''}"


def outside_of_functions(tree: ast.Module) -> Iterator[ast.stmt]:
    """Statements that run when the module is imported."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        if isinstance(node, ast.ClassDef):
            yield from (part for part in node.body if not isinstance(part, ast.FunctionDef))
            continue
        yield node


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_imports_point_one_way(room: str) -> None:
    assert modules(room)
    back = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in modules(room)
        for name in imported(ast.parse(path.read_text()))
        if name.startswith(".") or (name.split(".")[0] == "reenactory" and name.split(".")[1:2] not in allowed(room))
    ]
    assert back == []


def allowed(room: str) -> list[list[str]]:
    return [[other] for other in MAY_IMPORT[room]]


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_module_loads_no_network(name: str) -> None:
    tree = ast.parse((ROOT / "tasks" / f"{name}.py").read_text())
    top = {module.split(".")[0] for node in outside_of_functions(tree) for module in imported(node)}
    assert not top & NOT_IN_STAGES


def test_a_command_that_computes_nothing_loads_nothing_heavy() -> None:
    names = ", ".join(f"reenactory.tasks.{name}" for name in STAGES)
    code = f"import sys, reenactory.flows.cli, reenactory.flows.preprocess, {names}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert not HEAVY & set(done.stdout.split())


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_has_its_names(name: str) -> None:
    stage = get_stage(name)
    assert isinstance(stage.VERSION, int)
    assert stage.VERSION >= 1
    assert stage.SCHEMA is None or isinstance(stage.SCHEMA, pa.Schema)
    assert "scratch" in stage.Item.__dataclass_fields__  # type: ignore[attr-defined]
    assert all(callable(getattr(stage, function)) for function in ("weights", "load", "run"))
    assert issubclass(stage.Params, StageParams)
    undescribed = [knob for knob, info in stage.Params.model_fields.items() if not info.description]
    assert undescribed == []


def test_params_cannot_be_changed_and_know_their_knobs() -> None:
    for name in STAGES:
        config = get_stage(name).Params.model_config
        assert (config.get("frozen"), config.get("extra")) == (True, "forbid")


def test_the_project_file_lists_every_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    listed = project["tool"]["setuptools"]["packages"]
    folders = {path.parent for room in MAY_IMPORT for path in modules(room)}
    assert sorted(listed) == sorted("reenactory." + ".".join(f.relative_to(ROOT).parts) for f in folders)
    assert [f for f in folders if not (f / "__init__.py").is_file()] == []


# Spelled in pieces, so that this file does not find itself.
REGISTRIES = re.compile(
    "|".join(("py" + "pi.org", "python" + "hosted.org", r"https?://[\w.:-]+/(\w+/)*simple" + r"\b"))
)
TOPS = ("work", "home", "root(?!/of/store)", "Users", "mnt")  # /root/of/store: an example in a test
MACHINE_PATHS = re.compile("|".join(rf"(?<![\w.~$/}}-])/{top}/\w" for top in TOPS))


def tracked_texts() -> Iterator[tuple[str, str]]:
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listing.returncode != 0:
        pytest.skip("not a git checkout")
    for name in filter(None, listing.stdout.decode().split("\0")):
        path = ROOT / name
        if path.is_file() and b"\0" not in (content := path.read_bytes()):
            yield name, content.decode(errors="replace")


@pytest.mark.parametrize("forbidden", [REGISTRIES, MACHINE_PATHS], ids=["registry", "machine"])
def test_no_address_of_a_registry_and_no_path_of_a_machine(forbidden: re.Pattern[str]) -> None:
    found = [
        f"{name}:{number}: {line.strip()[:120]}"
        for name, text in tracked_texts()
        for number, line in enumerate(text.splitlines(), start=1)
        if forbidden.search(line)
    ]
    assert found == []
