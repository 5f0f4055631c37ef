"""An HTTP server on 127.0.0.1 that plays Google Drive: the file, the confirm page, a quota page, a cut line."""

import contextlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

_CONFIRM = (  # Google's is one line, and gdown reads it by lines
    "<!DOCTYPE html><html><body><p>Google Drive can't scan this file for viruses.</p>"
    '<form id="download-form" action="https://drive.usercontent.google.com/download" method="get">'
    '<input type="hidden" name="id" value="{id}"><input type="hidden" name="confirm" value="t"></form></body></html>'
)
_QUOTA = """<!DOCTYPE html><html><body>
<p class="uc-error-subcaption">Too many users have viewed or downloaded this file recently.</p></body></html>"""


class Drive:
    """What the server does. files: id -> content. mode: "file", "confirm", "quota", "page". cuts: so many answers break off
    after half of what they should send. ranges: the Range headers that were asked for."""

    def __init__(self):
        self.files: dict[str, bytes] = {}
        self.mode, self.cuts = "file", 0
        self.ranges: list[str | None] = []
        self.port = 0


@contextlib.contextmanager
def serving() -> Iterator[Drive]:
    """A Drive that answers as long as the block runs."""
    drive = Drive()
    handler = type("Handler", (_Handler,), {"drive": drive})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    drive.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield drive
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    drive: Drive

    def do_GET(self):
        query = parse_qs(urlsplit(self.path).query)
        name = query["id"][0]
        content = self.drive.files.get(name)
        if content is None:
            self.send_error(404)
        elif self.drive.mode == "quota":
            self._answer(_QUOTA.encode(), "text/html")
        elif self.drive.mode == "page":  # as a file
            self._answer(b"<!DOCTYPE html><html></html>", "application/octet-stream", name)
        elif self.drive.mode == "confirm" and "confirm" not in query:
            self._answer(_CONFIRM.format(id=name).encode(), "text/html")
        else:
            self._answer(content, "application/octet-stream", name)

    def _answer(self, body: bytes, kind: str, file: str | None = None) -> None:
        first, wanted = 0, self.headers.get("Range")
        if file:
            self.drive.ranges.append(wanted)
        if file and wanted:
            first = int(wanted.removeprefix("bytes=").rstrip("-"))
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {first}-{len(body) - 1}/{len(body)}")
        else:
            self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body) - first))
        if file:
            self.send_header("Content-Disposition", f'attachment; filename="{file}"')
        self.end_headers()
        body = body[first:]
        if file and self.drive.cuts:
            self.drive.cuts -= 1
            body = body[: len(body) // 2]
        self.wfile.write(body)

    def log_message(self, *_):
        pass
