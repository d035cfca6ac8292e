"""How long, deep and wide functions are, how full rooms, how many column numbers stand in the code: may only fall.

The figures are kept in ``ratchet.json``. A change that makes one larger fails here: hand over a record
in place of many arguments, give a part a name of its own, or a column a name (CONTRIBUTING.md). After a
change that makes them smaller, ``python tests/test_ratchet.py`` writes the new ones down; it never
raises one.
"""

from __future__ import annotations

import ast
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).parent
KEPT = HERE / "ratchet.json"
PACKAGES = ("gavel_opt", "simulator")
GUIDE = {"arguments": 6, "lines": 60, "depth": 4}
"""What a kernel should keep to; counted is how many do not."""
_BLOCKS = (ast.For, ast.While, ast.If, ast.With, ast.Try)


def depth(nodes: list[ast.stmt]) -> int:
    """How many blocks stand in each other; an ``elif`` is no deeper than its ``if``."""
    deepest = 0
    for node in nodes:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            continue
        inner = [getattr(node, name, []) for name in ("body", "finalbody")]
        inner += [handler.body for handler in getattr(node, "handlers", [])]
        below = max((depth(body) for body in inner), default=0)
        orelse = getattr(node, "orelse", [])
        chained = isinstance(node, ast.If) and len(orelse) == 1 and isinstance(orelse[0], ast.If)
        here = int(isinstance(node, _BLOCKS))
        below = max(below + here, depth(orelse) + (0 if chained else here))
        deepest = max(deepest, below)
    return deepest


def is_kernel(function: ast.FunctionDef) -> bool:
    """Whether a function is compiled."""
    names = [getattr(d, "func", d) for d in function.decorator_list]
    return any(isinstance(n, ast.Name) and n.id.startswith("compiled") for n in names)


def sources(package: str) -> list[Path]:
    """The package's files."""
    return sorted((HERE.parent / package).rglob("*.py"))


def functions() -> Iterator[tuple[str, ast.FunctionDef]]:
    """All functions of the packages, with where they stand."""
    for package in PACKAGES:
        for path in sources(package):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.FunctionDef):
                    yield f"{path.relative_to(HERE.parent)}:{node.lineno} {node.name}", node


def columns_used() -> int:
    """How often a figure is found by the number of its column: ``at.NAME``, or ``c[NAME, m, j]``."""
    found = 0
    for package in PACKAGES:
        for path in sources(package):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Attribute) and node.attr.isupper():
                    found += isinstance(node.value, ast.Name) and node.value.id == "at"
                elif isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Tuple):
                    found += isinstance(node.value, ast.Name) and node.value.id == "c"
    return found


def measured() -> tuple[dict[str, int], dict[str, str]]:
    """Figures by name, and where the largest of each stands."""
    figures: dict[str, int] = {}
    where: dict[str, str] = {}
    for place, function in functions():
        a = function.args
        sizes = {
            "arguments": len([*a.posonlyargs, *a.args, *a.kwonlyargs]),
            "lines": (function.end_lineno or 0) - function.lineno + 1,
            "depth": depth(function.body),
        }
        kind = "kernels" if is_kernel(function) else "plain"
        for name, size in sizes.items():
            most, over = f"{kind}: most {name}", f"{kind}: over {GUIDE[name]} {name}"
            if size > figures.get(most, -1):
                figures[most], where[most] = size, place
            if kind == "kernels":
                figures[over] = figures.get(over, 0) + (size > GUIDE[name])
                if size > GUIDE[name]:
                    where[over] = place
    figures["column numbers used"] = columns_used()
    rooms = Counter(path.parent for package in PACKAGES for path in sources(package))
    room, figures["files in a room"] = rooms.most_common(1)[0]
    where["files in a room"] = str(room.relative_to(HERE.parent))
    return figures, where


def test_nothing_grows() -> None:
    kept = json.loads(KEPT.read_text())
    figures, where = measured()
    grown = [
        f"{name}: {figures[name]}, at most {limit} so far ({where.get(name, 'see the change')})"
        for name, limit in kept.items()
        if figures.get(name, 0) > limit
    ]
    assert not grown, "\n".join([__doc__ or "", *grown])
    assert figures.keys() == kept.keys()


def test_depth_counts_blocks() -> None:
    text = """
for a in b:
    if a:
        pass
    elif b:
        while c:
            pass
    else:
        pass
"""
    assert depth(ast.parse(text).body) == 3


if __name__ == "__main__":
    found, _ = measured()
    before = json.loads(KEPT.read_text()) if KEPT.exists() else found
    lower = {name: min(size, before.get(name, size)) for name, size in found.items()}
    KEPT.write_text(json.dumps(lower, indent=2) + "\n")
