"""The page: as the server sends it, and as one file with everything inside."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from simulator.files.own_files import SIGN

STATIC = Path(__file__).parent / "static"
ENTRY = "app.js"
_LIBRARY = "vendor/uPlot.iife.min.js"
_STYLES = ("vendor/uPlot.min.css", "style.css")

KINDS = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
}

_IMPORT = re.compile(r'^import \{([^}]*)\} from "\./([\w/]+\.js)";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export ((?:async )?(?:function\*?|class|const) (\w+))", re.MULTILINE)


@cache
def static_files() -> Mapping[str, bytes]:
    """Files of the page by the name that it asks for; nothing else can be had."""
    return {
        file.relative_to(STATIC).as_posix(): file.read_bytes()
        for file in sorted(STATIC.rglob("*"))
        if file.suffix in KINDS
    }


def served_page() -> bytes:
    """The page that loads its parts from the server."""
    styles = "".join(f'<link rel="stylesheet" href="{name}">\n' for name in _STYLES)
    scripts = f'<script src="{_LIBRARY}"></script>\n<script type="module" src="{ENTRY}"></script>\n'
    return _filled(styles, "", scripts).encode()


def page_policy() -> str:
    """Content security policy of the served page: its own files and nothing else."""
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
        "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def exported_page(parts: Mapping[str, bytes]) -> bytes:
    """One file that needs neither server nor network.

    Parameters
    ----------
    parts
        What the page would ask the server for, by name. It stands in the file as base64, so that no
        name in it can ever be read as markup.
    """
    files = static_files()
    styles = "\n".join(files[name].decode() for name in _STYLES)
    library = files[_LIBRARY].decode()
    program = _one_script(files)
    policy = (
        f"default-src 'none'; script-src {_hash(library)} {_hash(program)}; "
        f"style-src {_hash(styles)}; img-src data:; base-uri 'none'; form-action 'none'"
    )
    head = (
        f'<meta name="generator" content="{SIGN}">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{html.escape(policy)}">\n'
        f"<style>{styles}</style>\n"
    )
    data = "".join(
        f'<script type="text/plain" data-part="{html.escape(name)}">'
        f"{base64.b64encode(content).decode()}</script>\n"
        for name, content in parts.items()
    )
    scripts = f'<script>{library}</script>\n<script type="module">{program}</script>\n'
    return _filled(head, data, scripts).encode()


def _filled(head: str, data: str, scripts: str) -> str:
    page = static_files()["index.html"].decode()
    for mark, content in (("head", head), ("data", data), ("scripts", scripts)):
        page = page.replace(f"<!-- {mark} -->\n", content)
    return page


def _hash(text: str) -> str:
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"'sha256-{digest}'"


def _one_script(files: Mapping[str, bytes]) -> str:
    """All modules as one: each in a function of its own that returns what it exports.

    Works for modules that import by name, one line an import, and export declarations; a test
    holds ours to that.
    """
    order: list[str] = []

    def visit(name: str, path: tuple[str, ...]) -> None:
        if name in path:
            raise ValueError(f"modules import each other: {' -> '.join((*path, name))}")
        if name in order:
            return
        for _, needed in _IMPORT.findall(files[name].decode()):
            visit(needed, (*path, name))
        order.append(name)

    visit(ENTRY, ())
    place = {name: f"module_{number}" for number, name in enumerate(order)}
    blocks = ['"use strict";']
    for name in order:
        text = files[name].decode()
        taken = "".join(
            f"const {{{names.replace(' as ', ': ')}}} = {place[needed]};\n"
            for names, needed in _IMPORT.findall(text)
        )
        exported = ", ".join(found for _, found in _EXPORT.findall(text))
        body = _EXPORT.sub(r"\1", _IMPORT.sub("", text))
        blocks.append(
            f"const {place[name]} = (() => {{\n{taken}{body}\nreturn {{{exported}}};\n}})();"
        )
    script = "\n".join(blocks)
    return script.replace("</script", "<\\/script")


def json_part(value: object) -> bytes:
    """A part that is JSON."""
    return json.dumps(value, allow_nan=False).encode()
