"""A real headless Chromium, driven by playwright; tests are skipped where either is missing."""

from __future__ import annotations

import shutil
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from simulator.viewer.library import Library
from simulator.viewer.server import ViewerServer

CHROMIUM = next(
    (
        path
        for name in ("chromium", "chromium-browser", "google-chrome")
        if (path := shutil.which(name))
    ),
    None,
)
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
LAPTOP = {"width": 1360, "height": 900}
PHONE = {"width": 390, "height": 844}


def needs_browser() -> Any:
    """Skip a module where there is no browser, and say what is missing."""
    pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("no Chromium is installed", allow_module_level=True)


@contextmanager
def open_browser() -> Iterator[Any]:
    """A browser with a profile of its own that ends with the block."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as profile:
        context = playwright.chromium.launch_persistent_context(
            profile, executable_path=CHROMIUM, args=list(FLAGS), headless=True, viewport=LAPTOP
        )
        try:
            yield context
        finally:
            context.close()


@contextmanager
def served(paths: Sequence[Path], follow: bool = False) -> Iterator[ViewerServer]:
    """A server for some folders."""
    with ViewerServer(Library(paths), follow) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield server
        finally:
            server.shutdown()


@contextmanager
def page_of(context: Any, address: str) -> Iterator[Any]:
    """A page at an address, which must say nothing on its console and ask for nothing elsewhere."""
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda wrong: said.append(f"error: {wrong}"))
    page.on("dialog", lambda dialog: (said.append(f"dialog: {dialog.message}"), dialog.dismiss()))
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    try:
        page.goto(address)
        page.wait_for_selector("[role=tab]")
        yield page
        own = address.split("#")[0].rsplit("/", 1)[0]
        assert [url for url in asked if not url.startswith((own, "data:"))] == []
        assert said == []
    finally:
        page.close()


def go(page: Any, tab: str, ready: str) -> None:
    """Open a tab and wait for what it shows."""
    page.click(f"#tab-{tab}")
    page.wait_for_selector(ready, timeout=20_000)


def rgb(colour: str) -> str:
    """A colour such as ``#0072b2`` as the browser writes it."""
    return f"rgb({', '.join(str(int(colour[at : at + 2], 16)) for at in (1, 3, 5))})"
