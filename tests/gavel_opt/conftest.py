"""What tests of Gavel's interface share."""

from __future__ import annotations

import pytest

from gavel_opt.gavel import entries


@pytest.fixture(autouse=True)
def no_thread_but_the_runners(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers of pytest-xdist listen on a thread of their own, which touches no dictionary of ours."""
    others = entries.other_threads
    runners = others()
    monkeypatch.setattr(entries, "other_threads", lambda: others() - runners)
