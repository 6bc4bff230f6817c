"""A network between a browser and the site: slow, cut in the middle of whatever is sent, and back again."""

import contextlib
import socket
import threading
import time
from typing import Final, Self

MEGABYTE: Final = 1_000_000
_PIECE: Final = 32 * 1024


class Network:
    """Passes bytes on from a port of its own to the site's; use as a context manager.

    Attributes:
        sent: bytes that browsers have sent so far, headers included.
    """

    def __init__(self, port: int, *, bytes_per_second: int) -> None:
        self.sent = 0
        self._port = port
        self._pause = _PIECE / bytes_per_second
        self._cut_at: int | None = None
        self._is_up = True
        self._open: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()
        self.cut()

    @property
    def is_up(self) -> bool:
        """Whether anything gets through."""
        return self._is_up

    def cut_after(self, count: int) -> None:
        """Break every connection in the middle once so many more bytes have been sent."""
        self._cut_at = self.sent + count

    def cut(self) -> None:
        """Break every connection, and let no new one through."""
        self._is_up, self._cut_at = False, None
        for end in list(self._open):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def restore(self) -> None:
        """Let everything through again."""
        self._is_up = True

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                browser, _address = self._listener.accept()
                if not self._is_up:
                    browser.close()
                    continue
                site = socket.create_connection(("127.0.0.1", self._port))
                self._open |= {browser, site}
                for ends in ((browser, site, True), (site, browser, False)):
                    threading.Thread(target=self._pass_on, args=ends, daemon=True).start()

    def _pass_on(self, giver: socket.socket, taker: socket.socket, is_from_browser: bool) -> None:
        with contextlib.suppress(OSError):
            while piece := giver.recv(_PIECE):
                if is_from_browser:
                    time.sleep(self._pause * len(piece) / _PIECE)
                    self.sent += len(piece)
                    if self._cut_at is not None and self.sent >= self._cut_at:
                        self.cut()
                        break
                taker.sendall(piece)
        for end in (giver, taker):
            self._open.discard(end)
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
