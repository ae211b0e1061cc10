"""The transport: redirects, time-outs, proxies, credentials, TLS."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import truststore

from envctl.errors import EnvctlError, MachineError, UpstreamError
from envctl.index.client import IndexClient
from envctl.index.http import HttpTransport
from envctl.index.proxy import choose_proxy
from envctl.index.tls import make_context
from envctl.index.transport import Timeouts
from envctl.manifest.manifest import Index
from envctl.model.events import Event, Notice
from envctl.model.settings import Settings
from support.server import CERTIFICATE, IndexServer
from support.wheels import make_wheel

OpenClient = Callable[..., IndexClient]


def refused(client: IndexClient, name: str = "alpha") -> UpstreamError:
    with pytest.raises(UpstreamError) as caught:
        client.project(name)
    return caught.value


@pytest.fixture
def other(tmp_path: Path) -> Iterator[IndexServer]:
    """A server on another port: another origin."""
    with IndexServer(tmp_path / "other") as server:
        yield server


# Redirects


def test_a_redirect_is_followed_and_links_are_relative_to_where_it_leads(
    server: IndexServer, other: IndexServer, open_client: OpenClient
) -> None:
    make_wheel(other.folder, "alpha", "1.0")
    page = b'<a href="../../files/alpha-1.0-py3-none-any.whl">alpha</a>'
    other.pages["/simple/alpha/"] = ("text/html", page)
    server.redirects["/simple/alpha/"] = f"{other.url}alpha/"

    project = open_client().project("alpha")

    assert project is not None
    assert project.files(project.versions[0])[0].url == other.file_url("alpha-1.0-py3-none-any.whl")


def test_five_redirects_are_followed(server: IndexServer, open_client: OpenClient) -> None:
    make_wheel(server.folder, "alpha", "1.0")
    hops = ["/simple/alpha/", "/1", "/2", "/3", "/4"]
    for here, there in zip(hops, [*hops[1:], "/5"], strict=True):
        server.redirects[here] = there
    server.pages["/5"] = ("text/html", server.html_page("alpha"))

    assert open_client().project("alpha") is not None


def test_a_circle_of_redirects_is_left(server: IndexServer, open_client: OpenClient) -> None:
    server.redirects["/simple/alpha/"] = "/simple/alpha/"

    assert refused(open_client()).code == "bad-redirect"
    assert len(server.requests) == 6


@pytest.mark.parametrize(
    "location", ["file:///etc/passwd", "ftp://127.0.0.1/x", "javascript:alert(1)", "data:,x"]
)
def test_a_redirect_to_anything_but_http_is_refused(
    server: IndexServer, open_client: OpenClient, location: str
) -> None:
    server.redirects["/simple/alpha/"] = location

    assert refused(open_client()).code == "bad-redirect"


def test_a_redirect_that_is_no_url_is_refused(server: IndexServer, open_client: OpenClient) -> None:
    server.redirects["/simple/alpha/"] = "http://[::1/"

    assert refused(open_client()).code == "bad-url"


# Credentials

SECRET = "s3cr3t-p4ss"


def with_credentials(server: IndexServer) -> dict[str, str]:
    server.credentials = ("me", SECRET)
    return {"ENVCTL_INDEX_MY_INDEX_USERNAME": "me", "ENVCTL_INDEX_MY_INDEX_PASSWORD": SECRET}


def my_index(server: IndexServer) -> tuple[Index, ...]:
    return (Index(name="my-index", url=server.url),)


def test_credentials_of_the_environment_are_sent_to_the_index(
    server: IndexServer, open_client: OpenClient
) -> None:
    make_wheel(server.folder, "alpha", "1.0")
    environ = with_credentials(server)
    client = open_client(indexes=my_index(server), environ=environ)

    project = client.project("alpha")

    assert project is not None
    assert client.core_metadata(project.files(project.versions[0])[0])


def test_credentials_of_netrc_are_sent_to_the_index(
    server: IndexServer, open_client: OpenClient, tmp_path: Path
) -> None:
    make_wheel(server.folder, "alpha", "1.0")
    server.credentials = ("me", SECRET)
    netrc = tmp_path / "netrc"
    netrc.write_text(f"machine 127.0.0.1 login me password {SECRET}\n")
    netrc.chmod(0o600)

    assert open_client(environ={"NETRC": str(netrc)}).project("alpha") is not None


def test_a_netrc_that_cannot_be_read_is_done_without(
    server: IndexServer, open_client: OpenClient, tmp_path: Path
) -> None:
    make_wheel(server.folder, "alpha", "1.0")
    netrc = tmp_path / "netrc"
    netrc.write_text("nonsense { machine")

    assert open_client(environ={"NETRC": str(netrc)}).project("alpha") is not None


def test_credentials_of_the_url_are_sent_and_shown_nowhere(
    server: IndexServer, open_client: OpenClient, tmp_path: Path
) -> None:
    make_wheel(server.folder, "alpha", "1.0")
    server.credentials = ("me", SECRET)
    url = server.url.replace("http://", f"http://me:{SECRET}@")

    project = open_client(indexes=(Index(name="my-index", url=url),)).project("alpha")

    assert project is not None
    assert SECRET not in project.files(project.versions[0])[0].url
    assert all(SECRET.encode() not in path.read_bytes() for path in (tmp_path / "cache").rglob("*.page"))


def test_credentials_do_not_follow_a_redirect_to_another_origin(
    server: IndexServer, other: IndexServer, open_client: OpenClient
) -> None:
    make_wheel(other.folder, "alpha", "1.0")
    environ = with_credentials(server)
    server.credentials = None
    server.redirects["/simple/alpha/"] = f"{other.url}alpha/"

    open_client(indexes=my_index(server), environ=environ).project("alpha")

    assert "authorization" in server.requests[0][2]
    assert "authorization" not in other.requests[0][2]


def test_credentials_are_not_sent_to_the_host_of_the_files(
    server: IndexServer, other: IndexServer, open_client: OpenClient, tmp_path: Path
) -> None:
    make_wheel(server.folder, "alpha", "1.0")
    make_wheel(other.folder, "alpha", "1.0")
    server.files_url = other.origin + "/files/"
    client = open_client(indexes=my_index(server), environ=with_credentials(server))
    project = client.project("alpha")
    assert project is not None
    file = project.files(project.versions[0])[0]

    client.core_metadata(file)
    client.fetch(
        file.url, str(tmp_path / "x.whl"), hashes=file.hashes, size=None, on_bytes=lambda amount: None
    )

    assert len(other.requests) == 2
    assert all("authorization" not in headers for _, _, headers in other.requests)


@pytest.mark.parametrize("knob", ["refused", "unavailable", "not-a-page", "down"])
def test_no_error_names_credentials(server: IndexServer, open_client: OpenClient, knob: str) -> None:
    url = server.url.replace("http://", f"http://me:{SECRET}@")
    server.credentials = ("somebody", "else") if knob == "refused" else None
    server.fail = {"*": 503} if knob == "unavailable" else {}
    server.pages["/simple/alpha/"] = ("image/png", b"")
    if knob == "down":
        server.stop()

    error = refused(open_client(indexes=(Index(name="my-index", url=url),)))

    seen: BaseException | None = error
    while seen is not None:
        assert SECRET not in f"{seen!r} {seen} {vars(seen)}"
        seen = seen.__cause__ or seen.__context__


def test_who_is_refused_is_told_which_variables_to_set(server: IndexServer, open_client: OpenClient) -> None:
    server.credentials = ("me", SECRET)

    error = refused(open_client(indexes=my_index(server)))

    assert "ENVCTL_INDEX_MY_INDEX_USERNAME" in error.hints[0]


# Time


def test_a_server_that_does_not_answer_is_a_timeout(server: IndexServer, open_client: OpenClient) -> None:
    server.delay = 0.5

    assert refused(open_client(timeouts=Timeouts(read=0.1), tries=1)).code == "timeout"


def test_a_server_that_trickles_is_given_up(open_client: OpenClient) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=trickle, args=(listener,), daemon=True).start()
        index = Index(name="slow", url=f"http://127.0.0.1:{listener.getsockname()[1]}/")
        began = time.monotonic()

        error = refused(open_client(indexes=(index,), timeouts=Timeouts(slow_window=0.2), tries=1))

    assert error.code == "timeout"
    assert time.monotonic() - began < 3


def trickle(listener: socket.socket) -> None:
    connection, _ = listener.accept()
    with connection:
        connection.recv(4096)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 100000\r\n\r\n")
        try:
            for _ in range(100):
                connection.sendall(b" ")
                time.sleep(0.05)
        except OSError:
            pass


def test_a_name_that_does_not_resolve_is_unreachable(open_client: OpenClient) -> None:
    index = Index(name="nowhere", url="http://nowhere.invalid/simple/")

    error = refused(open_client(indexes=(index,), tries=1))

    assert error.code == "index-unreachable"
    assert "`nowhere.invalid` cannot be found" in error.message


def test_a_server_that_speaks_no_tls_is_a_tls_failure(server: IndexServer, open_client: OpenClient) -> None:
    index = Index(name="plain", url=server.url.replace("http:", "https:"))

    error = refused(open_client(indexes=(index,)))

    assert error.code == "tls-failed"


def test_a_ca_bundle_that_cannot_be_read_is_a_fault_of_the_machine(
    server: IndexServer, open_client: OpenClient, tmp_path: Path
) -> None:
    index = Index(name="secure", url=server.url.replace("http:", "https:"))
    client = open_client(indexes=(index,), ca_bundle=str(tmp_path / "missing.pem"))

    with pytest.raises(EnvctlError) as caught:
        client.project("alpha")

    assert caught.value.code == "bad-ca-bundle"


@pytest.mark.parametrize(
    "url", ["ftp://127.0.0.1/", "http:///simple/", "gopher://x/", "http://127.0.0.1:99999/"]
)
def test_an_index_that_is_no_http_url_is_refused(open_client: OpenClient, url: str) -> None:
    assert refused(open_client(indexes=(Index(name="odd", url=url),))).code == "bad-url"


def test_an_answer_in_an_encoding_nobody_asked_for_is_refused(open_client: OpenClient) -> None:
    body = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Encoding: br\r\nContent-Length: 1\r\n\r\nx"
    with answering(body) as url:
        assert refused(open_client(indexes=(Index(name="odd", url=url),))).code == "bad-encoding"


def test_what_is_no_http_is_unreachable(open_client: OpenClient) -> None:
    with answering(b"SSH-2.0-OpenSSH_9.2\r\n") as url:
        assert (
            refused(open_client(indexes=(Index(name="odd", url=url),), tries=1)).code == "index-unreachable"
        )


class answering:  # noqa: N801 - reads like a function
    """A server that gives one answer, whatever is asked, and hangs up."""

    def __init__(self, answer: bytes) -> None:
        self.answer = answer
        self.listener = socket.create_server(("127.0.0.1", 0))

    def __enter__(self) -> str:
        threading.Thread(target=self.serve, daemon=True).start()
        return f"http://127.0.0.1:{self.listener.getsockname()[1]}/"

    def __exit__(self, *exception: object) -> None:
        self.listener.close()

    def serve(self) -> None:
        try:
            while True:
                connection, _ = self.listener.accept()
                with connection:
                    connection.recv(4096)
                    connection.sendall(self.answer)
        except OSError:
            pass


# Proxies


def test_a_request_goes_through_the_proxy_of_the_environment(
    server: IndexServer, open_client: OpenClient
) -> None:
    index = Index(name="far", url="http://far.invalid/simple/")
    server.pages["/simple/alpha/"] = ("text/html", b"")

    project = open_client(indexes=(index,), environ={"HTTP_PROXY": server.origin}).project("alpha")

    assert project is not None
    assert server.paths() == ["http://far.invalid/simple/alpha/"]


@pytest.mark.parametrize(
    ("environ", "proxy"),
    [
        ({}, None),
        ({"HTTPS_PROXY": "http://p:1"}, "http://p:1"),
        ({"https_proxy": "http://p:1", "HTTPS_PROXY": "http://q:1"}, "http://p:1"),
        ({"HTTP_PROXY": "http://p:1"}, None),
        ({"ALL_PROXY": "p:1"}, "http://p:1"),
        ({"ALL_PROXY": "p:1", "NO_PROXY": "*"}, None),
        ({"ALL_PROXY": "p:1", "NO_PROXY": "localhost, example.org"}, None),
        ({"ALL_PROXY": "p:1", "NO_PROXY": ".example.org"}, None),
        ({"ALL_PROXY": "p:1", "NO_PROXY": "*.example.org"}, None),
        ({"ALL_PROXY": "p:1", "NO_PROXY": "pkgs.example.org:443"}, None),
        ({"ALL_PROXY": "p:1", "NO_PROXY": "pkgs.example.org:80"}, "http://p:1"),
        ({"ALL_PROXY": "p:1", "NO_PROXY": "ample.org"}, "http://p:1"),
        ({"ALL_PROXY": "p:1", "no_proxy": ""}, "http://p:1"),
    ],
)
def test_a_proxy_is_chosen_by_the_usual_variables(environ: dict[str, str], proxy: str | None) -> None:
    settings = Settings(cache_dir="/nowhere", environ=environ)

    assert choose_proxy("https://pkgs.example.org/simple/", settings) == proxy


def test_the_settings_proxy_goes_before_the_environment() -> None:
    settings = Settings(cache_dir="/nowhere", proxy="http://mine:1", environ={"ALL_PROXY": "http://p:1"})

    assert choose_proxy("https://pkgs.example.org/", settings) == "http://mine:1"


def test_addresses_are_exempt_by_network() -> None:
    settings = Settings(cache_dir="/nowhere", environ={"ALL_PROXY": "p:1", "NO_PROXY": "10.0.0.0/8"})

    assert choose_proxy("http://10.1.2.3/", settings) is None
    assert choose_proxy("http://11.1.2.3/", settings) == "http://p:1"


def test_http_proxy_in_upper_case_is_not_believed_in_a_cgi_program() -> None:
    """There a client sets it, with a header called Proxy."""
    environ = {"HTTP_PROXY": "http://evil:1", "REQUEST_METHOD": "GET"}

    assert choose_proxy("http://x/", Settings(cache_dir="/nowhere", environ=environ)) is None


# Offline


def test_offline_a_transport_opens_no_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: Any) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "socket", fail)
    transport = HttpTransport(Settings(cache_dir="/nowhere", offline=True))

    with pytest.raises(UpstreamError) as caught:
        transport.get("http://127.0.0.1:1/", {})

    assert caught.value.code == "offline"


def test_connections_are_used_again(server: IndexServer, open_client: OpenClient) -> None:
    for number in range(5):
        make_wheel(server.folder, f"project{number}", "1.0")
    client = open_client()

    for number in range(5):
        client.project(f"project{number}")

    assert len(server.connected) == 1


# TLS


@pytest.fixture
def secure(tmp_path: Path) -> Iterator[IndexServer]:
    with IndexServer(tmp_path / "secure", tls=True) as server:
        make_wheel(server.folder, "alpha", "1.0")
        yield server


def secure_index(secure: IndexServer) -> tuple[Index, ...]:
    return (Index(name="secure", url=secure.url),)


def test_a_certificate_that_nobody_signed_is_refused(secure: IndexServer, open_client: OpenClient) -> None:
    error = refused(open_client(indexes=secure_index(secure)))

    assert error.code == "tls-failed"
    assert "certificate of `127.0.0.1` is not trusted" in error.message
    assert secure.requests == []


@pytest.mark.parametrize("variable", [None, "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"])
def test_a_certificate_that_the_settings_name_is_trusted(
    secure: IndexServer, open_client: OpenClient, variable: str | None
) -> None:
    more: dict[str, Any] = {"environ": {variable: CERTIFICATE}} if variable else {"ca_bundle": CERTIFICATE}

    assert open_client(indexes=secure_index(secure), **more).project("alpha") is not None


def test_an_insecure_host_is_asked_and_told_of(
    secure: IndexServer, open_client: OpenClient, events: list[Event]
) -> None:
    client = open_client(indexes=secure_index(secure), insecure_hosts=("127.0.0.1",))

    assert client.project("alpha") is not None
    assert [event.code for event in events if isinstance(event, Notice)] == ["insecure-host"]


def test_a_redirect_from_https_to_http_is_refused(
    secure: IndexServer, server: IndexServer, open_client: OpenClient
) -> None:
    secure.redirects["/simple/alpha/"] = server.url + "alpha/"

    error = refused(open_client(indexes=secure_index(secure), ca_bundle=CERTIFICATE))

    assert error.code == "bad-redirect"
    assert server.requests == []


def test_a_link_from_an_encrypted_page_to_http_is_refused(
    secure: IndexServer, server: IndexServer, open_client: OpenClient
) -> None:
    secure.files_url = server.origin + "/files/"

    project = open_client(indexes=secure_index(secure), ca_bundle=CERTIFICATE).project("alpha")
    assert project is not None

    with pytest.raises(UpstreamError) as caught:
        project.files(project.versions[0])

    assert caught.value.code == "bad-index-page"
    assert "not encrypted" in caught.value.message


# Whom to trust


def test_the_system_is_asked_where_its_certificates_are_no_files() -> None:
    context = make_context(Settings(cache_dir="/nowhere"), platform="darwin")

    assert isinstance(context, truststore.SSLContext)
    assert context.verify_mode is ssl.CERT_REQUIRED


def test_a_bundle_that_is_named_goes_before_the_system(tmp_path: Path) -> None:
    settings = Settings(cache_dir="/nowhere", environ={"SSL_CERT_FILE": CERTIFICATE})

    context = make_context(settings, platform="darwin")

    assert not isinstance(context, truststore.SSLContext)
    assert len(context.get_ca_certs()) == 1


@pytest.mark.parametrize("held", [None, b"", b"no certificate"], ids=["missing", "empty", "text"])
def test_a_client_certificate_that_cannot_be_used_is_named(tmp_path: Path, held: bytes | None) -> None:
    path = tmp_path / "me.pem"
    if held is not None:
        path.write_bytes(held)

    with pytest.raises(MachineError) as caught:
        make_context(
            Settings(cache_dir="/nowhere", client_certificates={"*": (str(path), None)}), (str(path), None)
        )

    assert caught.value.code == "bad-client-certificate"
    assert caught.value.where == str(path)


# Deadlines


def drop_by_drop(listener: socket.socket) -> None:
    """Send the head of an answer byte by byte, for ever; each comes before any read could time out."""
    connection, _ = listener.accept()
    with connection:
        connection.recv(4096)
        try:
            connection.sendall(b"HTTP/1.1 200 OK\r\nX-Long: ")
            while True:
                connection.sendall(b"x")
                time.sleep(0.02)
        except OSError:
            pass


def test_the_head_of_an_answer_has_a_deadline_however_it_trickles(open_client: OpenClient) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=drop_by_drop, args=(listener,), daemon=True).start()
        index = Index(name="slow", url=f"http://127.0.0.1:{listener.getsockname()[1]}/")
        began = time.monotonic()

        error = refused(open_client(indexes=(index,), timeouts=Timeouts(head=0.3), tries=1))

    assert error.code == "timeout"
    assert time.monotonic() - began < 3


def test_a_page_that_takes_longer_than_it_may_is_given_up_at_once(open_client: OpenClient) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=trickle, args=(listener,), daemon=True).start()
        index = Index(name="slow", url=f"http://127.0.0.1:{listener.getsockname()[1]}/")

        error = refused(open_client(indexes=(index,), timeout=0.2))

    assert error.code == "timeout"
    assert "longer than it may take in all" in error.message
    assert "ENVCTL_TIMEOUT" in error.hints[0]


# What is sent


@pytest.mark.parametrize("url", ["http://a..example/", "http://" + "ü" * 70 + ".example/"])
def test_a_host_that_no_resolver_could_be_asked_for_is_refused(open_client: OpenClient, url: str) -> None:
    assert refused(open_client(indexes=(Index(name="odd", url=url),), tries=1)).code in {
        "bad-url",
        "index-unreachable",
    }


def test_a_proxy_of_an_unknown_kind_is_refused(server: IndexServer, open_client: OpenClient) -> None:
    client = open_client(environ={"HTTP_PROXY": "gopher://127.0.0.1:70"})

    with pytest.raises(MachineError) as caught:
        client.project("alpha")

    assert caught.value.code == "bad-proxy"


def test_a_handshake_that_breaks_off_is_tried_again(open_client: OpenClient) -> None:
    accepted: list[int] = []

    def hang_up(listener: socket.socket) -> None:
        try:
            while True:
                connection, _ = listener.accept()
                with connection:
                    accepted.append(len(connection.recv(4096)))
        except OSError:
            pass

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=hang_up, args=(listener,), daemon=True).start()
        index = Index(name="busy", url=f"https://127.0.0.1:{listener.getsockname()[1]}/")

        error = refused(open_client(indexes=(index,)))

    assert error.code == "index-unreachable"
    assert len(accepted) == 4


def test_a_server_that_wants_a_certificate_by_tls_alone_is_understood(
    tmp_path: Path, open_client: OpenClient
) -> None:
    """In TLS 1.3 it says so only when the client reads."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    context.load_verify_locations(CERTIFICATE)
    context.verify_mode = ssl.CERT_REQUIRED

    def shake(listener: socket.socket) -> None:
        try:
            while True:
                connection, _ = listener.accept()
                with connection, pytest.raises(OSError):
                    context.wrap_socket(connection, server_side=True)
        except OSError:
            pass

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=shake, args=(listener,), daemon=True).start()
        index = Index(name="strict", url=f"https://127.0.0.1:{listener.getsockname()[1]}/")

        error = refused(open_client(indexes=(index,), ca_bundle=CERTIFICATE))

    assert error.code == "tls-failed"
    assert "client-certificate" in error.hints[0]
