"""A recorded part of an index on loopback: what a benchmark touches, and no network after that.

``record`` runs a proxy that keeps every page, metadata file and wheel it is asked for; ``Served`` serves
what was kept, with nginx where it is installed (so that the server is not what is measured), else
with Python. Pages keep the hashes of the index; only the addresses of files are rewritten.

    python benchmarks/mirror.py record ROOT        # then point the tools at the URL it prints, once
    python benchmarks/mirror.py serve ROOT

Layout of ROOT: ``pages/NAME.json`` (and ``.gz``), ``files/…`` at the path of the index's own file server.
"""

from __future__ import annotations

import argparse
import gzip
import http.server
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

from envctl.manifest.sources import DEFAULT_INDEX

UPSTREAM = DEFAULT_INDEX.url
PAGE_TYPE = "application/vnd.pypi.simple.v1+json"

NGINX = """\
{user}daemon off;
worker_processes 1;
pid {run}/nginx.pid;
error_log {run}/error.log warn;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    client_body_temp_path {run}/1; proxy_temp_path {run}/2; fastcgi_temp_path {run}/3;
    uwsgi_temp_path {run}/4; scgi_temp_path {run}/5;
    sendfile on; tcp_nopush on; tcp_nodelay on; keepalive_requests 100000;
    server {{
        listen 127.0.0.1:{port} backlog=1024;
        root {root};
        location ~ ^/simple/[^/]+$ {{ return 301 $uri/; }}
        location ~ "^/simple/(?<project>[^/]+)/$" {{
            rewrite "^/simple/([^/]+)/$" /pages/$1.json last;
        }}
        location /pages/ {{
            gzip_static on; etag on; types {{ }} default_type {page_type};
            add_header Cache-Control "max-age=600, public";
        }}
        location /files/ {{
            etag on; types {{ }} default_type application/octet-stream;
            add_header Cache-Control "max-age=365000000, immutable, public";
        }}
    }}
}}
"""


def fetch(url: str, headers: dict[str, str]) -> bytes | None:
    """GET, with a few tries; None where the index has no such thing."""
    for attempt in range(4):
        try:
            with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=180) as answer:
                data: bytes = answer.read()
                return data
        except urllib.error.HTTPError as error:
            if error.code in {403, 404, 410}:
                return None
            if attempt == 3:
                raise
        except OSError:
            if attempt == 3:
                raise
        time.sleep(attempt)
    return None


