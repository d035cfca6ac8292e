"""A small server on loopback that answers only the page that was opened with its token."""

from __future__ import annotations

import json
import secrets
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from gavel_opt import GavelError
from simulator.viewer.library import PARTS, Library, NotThereError
from simulator.viewer.page import KINDS, json_part, page_policy, served_page, static_files

Answer = tuple[bytes, str]
_JSON, _BLOCK = "application/json", "application/octet-stream"


class ViewerServer(ThreadingHTTPServer):
    """Serves one library under ``http://127.0.0.1:<port>/<token>/``.

    Parameters
    ----------
    library
        The runs that it may show.
    follow
        Whether the page asks again and again what is new.
    """

    daemon_threads = True

    def __init__(self, library: Library, follow: bool = False) -> None:
        self.library = library
        self.follow = follow
        self.token = secrets.token_urlsafe(24)
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def address(self) -> str:
        """What to open in a browser."""
        return f"http://127.0.0.1:{self.server_port}/{self.token}/"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that goes away in the middle of an answer is no error."""
        wrong = sys.exc_info()[1]
        if not isinstance(wrong, ConnectionError | TimeoutError):
            super().handle_error(request, client_address)

    def answer(self, path: str, query: dict[str, str]) -> Answer:
        """What stands at a path behind the token.

        Raises
        ------
        NotThereError
            If nothing does.
        """
        files = static_files()
        if path == "":
            return served_page(), KINDS[".html"]
        if path in files and path != "index.html":
            return files[path], KINDS[path[path.rindex(".") :]]
        words = path.split("/")
        if words == ["catalog"]:
            if self.follow:
                self.library.scan()
            found = self.library.catalog() | {"follow": self.follow, "server": True}
            return json_part(found), _JSON
        if len(words) == 3 and words[0] == "run" and words[2] in PARTS:
            return self.library.part(words[1], words[2]), _BLOCK
        if len(words) == 3 and words[0] == "run" and words[2] == "simulate":
            self.library.simulate(words[1])
            return json_part({}), _JSON
        if len(words) == 3 and words[0] == "study" and words[2] == "open":
            name = self.library.open_entry(words[1], _number(query, "entry"))
            self.library.run(name)
            return json_part({"run": name}), _JSON
        if len(words) == 3 and words[0] == "run" and words[2] == "explain":
            number = _number(query, "round") if "round" in query else None
            return json_part(self.library.explain(words[1], _number(query, "job"), number)), _JSON
        raise NotThereError("there is nothing here")


def _number(query: dict[str, str], name: str) -> int:
    text = query.get(name, "")
    if not text.isdecimal() or len(text) > 12:
        raise NotThereError(f"{name}: expected a whole number")
    return int(text)


class _Handler(BaseHTTPRequestHandler):
    """One request."""

    server: ViewerServer
    protocol_version = "HTTP/1.1"
    server_version = "gavel-sim"
    sys_version = ""

    def do_GET(self) -> None:
        """Answer, or refuse without a word on why."""
        path = self._path()
        if path is None:
            self._send(403, b"forbidden\n", "text/plain")
            return
        query = {name: values[-1] for name, values in parse_qs(urlsplit(self.path).query).items()}
        try:
            content, kind = self.server.answer(path, query)
        except NotThereError as wrong:
            self._say(404, str(wrong))
            return
        except GavelError as wrong:
            self._say(422, str(wrong))
            return
        self._send(200, content, kind)

    def do_HEAD(self) -> None:
        """Answer as to a GET, without the content."""
        self.do_GET()

    def _not_allowed(self) -> None:
        """Nothing here can be written."""
        if self._path() is None:
            self._send(403, b"forbidden\n", "text/plain")
        else:
            self.close_connection = True  # what came with the request is not read
            self._send(405, b"method not allowed\n", "text/plain")

    do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _not_allowed

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Refuse what is no request of HTTP, or one of a method that there is not."""
        self.close_connection = True
        self._send(code, b"not understood\n", "text/plain")

    def _path(self) -> str | None:
        """The path behind the token; None for a request that is not our page's."""
        here = {f"127.0.0.1:{self.server.server_port}", f"localhost:{self.server.server_port}"}
        if self.headers.get("Host") not in here:
            return None
        origin = self.headers.get("Origin")
        if origin is not None and origin not in {f"http://{host}" for host in here}:
            return None
        if self.headers.get("Sec-Fetch-Site", "none") not in ("same-origin", "none"):
            return None
        _, token, *rest = [*urlsplit(self.path).path.split("/", 2), "", ""]
        if not secrets.compare_digest(token.encode(), self.server.token.encode()):
            return None
        return rest[0]

    def _say(self, status: int, message: str) -> None:
        self._send(status, json.dumps({"error": message}).encode(), _JSON)

    def _send(self, status: int, content: bytes, kind: str) -> None:
        self.send_response(status)
        if status == 405:
            self.send_header("Allow", "GET, HEAD")
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Content-Security-Policy", page_policy())
        self.send_header("Cache-Control", "no-store")
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("X-Frame-Options", "DENY")
        self.send_header("Cross-Origin-Resource-Policy", "same-origin")
        self.send_header("Cross-Origin-Opener-Policy", "same-origin")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing on the terminal."""
