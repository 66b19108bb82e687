"""A run in which nothing goes wrong: quiet, whole with any workers, on the way that is set, and gone from disk."""

from __future__ import annotations

import http.server
import json
import signal
import socketserver
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from io import BufferedIOBase
from pathlib import Path
from typing import cast

import pytest
from airbyte_cdk.models import ConfiguredAirbyteCatalogSerializer, SyncMode
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from integration_tests.connection import Connection, built_lightly
from integration_tests.reading import TROUBLE, Program, ago, assert_whole, catalog, read
from integration_tests.sandbox import Fault, Sandbox
from integration_tests.test_faults import waiting
from unit_tests.front import check

START = ago(100)
WAIT_S = 60.0


# The program, and the disk


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the program puts its temporary files: answers that several tables need, with what customers wrote."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    return folder


def test_given_a_healthy_company_when_all_is_synced_then_there_is_no_warning_and_nothing_is_left(
    program: Program, scratch: Path
) -> None:
    everything = ConfiguredAirbyteCatalogSerializer.dump(catalog(mode=SyncMode.incremental))
    with Sandbox(conversations=3) as sandbox:
        done = program.run("read", config=sandbox.config(start_date=START), catalog=everything)
        assert not sandbox.errors
    assert (done.returncode, done.stderr) == (0, "")
    emitted = [json.loads(line) for line in done.stdout.split("\n")[:-1]]
    levels = {each["log"]["level"] for each in emitted if each["type"] == "LOG"}
    assert levels
    assert not levels & {level.value for level in TROUBLE}
    assert not [each for each in emitted if each["type"] == "TRACE" and each["trace"]["type"] == "ERROR"]
    assert not list(scratch.iterdir())


def test_given_a_read_when_it_is_told_to_end_then_nothing_is_left_on_disk_and_no_line_is_mangled(
    program: Program, scratch: Path
) -> None:
    """Also with a reader so slow that a line is cut: nothing may follow it that would be glued to it."""
    with Sandbox(conversations=15) as sandbox:
        chosen = ConfiguredAirbyteCatalogSerializer.dump(catalog(["conversation_messages", "contacts"]))
        with program.start("read", config=sandbox.config(start_date=START), catalog=chosen) as process:
            assert process.stdout
            begun = [next(line for line in process.stdout if '"RECORD"' in line)]
            time.sleep(1.5)  # until the pipe is full
            process.send_signal(signal.SIGTERM)
            *whole, _ = [*begun, *process.stdout]
            assert process.wait(WAIT_S) == 128 + signal.SIGTERM
    assert all(json.loads(line) for line in whole)
    assert not list(scratch.iterdir())


def test_given_a_front_that_is_down_when_it_is_told_to_end_then_it_does_not_wait_for_it(
    program: Program, scratch: Path
) -> None:
    with Sandbox(conversations=15) as sandbox:
        sandbox.faults.append(Fault(route="GET /conversations/{id}/messages", status=503, times=10**6))
        inputs = {
            "config": sandbox.config(start_date=START),
            "catalog": ConfiguredAirbyteCatalogSerializer.dump(catalog(["conversation_messages"])),
        }
        with program.start("read", stdout=subprocess.DEVNULL, **inputs) as process:
            deadline = time.monotonic() + WAIT_S
            while not any(each.status == 503 for each in list(sandbox.log)) and time.monotonic() < deadline:
                time.sleep(0.02)
            process.send_signal(signal.SIGTERM)
            assert process.wait(20) == 128 + signal.SIGTERM
    assert not list(scratch.iterdir())


# Workers


@pytest.mark.parametrize("workers", [2, 3, 20])
def test_given_any_number_of_workers_when_synced_twice_then_it_is_whole_and_quiet(workers: int) -> None:
    """With the fewest, one thread lists parents while the other reads their children."""
    streams = ["conversation_followers", "comment_mentions", "teammate_shifts", "contact_notes"]
    with Sandbox(conversations=15) as sandbox:
        connection = Connection(sandbox, *streams, num_workers=workers, start_date=START)
        first = connection.try_sync()
        assert_whole(sandbox, first, start_date=START)
        assert set(first.rows) == set(streams)
        conversation = next(each.id for each in sandbox.view.living() if each.messages and each.inboxes)
        comment = sandbox.changes.comment(conversation, [next(iter(sandbox.company.teammates))])
        second = connection.try_sync()
        assert not second.errors + sandbox.errors
        assert comment in {row["comment_id"] for row in second.rows["comment_mentions"]}
    # of more than ten connections at a time, those too many are not kept open for the next request
    assert not [line for line in first.trouble + second.trouble if not line.startswith("Connection pool is full")]