def keep(path: str, data: bytes) -> None:
    """Write whole or not at all; several threads may keep the same thing."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    temporary = f"{path}.{threading.get_ident()}.tmp"
    with open(temporary, "wb") as file:
        file.write(data)
    os.replace(temporary, path)


class Recorder(http.server.BaseHTTPRequestHandler):
    """Serves from ROOT, and fetches what is not there yet."""

    protocol_version = "HTTP/1.1"
    root = ""
    fetching = True

    def log_message(self, *_: object) -> None:
        """Stay quiet."""

    def do_GET(self) -> None:
        """Answer a page or a file, whole or a range of it."""
        path = urllib.parse.unquote(urllib.parse.urlsplit(self.path).path)
        page = re.fullmatch(r"/simple/([a-z0-9-]+)/", path)
        try:
            if page:
                data, kind = self.page(page[1]), PAGE_TYPE
            elif path.startswith("/files/") and ".." not in path:
                data, kind = self.file(path.removeprefix("/files/")), "application/octet-stream"
            else:
                data, kind = None, ""
        except OSError as error:
            print(f"{path}: {error}", file=sys.stderr)
            return self.answer(502, b"upstream failed", "text/plain")
        return self.answer(404, b"not found", "text/plain") if data is None else self.answer(200, data, kind)

    def do_HEAD(self) -> None:
        """Answer as GET does, without the bytes."""
        self.do_GET()

    def page(self, name: str) -> bytes | None:
        """Give a project's page, with the addresses of files pointing here."""
        path = os.path.join(self.root, "pages", f"{name}.json")
        if not os.path.exists(path):
            data = fetch(f"{UPSTREAM}{name}/", {"Accept": PAGE_TYPE}) if self.fetching else None
            if data is None:
                return None
            page = json.loads(data)
            for entry in page["files"]:
                url = urllib.parse.urlsplit(urllib.parse.urljoin(f"{UPSTREAM}{name}/", entry["url"]))
                entry["url"] = f"/files/{url.scheme}/{url.netloc}{url.path}"
            data = json.dumps(page).encode()
            keep(path, data)
            keep(f"{path}.gz", gzip.compress(data, 6, mtime=0))
        with open(path, "rb") as file:
            return file.read()

    def file(self, tail: str) -> bytes | None:
        """Give a wheel or a metadata file."""
        path = os.path.join(self.root, "files", tail)
        if not os.path.exists(path):
            scheme, _, rest = tail.partition("/")
            data = fetch(f"{scheme}://{urllib.parse.quote(rest)}", {}) if self.fetching else None
            if data is None:
                return None
            keep(path, data)
        with open(path, "rb") as file:
            return file.read()

    def answer(self, status: int, data: bytes, kind: str) -> None:
        """Send, honouring a Range."""
        wanted = re.fullmatch(r"bytes=(\d*)-(\d*)", self.headers.get("Range", ""))
        total = len(data)
        if status == 200 and wanted:
            first, last = wanted.groups()
            start = int(first) if first else max(total - int(last), 0)
            stop = min(int(last) + 1, total) if first and last else total
            data, status = data[start:stop], 206
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Accept-Ranges", "bytes")
        if kind == PAGE_TYPE:
            self.send_header("Cache-Control", "max-age=600, public")
        if status == 206:
            self.send_header("Content-Range", f"bytes {start}-{stop - 1}/{total}")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)


class Proxy(http.server.ThreadingHTTPServer):
    """One thread a connection; dies with the process."""

    daemon_threads = True
    request_queue_size = 256


def free_port() -> int:
    """Find a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Served:
    """A recorded mirror being served, as a context manager; ``url`` is its Simple API."""

    def __init__(self, root: str, *, recording: bool = False) -> None:
        self.root = os.path.abspath(root)
        self.recording = recording
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/simple/"
        self.run = tempfile.mkdtemp(prefix="envctl-mirror-")
        self._nginx: subprocess.Popen[bytes] | None = None
        self._proxy: Proxy | None = None

    def __enter__(self) -> Any:
        nginx = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
        if nginx and not self.recording:
            user = "user root;\n" if os.getuid() == 0 else ""
            path = os.path.join(self.run, "nginx.conf")
            with open(path, "w") as file:
                file.write(
                    NGINX.format(user=user, run=self.run, port=self.port, root=self.root, page_type=PAGE_TYPE)
                )
            self._nginx = subprocess.Popen([nginx, "-c", path], stderr=subprocess.DEVNULL)
            self._wait()
        else:
            handler = type("Bound", (Recorder,), {"root": self.root, "fetching": self.recording})
            self._proxy = Proxy(("127.0.0.1", self.port), handler)
            threading.Thread(target=self._proxy.serve_forever, daemon=True).start()
        return self

    def _wait(self) -> None:
        for _ in range(100):
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
            except OSError:
                time.sleep(0.05)
            else:
                return
        raise RuntimeError("the server did not start")

    def __exit__(self, *_: object) -> None:
        if self._nginx is not None:
            self._nginx.terminate()
            self._nginx.wait()
        if self._proxy is not None:
            self._proxy.shutdown()
            self._proxy.server_close()
        shutil.rmtree(self.run, ignore_errors=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("action", choices=["record", "serve"])
    parser.add_argument("root")
    options = parser.parse_args()
    with Served(options.root, recording=options.action == "record") as served:
        print(served.url, flush=True)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            pass


if __name__ == "__main__":
    main()
