"""The server answers its own page and nobody else."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from simulator.viewer.column_file import unpack
from simulator.viewer.library import Library
from simulator.viewer.server import ViewerServer


@pytest.fixture(scope="module")
def server(runs: Path) -> Iterator[ViewerServer]:
    with ViewerServer(Library([runs / "gavel"])) as made:
        threading.Thread(target=made.serve_forever, daemon=True).start()
        yield made
        made.shutdown()


def ask(
    server: ViewerServer, path: str, headers: dict[str, str] | None = None, method: str = "GET"
) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=20)
    connection.putrequest(method, path, skip_host=bool(headers and "Host" in headers))
    for name, value in (headers or {}).items():
        connection.putheader(name, value)
    connection.endheaders()
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, {k.lower(): v for k, v in answer.getheaders()}, content


def test_the_page_and_its_parts(server: ViewerServer) -> None:
    status, headers, page = ask(server, f"/{server.token}/")
    assert status == 200
    assert b"app.js" in page
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]
    status, _, found = ask(server, f"/{server.token}/catalog")
    assert status == 200
    assert [run["id"] for run in json.loads(found)["runs"]] == ["r0"]
    for part in ("overview", "placements"):
        status, _, content = ask(server, f"/{server.token}/run/r0/{part}")
        assert status == 200
        assert unpack(content)[1]
    status, _, said = ask(server, f"/{server.token}/run/r0/explain?job=15&round=60")
    assert status == 200
    assert json.loads(said)["job"] == 15


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/catalog",
        "/wrong/catalog",
        "//",
        "/{half}/catalog",
        "/{token}x/catalog",
        "/%2e/catalog",
    ],
)
def test_without_the_token_nothing_is_answered(server: ViewerServer, path: str) -> None:
    path = path.format(half=server.token[:8], token=server.token)
    status, _, content = ask(server, path)
    assert (status, content) == (403, b"forbidden\n")


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "127.0.0.1"},
        {"Host": "127.0.0.1:1"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
    ids=str,
)
def test_other_pages_are_refused(server: ViewerServer, headers: dict[str, str]) -> None:
    assert ask(server, f"/{server.token}/catalog", headers)[0] == 403


@pytest.mark.parametrize(
    "path",
    [
        "../../../../etc/passwd",
        "..%2f..%2f..%2fetc%2fpasswd",
        "vendor/../../server.py",
        "run/../overview",
        "run/r0/../../summary.json",
        "run/r1/overview",
        "run/%2e%2e/overview",
        "run/r0/summary",
        "study/s0/open?entry=0",
        "study/s0/open?entry=-1",
        "run/r0/explain?job=../x",
        "run/r0/explain?job=1e9",
        "/etc/passwd",
        "static/app.js",
        "index.html",
    ],
)
def test_nothing_but_the_runs_it_was_given(server: ViewerServer, path: str) -> None:
    status, _, content = ask(server, f"/{server.token}/{path}")
    assert status == 404
    assert set(json.loads(content)) == {"error"}


def test_head_is_get_without_its_content(server: ViewerServer) -> None:
    for path in (f"/{server.token}/", f"/{server.token}/run/r0/overview", "/catalog", "/x/nothing"):
        status, headers, _ = ask(server, path)
        found = ask(server, path, method="HEAD")
        assert found[0] == status
        assert found[2] == b""
        assert found[1]["content-length"] == headers["content-length"]
        assert found[1]["content-security-policy"] == headers["content-security-policy"]


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_nothing_is_written(server: ViewerServer, method: str) -> None:
    status, headers, _ = ask(server, f"/{server.token}/catalog", method=method)
    assert (status, headers["allow"]) == (405, "GET, HEAD")
    assert ask(server, "/catalog", method=method)[0] == 403


def test_what_is_no_request_is_refused_without_markup(server: ViewerServer) -> None:
    status, headers, said = ask(server, f"/{server.token}/", method="<script>")
    assert (status, headers["content-type"], said) == (501, "text/plain", b"not understood\n")
    assert "content-security-policy" in headers


def test_a_followed_folder_may_go_away(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    with ViewerServer(Library([folder]), follow=True) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        folder.rmdir()
        status, _, said = ask(server, f"/{server.token}/catalog")
        server.shutdown()
    assert status == 200
    assert json.loads(said)["runs"][0]["message"] == "no such folder"
