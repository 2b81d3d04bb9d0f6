"""An interface engine that is told how to answer: what it heard on each connection, and what it says to each."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from service.hl7v2.frame import Framer, framed
from service.hl7v2.segments import Message, read

CLOSE = b"\x00close"
"""Said instead of bytes: the connection ends here."""
Answer = Callable[[Message], Iterable[bytes]]
"""What is written for a message, piece by piece."""


def acknowledgement(message: Message, code: str, *, of: str | None = None, asks: str = "") -> bytes:
    header = message.header
    control = of if of is not None else header.text(10)
    asked = f"||{asks}|" if asks else ""
    return (
        f"MSH|^~\\&|ENGINE|ST TEST|{header.text(3)}|{header.text(4)}|20261103093000||ACK^{header.text(9, 2)}^ACK|"
        f"E{header.text(10)[:10]}|P|2.6|{asked}\rMSA|{code}|{control}\r"
    ).encode()


def says(*codes: str) -> Callable[[Message], Sequence[bytes]]:
    """One acknowledgement after the other."""
    return lambda message: [framed(acknowledgement(message, code)) for code in codes]


def nothing(message: Message) -> Sequence[bytes]:
    return []


def hangs_up(message: Message) -> Sequence[bytes]:
    return [CLOSE]


def then_closes(answer: Answer) -> Answer:
    return lambda message: [*answer(message), CLOSE]


@dataclass(slots=True)
class Engine:
    """`script` answers the messages in their order, `otherwise` all that come after. Each connection has a thread.

    `most_at_once`: how many messages came before the first of them was answered, at most.
    """

    script: list[Answer] = field(default_factory=list)
    otherwise: Answer = field(default_factory=lambda: says("AA"))
    heard: list[Message] = field(default_factory=list)
    replies: list[Message] = field(default_factory=list)
    connections: int = 0
    most_at_once: int = 0
    port: int = 0
    tls: ssl.SSLContext | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _open: list[socket.socket] = field(default_factory=list)

    @property
    def controls(self) -> list[str]:
        return [each.header.text(10) for each in self.heard]

    @property
    def endpoint(self) -> str:
        return f"{'mllps://localhost' if self.tls else 'mllp://127.0.0.1'}:{self.port}"

    def serve(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with self._lock:
                self.connections += 1
                self._open.append(connection)
            threading.Thread(target=self._attend, args=(connection,), daemon=True).start()

    def _attend(self, connection: socket.socket) -> None:
        framer = Framer()
        try:
            if self.tls is not None:
                connection = self._encrypted(connection, self.tls)
            with connection:
                while data := connection.recv(65_536):
                    frames = list(framer.feed(data))
                    self.most_at_once = max(self.most_at_once, len(frames))
                    for frame in frames:
                        for piece in self._answer(read(frame.body)):
                            if piece == CLOSE:
                                return
                            connection.sendall(piece)
        except OSError:
            return

    @staticmethod
    def _encrypted(connection: socket.socket, tls: ssl.SSLContext) -> socket.socket:
        """Whoever is refused is heard out, for what closes on unread bytes resets the connection, its reason lost."""
        plain = connection.dup()
        try:
            return tls.wrap_socket(connection, server_side=True)
        except ssl.SSLError:
            plain.shutdown(socket.SHUT_WR)
            while plain.recv(65_536):
                pass
            raise
        finally:
            plain.close()

    def _answer(self, message: Message) -> Iterable[bytes]:
        with self._lock:
            if message.first("MSA") is not None:
                self.replies.append(message)
                return []
            self.heard.append(message)
            answer = self.script.pop(0) if self.script else self.otherwise
        return answer(message)

    def end(self) -> None:
        for each in self._open:
            each.close()


@contextmanager
def engine(*script: Answer, otherwise: Answer | None = None, tls: ssl.SSLContext | None = None) -> Iterator[Engine]:
    made = Engine(list(script), otherwise or says("AA"), tls=tls)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        made.port = listener.getsockname()[1]
        thread = threading.Thread(target=made.serve, args=(listener,), daemon=True)
        thread.start()
        try:
            yield made
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            made.end()
            thread.join(5)
