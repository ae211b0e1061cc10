"""A package index on loopback: a folder of wheels and sdists, served as a Simple API.

Pages are computed from the folder when they are asked for, so a test can add and remove files while
the server runs. Every knob is a plain attribute that may be changed at any time.

Routes: ``/simple/`` (all names), ``/simple/NAME/`` (one page), ``/files/FILE`` and ``/files/FILE.metadata``.

Source: PEP 503 (HTML), 592 (yank), 629 (version), 658 and 714 (metadata), 691 (JSON), 700 (size and time).
"""

from __future__ import annotations

import base64
import contextlib
import fnmatch
import gzip
import hashlib
import html
import json
import os
import random
import socket
import ssl
import threading
import time
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import quote, unquote, urlsplit

from packaging.utils import canonicalize_name

JSON_TYPE = "application/vnd.pypi.simple.v1+json"
HTML_TYPE = "application/vnd.pypi.simple.v1+html"
#: A certificate for 127.0.0.1, signed by itself, with its private key.
CERTIFICATE = os.path.join(os.path.dirname(__file__), "loopback.pem")
_WRONG_SHA256 = "0" * 64


def project_of(filename: str) -> str:
    """Return the normalised project name a file name begins with."""
    if filename.endswith(".whl"):
        return canonicalize_name(filename.split("-", maxsplit=1)[0])
    stem = filename.removesuffix(".tar.gz").removesuffix(".zip")
    return canonicalize_name(stem.rpartition("-")[0] or stem)