# The way to Front


class Proxy(socketserver.ThreadingTCPServer):
    """A company's proxy: it notes what it is asked for, and has the sandbox answer. It opens TLS with its own key."""

    daemon_threads = True

    def __init__(self, sandbox: Sandbox, folder: Path) -> None:
        self.sandbox, self.asked = sandbox, list[str]()
        self.authority = folder / "authority.pem"
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.load_cert_chain(self._certificate())
        super().__init__(("127.0.0.1", 0), _Proxied)
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def _certificate(self) -> Path:
        """For Front's name, signed by itself; the key is in the same file."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "api2.frontapp.com")])
        now = datetime.now(timezone.utc)
        certificate = (
            x509.CertificateBuilder(name, name, key.public_key(), 1, now - timedelta(days=1), now + timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName("api2.frontapp.com")]), critical=False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(key, hashes.SHA256())
            .public_bytes(Encoding.PEM)
        )
        self.authority.write_bytes(certificate)
        both = self.authority.with_name("both.pem")
        both.write_bytes(certificate + key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return both


class _Proxied(http.server.BaseHTTPRequestHandler):
    server: Proxy
    protocol_version = "HTTP/1.1"

    def do_CONNECT(self) -> None:
        self.server.asked.append(self.requestline)
        self.send_response(200)
        self.end_headers()
        tls = self.server.tls.wrap_socket(self.connection, server_side=True, do_handshake_on_connect=False)
        self.connection = tls
        try:
            tls.do_handshake()
        except OSError:
            return  # the certificate was refused
        self.close_connection = False  # the request that opens it says HTTP/1.0
        self.rfile, self.wfile = tls.makefile("rb"), cast("BufferedIOBase", tls.makefile("wb", 0))

    def finish(self) -> None:
        super().finish()
        self.connection.close()  # the one that TLS put in the place of the server's own

    def do_GET(self) -> None:
        self.server.asked.append(self.requestline)
        path = "/" + self.path.split("/", 3)[3] if self.path.startswith("http") else self.path
        reply = self.server.sandbox.answer("GET", path, {name.lower(): value for name, value in self.headers.items()})
        self.send_response(reply.status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(reply.body)))
        self.end_headers()
        self.wfile.write(reply.body)

    def log_message(self, *_: object) -> None:
        """Not on standard error."""


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, looked_up: set[str]) -> Iterator[Proxy]:
    """The only way out, and no waits before another attempt."""
    waiting(monkeypatch)
    for name in ("http_proxy", "https_proxy", "no_proxy", "all_proxy", "requests_ca_bundle", "curl_ca_bundle"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    with Sandbox(conversations=1) as sandbox, Proxy(sandbox, tmp_path) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        yield proxy
        proxy.shutdown()
    assert looked_up <= {"127.0.0.1", "localhost"}


def test_given_a_proxy_when_read_then_every_request_goes_through_it(proxy: Proxy) -> None:
    proxy.sandbox.behaviour = replace(proxy.sandbox.behaviour, page_size_cap=20)
    streams = ["tags", "teams"]  # pages, and children
    with built_lightly(streams):
        reading = read(proxy.sandbox.config(), streams)
    assert not reading.errors
    assert set(reading.rows) == set(streams)
    assert len(proxy.asked) == len(proxy.sandbox.log) > 4
    assert all(each.startswith(f"GET {proxy.sandbox.url}/") for each in proxy.asked)


def test_given_a_proxy_with_a_certificate_of_its_own_when_checked_then_the_bundle_that_is_set_decides(
    proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Front's real address, over TLS that the proxy opens: as many companies do it."""
    config = proxy.sandbox.config(api_url="https://api2.frontapp.com")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(proxy.authority))
    assert check(**config) == ("SUCCEEDED", "")
    assert proxy.asked[0].startswith("CONNECT api2.frontapp.com:443")
    assert any(each.startswith("GET /inboxes") for each in proxy.asked)
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    proxy.sandbox.reset_log()
    status, message = check(**config)
    assert status == "FAILED"
    assert "CERTIFICATE_VERIFY_FAILED" in message
    assert not proxy.sandbox.log
