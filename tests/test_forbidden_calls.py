"""What the product's source may not do: unpickle freely, evaluate text, start a shell."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("flows", "tasks", "models", "infra")
IMPORTS = {"yaml", "dill", "cloudpickle", "joblib", "marshal", "shelve", "xml", "pexpect"}
CALLS = {
    "eval",
    "exec",
    "os.system",
    "os.popen",
    "pickle.load",
    "pickle.loads",
    "pickle.Unpickler",
    "pd.read_pickle",
    "torch.jit.load",
    "torch.hub.load",
}
NEEDED = {"torch.load": ("weights_only", True), "np.load": ("allow_pickle", False)}  # said, not left to a default
ALLOWED = {
    "models/metrics/lpips.py": "class _ArraysOnly(pickle.Unpickler)",  # finds nothing but numpy's arrays
    "models/metrics/inception.py": "torch.jit.load",  # a graph in TorchScript, of a file with a pinned sha256
}


def forbidden(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from (f"import {name.name}" for name in names if name.name.split(".")[0] in IMPORTS)
            case ast.ImportFrom(module=str(module)) if module.split(".")[0] in IMPORTS | {"pickle"}:
                yield f"from {module}"
            case ast.ClassDef(name=name, bases=bases) if "pickle.Unpickler" in map(ast.unparse, bases):
                yield f"class {name}(pickle.Unpickler)"
            case ast.Call():
                yield from _call(node)


def _call(node: ast.Call) -> Iterator[str]:
    name = ast.unparse(node.func)
    said = {each.arg: each.value for each in node.keywords}
    if name in CALLS:
        yield name
    if name in NEEDED:
        word, value = NEEDED[name]
        given = said.get(word)
        if not (isinstance(given, ast.Constant) and given.value is value):
            yield f"{name} without {word}={value}"
    if "shell" in said:
        yield f"{name} with shell"
    if name.startswith("subprocess.") and node.args and isinstance(node.args[0], ast.Constant | ast.JoinedStr):
        yield f"{name} of a text"


@pytest.mark.parametrize("room", ROOMS)
def test_nothing_forbidden_is_called(room: str) -> None:
    paths = sorted((ROOT / room).rglob("*.py"))
    assert paths
    found = [
        f"{path.relative_to(ROOT)}: {what}"
        for path in paths
        for what in forbidden(ast.parse(path.read_text()))
        if ALLOWED.get(str(path.relative_to(ROOT))) != what
    ]
    assert found == []


@pytest.mark.parametrize(
    "code",
    [
        "eval('1')",
        "import yaml",
        "from pickle import loads",
        "pickle.loads(b'')",
        "class U(pickle.Unpickler): pass",
        "torch.load(f)",
        "torch.load(f, weights_only=False)",
        "np.load(f)",
        "np.load(f, allow_pickle=True)",
        "os.system('ls')",
        "subprocess.run('ls x')",
        "subprocess.Popen(f'ls {x}')",
        "subprocess.run(['ls'], shell=True)",
    ],
)
def test_it_would_be_found(code: str) -> None:
    assert list(forbidden(ast.parse(code)))


@pytest.mark.parametrize("code", ["torch.load(f, weights_only=True)", "subprocess.run(['ls', x])", "model.eval()"])
def test_what_is_allowed_is_not_found(code: str) -> None:
    assert list(forbidden(ast.parse(code))) == []
