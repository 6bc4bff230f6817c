"""The proxy alone, before a site that only counts: whose bodies it gathers, and how much memory strangers can take."""

import http.server
import re
import ssl
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing
from http.client import HTTPSConnection
from pathlib import Path

import pytest

from tests.production.stack import SITE, WEBS, ProductionStack
from tests.stack import wait_until

pytestmark = [pytest.mark.stack, pytest.mark.timeout(120)]
STRANGERS = 40
GATHERED_BYTES = 4_100_000
MEGABYTE = 1_000_000
KNOWN = [
    ("/sessions/1/upload/", {"Cookie": "theme=dark; sessionid=x"}),
    ("/api/v1/uploads/1/", {"Authorization": "Token x"}),
    ("/enrol/token/", {}),
]


class CountingSite(http.server.BaseHTTPRequestHandler):
    """A site that notes what it was asked, before it has read a body."""

    protocol_version = "HTTP/1.1"
    asked: list[tuple[str, dict[str, str]]]

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self.asked.append((self.path, dict(self.headers)))
        self.rfile.read(int(self.headers.get("Content-Length", "0")))
        self._answer()

    def log_message(self, *_: object) -> None:
        pass

    def _answer(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()


class Proxy:
    """The compose file's proxy, and what came through it."""

    def __init__(self, stack: ProductionStack, asked: list[tuple[str, dict[str, str]]]) -> None:
        self.stack, self.asked = stack, asked

    def sending(self, path: str, *, announced: int, sent: int, headers: dict[str, str]) -> HTTPSConnection:
        """Announce a body and send the beginning of it."""
        context = ssl.create_default_context(cafile=str(self.stack.authority))
        connection = HTTPSConnection(SITE, self.stack.https_port, context=context, timeout=20)
        connection.putrequest("POST", path)
        for name, value in {"Content-Length": str(announced), **headers}.items():
            connection.putheader(name, value)
        connection.endheaders(bytes(sent))
        return connection

    def memory_bytes(self) -> int:
        status = Path(f"/proc/{self.stack.processes['proxy'].pid}/status").read_text()
        found = re.search(r"VmRSS:\s+(\d+) kB", status)
        assert found is not None
        return int(found[1]) * 1024


@pytest.fixture
def proxy(tmp_path: Path) -> Iterator[Proxy]:
    asked: list[tuple[str, dict[str, str]]] = []
    site = type("Site", (CountingSite,), {"asked": asked})
    with ExitStack() as stack_of_ours:
        server = stack_of_ours.enter_context(http.server.ThreadingHTTPServer(("127.0.0.1", 0), site))
        server.daemon_threads, server.block_on_close = True, False
        threading.Thread(target=server.serve_forever, daemon=True).start()
        stack_of_ours.callback(server.shutdown)
        stack = ProductionStack(tmp_path, more={})
        stack.store = ""
        stack.web_ports = dict.fromkeys(WEBS, server.server_port)
        stack.start_service("proxy")
        stack_of_ours.callback(stack.end, "proxy")
        proxy = Proxy(stack, asked)

        def answers() -> bool:
            try:
                with closing(proxy.sending("/", announced=0, sent=0, headers={})) as connection:
                    return connection.getresponse().status == 200
            except OSError:  # the authority's file is missing, or nobody listens
                return False

        wait_until(answers, seconds=30, what="the proxy answers")
        asked.clear()
        yield proxy


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="no /proc here: memory cannot be read")
def test_strangers_cannot_fill_the_proxys_memory(proxy: Proxy) -> None:
    before = proxy.memory_bytes()
    with ExitStack() as open_ones:
        for _stranger in range(STRANGERS):
            open_ones.enter_context(
                closing(proxy.sending("/login/", announced=500 * MEGABYTE, sent=GATHERED_BYTES, headers={}))
            )
        wait_until(lambda: len(proxy.asked) == STRANGERS, seconds=20, what="the site may refuse all of them")
        assert proxy.memory_bytes() - before < STRANGERS * GATHERED_BYTES / 4


@pytest.mark.parametrize(("path", "headers"), KNOWN)
def test_slow_photo_of_who_may_send_one_holds_no_thread_of_the_site(
    path: str, headers: dict[str, str], proxy: Proxy
) -> None:
    with closing(proxy.sending(path, announced=3 * MEGABYTE, sent=2 * MEGABYTE, headers=headers)) as slow:
        with closing(proxy.sending("/other/", announced=5, sent=5, headers={})) as quick:
            assert quick.getresponse().status == 200
        assert [path for path, _headers in proxy.asked] == ["/other/"]
        slow.send(bytes(MEGABYTE))
        assert slow.getresponse().status == 200
    assert [path for path, _headers in proxy.asked] == ["/other/", path]


def test_slow_form_of_a_stranger_holds_no_thread_of_the_site(proxy: Proxy) -> None:
    with closing(proxy.sending("/login/", announced=60_000, sent=50_000, headers={})) as slow:
        with closing(proxy.sending("/other/", announced=5, sent=5, headers={})) as quick:
            assert quick.getresponse().status == 200
        assert [path for path, _headers in proxy.asked] == ["/other/"]
        slow.send(bytes(10_000))
        assert slow.getresponse().status == 200


def test_id_that_a_client_gives_its_request_goes_no_further(proxy: Proxy) -> None:
    for headers in ({}, {"Cookie": "sessionid=x"}):
        claimed = {"X-Request-ID": "8c0c4d5e52a04b1f9d0e0a1b2c3d4e5f", **headers}
        with closing(proxy.sending("/login/", announced=5, sent=5, headers=claimed)) as connection:
            assert connection.getresponse().status == 200
    assert [set(headers) & {"X-Request-Id", "X-Request-ID"} for _path, headers in proxy.asked] == [set(), set()]