class IndexServer:
    """A Simple API over ``folder`` on ``127.0.0.1``; a context manager.

    ``url`` is ``http://127.0.0.1:PORT/simple/``. ``requests`` collects ``(method, path, headers)`` with
    header names in lower case, ``connected`` the address of every connection. The knobs:

    - ``json``: False serves HTML to everybody; else the Accept header decides.
    - ``core_metadata``: list and serve ``FILE.metadata`` (PEP 658).
    - ``ranges``: answer Range requests with 206. ``compress``: gzip pages for who accepts it.
    - ``sizes``: list size and upload time (PEP 700). ``upload_time`` is the default, ``upload_times``
      holds exceptions by file name.
    - ``yanked``: file name to reason. ``statuses``: project to ``(status, reason)`` (PEP 792).
    - ``api_version``: what pages say.
    - ``cache_controls``: path glob to the Cache-Control of every answer, whatever its status.
    - ``cache_control`` goes before ``max_age``; ``age``: seconds in Age of pages, None for none.
    - ``max_age``: seconds in Cache-Control of pages, None for none. ``etag``: send ETag, answer 304.
    - ``fail``: path glob to status, or to ``(status, times)``. Status 0 closes the connection unanswered.
      ``retry_after`` is sent along where it is not None.
    - ``wrong_hash``: file names listed with a wrong sha256; ``wrong_metadata_hash`` the same of metadata.
    - ``hash_algorithms``: what pages list (``("sha256",)``).
    - ``delay``: seconds before every answer. ``whims``: a random generator that decides on a further delay of
      up to 50 ms, so that answers overtake each other, and on the order of files on pages.
    - ``cut``: file name to the bytes after which each of its answers breaks off.
    - ``truncate``: file names whose body ends half-way; ``truncate_once``: the same, the first time only.
    - ``redirects``: path to the URL a 302 names. ``pages``: path to ``(content type, body)``, served as it is;
      ``gzipped``: path to the bytes sent as its gzip encoding, right or wrong.
    - ``credentials``: ``(user, password)`` that every request must carry, or 401.
    - ``tls`` (at the beginning only): speak https, with ``certificate``, by default `CERTIFICATE`, which
      nobody trusts.
    - ``files_url``: base of the file URLs on pages, where it is not this server.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        *,
        json: bool = True,
        core_metadata: bool = True,
        ranges: bool = True,
        compress: bool = False,
        sizes: bool = True,
        etag: bool = True,
        max_age: int | None = 600,
        upload_time: str = "2024-01-01T00:00:00Z",
        delay: float = 0.0,
        tls: bool = False,
        certificate: str = CERTIFICATE,
    ) -> None:
        self.folder = os.fspath(folder)
        os.makedirs(self.folder, exist_ok=True)
        self.json = json
        self.core_metadata = core_metadata
        self.ranges = ranges
        self.compress = compress
        self.sizes = sizes
        self.etag = etag
        self.max_age = max_age
        self.cache_control: str | None = None
        self.cache_controls: dict[str, str] = {}
        self.age: int | None = None
        self.upload_time = upload_time
        self.upload_times: dict[str, str] = {}
        self.delay = delay
        self.whims: random.Random | None = None
        self.tls = tls
        self.certificate = certificate
        self.yanked: dict[str, str] = {}
        self.statuses: dict[str, tuple[str, str]] = {}
        self.api_version = "1.1"
        self.fail: dict[str, int | tuple[int, int]] = {}
        self.retry_after: str | None = None
        self.wrong_hash: set[str] = set()
        self.wrong_metadata_hash: set[str] = set()
        self.hash_algorithms: tuple[str, ...] = ("sha256",)
        self.cut: dict[str, int] = {}
        self.truncate: set[str] = set()
        self.truncate_once: set[str] = set()
        self.redirects: dict[str, str] = {}
        self.pages: dict[str, tuple[str, bytes]] = {}
        self.gzipped: dict[str, bytes] = {}
        self.credentials: tuple[str, str] | None = None
        self.files_url: str | None = None
        self.requests: list[tuple[str, str, dict[str, str]]] = []
        self.connected: list[tuple[str, int]] = []
        self.port = 0
        self._digests: dict[tuple[str, int, int, str], str] = {}
        self._lock = threading.Lock()
        self._server: _Server | None = None
        self.restart()

    @property
    def origin(self) -> str:
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"{self.origin}/simple/"

    def file_url(self, filename: str) -> str:
        return f"{self.files_url or self.origin + '/files/'}{quote(filename)}"

    def paths(self, method: str | None = None) -> list[str]:
        """Return the paths asked for so far, in order."""
        return [path for verb, path, _ in list(self.requests) if method in {None, verb}]

    def restart(self) -> None:
        """Listen again, on the same port after `stop`."""
        if self._server is not None:
            return
        self._server = _Server(("127.0.0.1", self.port), self)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        """Close the port and every open connection; connecting is refused from now on."""
        if self._server is None:
            return
        self._server.shutdown()
        self._server.server_close()
        self._server.drop_connections()
        self._server = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    # What the handler asks.

    def failure(self, path: str) -> int | None:
        with self._lock:
            for glob, wanted in self.fail.items():
                if not fnmatch.fnmatchcase(path, glob):
                    continue
                if isinstance(wanted, int):
                    return wanted
                status, times = wanted
                if times > 0:
                    self.fail[glob] = (status, times - 1)
                    return status
        return None

    def whim(self) -> float:
        with self._lock:
            return 0.0 if self.whims is None else self.whims.uniform(0, 0.05)

    def listed(self, project: str) -> list[str]:
        """Return the files of a page in its order."""
        names = self.filenames(project)
        with self._lock:
            if self.whims is not None:
                self.whims.shuffle(names)
        return names

    def truncates(self, filename: str) -> bool:
        with self._lock:
            if filename in self.truncate_once:
                self.truncate_once.discard(filename)
                return True
        return filename in self.truncate

    def filenames(self, project: str | None = None) -> list[str]:
        names = sorted(name for name in os.listdir(self.folder) if name.endswith((".whl", ".tar.gz", ".zip")))
        return [name for name in names if project is None or project_of(name) == project]

    def projects(self) -> list[str]:
        return sorted({project_of(name) for name in self.filenames()})

    def metadata(self, filename: str) -> bytes | None:
        if not filename.endswith(".whl"):
            return None
        try:
            with zipfile.ZipFile(os.path.join(self.folder, filename)) as archive:
                for member in archive.namelist():
                    if member.endswith(".dist-info/METADATA"):
                        return archive.read(member)
        except (OSError, zipfile.BadZipFile):
            pass
        return None

    def hashes(self, filename: str) -> dict[str, str]:
        path = os.path.join(self.folder, filename)
        status = os.stat(path)
        found = {}
        for algorithm in self.hash_algorithms:
            key = (filename, status.st_size, status.st_mtime_ns, algorithm)
            if key not in self._digests:
                with open(path, "rb") as file:
                    self._digests[key] = hashlib.file_digest(file, algorithm).hexdigest()
            found[algorithm] = self._digests[key]
        if filename in self.wrong_hash:
            found = {
                algorithm: _WRONG_SHA256[: len(digest)].ljust(len(digest), "0")
                for algorithm, digest in found.items()
            }
        return found

    def describe(self, filename: str) -> dict[str, Any]:
        entry: dict[str, Any] = {
            "filename": filename,
            "url": self.file_url(filename),
            "hashes": self.hashes(filename),
            "yanked": self.yanked.get(filename, False),
        }
        if filename in self.yanked and not self.yanked[filename]:
            entry["yanked"] = True
        if self.sizes:
            entry["size"] = os.path.getsize(os.path.join(self.folder, filename))
            entry["upload-time"] = self.upload_times.get(filename, self.upload_time)
        metadata = self.metadata(filename)
        if metadata is not None:
            for line in metadata.decode("utf-8", "replace").split("\n\n")[0].splitlines():
                if line.startswith("Requires-Python: "):
                    entry["requires-python"] = line.removeprefix("Requires-Python: ")
            if self.core_metadata:
                digest = hashlib.sha256(metadata).hexdigest()
                if filename in self.wrong_metadata_hash:
                    digest = _WRONG_SHA256
                entry["core-metadata"] = entry["data-dist-info-metadata"] = {"sha256": digest}
        return entry

    def json_page(self, project: str) -> bytes:
        files = [self.describe(name) for name in self.listed(project)]
        page: dict[str, Any] = {"meta": {"api-version": self.api_version}, "name": project, "files": files}
        if project in self.statuses:
            status, reason = self.statuses[project]
            page["project-status"] = {"status": status, "reason": reason}
        page["versions"] = sorted(
            {name.split("-")[1].removesuffix(".tar.gz") for name in self.filenames(project) if "-" in name}
        )
        return json.dumps(page).encode()

    def html_page(self, project: str) -> bytes:
        lines = [
            "<!DOCTYPE html>",
            f'<html><head><meta name="pypi:repository-version" content="{self.api_version}">',
            *(
                f'<meta name="pypi:{key}" content="{html.escape(value)}">'
                for key, value in zip(
                    ("project-status", "project-status-reason"), self.statuses.get(project, ()), strict=False
                )
            ),
            f"<title>Links for {project}</title></head><body>",
        ]
        for filename in self.listed(project):
            entry = self.describe(filename)
            attributes = ""
            if "requires-python" in entry:
                attributes += f' data-requires-python="{html.escape(entry["requires-python"])}"'
            if filename in self.yanked:
                attributes += f' data-yanked="{html.escape(self.yanked[filename])}"'
            if "core-metadata" in entry:
                attributes += f' data-core-metadata="sha256={entry["core-metadata"]["sha256"]}"'
            digest = "".join(f"#{key}={value}" for key, value in list(entry["hashes"].items())[:1])
            lines.append(f'<a href="{entry["url"]}{digest}"{attributes}>{html.escape(filename)}</a><br>')
        return "\n".join([*lines, "</body></html>"]).encode()


class _Server(ThreadingHTTPServer):
    """The listening socket; it remembers its connections, to be able to cut them."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], index: IndexServer) -> None:
        self.index = index
        self.connections: set[socket.socket] = set()
        super().__init__(address, _Handler)
        if index.tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(index.certificate)
            # The handshake is left to the thread of the connection.
            self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    def process_request(self, request: Any, client_address: Any) -> None:
        self.connections.add(request)
        self.index.connected.append(client_address)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self.connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Stay silent: clients of these tests hang up as they like."""

    def drop_connections(self) -> None:
        for connection in list(self.connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # or head and body, two writes, wait for each other's acknowledgement
    wbufsize = -1
    server: _Server

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the name is the base's
        """Stay silent."""

    def do_GET(self) -> None:
        self._answer()

    def do_HEAD(self) -> None:
        self._answer()

    def _answer(self) -> None:
        index = self.server.index
        headers = {key.lower(): value for key, value in self.headers.items()}
        index.requests.append((self.command, self.path, headers))
        time.sleep(index.delay + index.whim())
        path = unquote(urlsplit(self.path).path)
        status = index.failure(path)
        if status == 0:
            self.close_connection = True
            return
        if status is not None:
            extra = {} if index.retry_after is None else {"Retry-After": index.retry_after}
            self._send(status, "text/plain", f"failing with {status}".encode(), extra)
        elif not self._authorized(headers):
            self._send(401, "text/plain", b"who are you?", {"WWW-Authenticate": "Basic"})
        elif path in index.redirects:
            self._send(302, "text/plain", b"", {"Location": index.redirects[path]})
        elif path in index.pages:
            self._send_page(*index.pages[path], headers)
        elif path == "/simple/":
            names = [{"name": name} for name in index.projects()]
            body = json.dumps({"meta": {"api-version": "1.1"}, "projects": names}).encode()
            self._send_page(JSON_TYPE, body, headers)
        elif path.startswith("/simple/"):
            self._project(path, headers)
        elif path.startswith("/files/"):
            self._file(path.removeprefix("/files/"), headers)
        else:
            self._send(404, "text/plain", b"not here")

    def _authorized(self, headers: dict[str, str]) -> bool:
        if self.server.index.credentials is None:
            return True
        wanted = base64.b64encode(":".join(self.server.index.credentials).encode()).decode()
        return headers.get("authorization") == f"Basic {wanted}"

    def _project(self, path: str, headers: dict[str, str]) -> None:
        index = self.server.index
        name = path.removeprefix("/simple/").strip("/")
        if not path.endswith("/"):
            self._send(301, "text/plain", b"", {"Location": path + "/"})
        elif not index.filenames(name):
            self._send(404, "text/plain", b"no such project")
        elif index.json and "json" in headers.get("accept", ""):
            self._send_page(JSON_TYPE, index.json_page(name), headers)
        else:
            kind = HTML_TYPE if "simple.v1+html" in headers.get("accept", "") else "text/html"
            self._send_page(kind, index.html_page(name), headers)

    def _send_page(self, kind: str, body: bytes, headers: dict[str, str]) -> None:
        index = self.server.index
        extra = {"Vary": "Accept, Accept-Encoding"}
        if index.max_age is not None:
            extra["Cache-Control"] = f"max-age={index.max_age}, public"
        if index.cache_control is not None:
            extra["Cache-Control"] = index.cache_control
        if index.age is not None:
            extra["Age"] = str(index.age)
        if index.etag:
            extra["ETag"] = f'"{hashlib.sha256(body).hexdigest()[:24]}"'
            if headers.get("if-none-match") == extra["ETag"]:
                self._send(304, None, b"", extra)
                return
        gzipped = index.gzipped.get(unquote(urlsplit(self.path).path))
        if gzipped is not None:
            body = gzipped
            extra["Content-Encoding"] = "gzip"
        elif index.compress and "gzip" in headers.get("accept-encoding", ""):
            body = gzip.compress(body, 6)
            extra["Content-Encoding"] = "gzip"
        self._send(200, kind, body, extra)

    def _file(self, filename: str, headers: dict[str, str]) -> None:
        index = self.server.index
        wheel = filename.removesuffix(".metadata")
        if "/" in filename or wheel not in index.filenames():
            self._send(404, "text/plain", b"no such file")
            return
        if filename.endswith(".metadata"):
            metadata = index.metadata(wheel) if index.core_metadata else None
            if metadata is None:
                self._send(404, "text/plain", b"no metadata")
            else:
                self._send(200, "application/octet-stream", metadata, filename=filename)
            return
        with open(os.path.join(index.folder, filename), "rb") as file:
            body = file.read()
        extra = {"Accept-Ranges": "bytes"} if index.ranges else {}
        wanted = _parse_range(headers.get("range", ""), len(body)) if index.ranges else None
        if wanted is None:
            self._send(200, "application/octet-stream", body, extra, filename=filename)
        elif wanted[0] >= wanted[1]:
            self._send(416, "text/plain", b"", {"Content-Range": f"bytes */{len(body)}"})
        else:
            extra["Content-Range"] = f"bytes {wanted[0]}-{wanted[1] - 1}/{len(body)}"
            self._send(206, "application/octet-stream", body[slice(*wanted)], extra, filename=filename)

    def _send(
        self,
        status: int,
        kind: str | None,
        body: bytes,
        headers: dict[str, str] | None = None,
        *,
        filename: str = "",
    ) -> None:
        self.send_response(status)
        if kind is not None:
            self.send_header("Content-Type", kind)
        sent = dict(headers or {})
        path = unquote(urlsplit(self.path).path)
        for glob, control in self.server.index.cache_controls.items():
            if fnmatch.fnmatchcase(path, glob):
                sent["Cache-Control"] = control
        for key, value in sent.items():
            self.send_header(key, value)
        if status != 304:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "HEAD" or status == 304:
            return
        end = self.server.index.cut.get(filename, len(body))
        if filename and self.server.index.truncates(filename):
            end = len(body) // 2
        self.close_connection = self.close_connection or end < len(body)
        self.wfile.write(body[:end])


def _parse_range(text: str, size: int) -> tuple[int, int] | None:
    """Return the half-open interval that a Range header asks for, None when it asks for none."""
    if not text.startswith("bytes=") or "," in text:
        return None
    first, _, last = text.removeprefix("bytes=").partition("-")
    if not first:
        return max(0, size - int(last)), size
    return int(first), min(size, int(last) + 1 if last else size)
