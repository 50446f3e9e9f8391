"""The house: who may import whom."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import thermend

ROOT = Path(thermend.__file__).parent
FLOORS = (
    "errors", "version", "machine", "rendering", "image", "normalisation", "bands", "filters", "io", "estimation",
    "degradations", "metrics", "datasets", "weights", "engines", "training", "methods", "restoration", "evaluation",
    "jobs", "app",
)  # fmt: skip
"""From the ground up; a module imports from its own floor and from those below."""
MODULES = sorted(ROOT.rglob("*.py"))
SYSTEMS = {"classical", "deal", "detail", "dual_decoder", "hidra", "level", "onnx", "ppfn", "auto"}


def name_of(path: Path) -> str:
    return ".".join(("thermend", *path.relative_to(ROOT).with_suffix("").parts)).removesuffix(".__init__")


NAMES = {name_of(path) for path in MODULES}


def imported_by(path: Path) -> set[str]:
    """Modules of ours that a module imports, wherever in it; not what it imports for a type checker alone."""
    found: set[str] = set()

    def visit(node: ast.AST) -> None:
        if (
            isinstance(node, ast.If)
            and "TYPE_CHECKING" in ast.unparse(node.test)
            and "or" not in ast.unparse(node.test)
        ):
            return
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "thermend":
            assert node.level == 0, path
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                found.add(inner if inner in NAMES else node.module)
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names if alias.name.split(".")[0] == "thermend")
        for child in ast.iter_child_nodes(node):
            visit(child)

    visit(ast.parse(path.read_text(encoding="utf-8")))
    return found - {"thermend"}


def floor_of(name: str) -> int:
    return FLOORS.index(name.split(".")[1])


@pytest.mark.parametrize(
    "path", [p for p in MODULES if p.parent != ROOT or p.stem not in ("__init__", "__main__")], ids=name_of
)
def test_nothing_is_imported_upward(path):
    own = floor_of(name_of(path))
    assert [name for name in imported_by(path) if floor_of(name) > own] == []


def test_there_is_no_circle():
    below = {name_of(path): imported_by(path) - {name_of(path)} for path in MODULES}
    while leaves := [name for name, others in below.items() if not others]:
        for name in leaves:
            del below[name]
        below = {name: others - set(leaves) for name, others in below.items()}
    assert below == {}


@pytest.mark.parametrize(
    "path", [p for p in MODULES if "methods" in p.parts and p.parent.name != "methods"], ids=name_of
)
def test_no_method_knows_another(path):
    own = name_of(path).split(".")[2]
    others = {name.split(".")[2] for name in imported_by(path) if name.startswith("thermend.methods.")} & SYSTEMS
    assert others <= {own}


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_no_module_needs_a_table_of_contents(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400
