"""HL7 v2 as an operator runs it: beside the API or alone, with an end that loses nothing."""

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import pytest

from service.hl7v2.frame import Framer, framed
from service.hl7v2.segments import Message, read
from service.parts import open_office
from service.shared.errors import InvalidSettings
from tests.hl7v2.certificates import anonymous, issue
from tests.hl7v2.wire import message
from tests.journeys.conftest import NewService
from tests.journeys.support import ServiceProcess, free_port, wait_until

SENDER = "MATERNITY|ST TEST"


class Engine:
    """An interface engine's sending side: one connection, on which it waits for each answer."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection, self.framer = connection, Framer()
        connection.settimeout(20)

    def send(self, *bodies: bytes) -> list[Message]:
        self.connection.sendall(b"".join(map(framed, bodies)))
        answers: list[Message] = []
        while len(answers) < len(bodies):
            data = self.connection.recv(65_536)
            assert data, "closed without an answer"
            answers += [read(frame.body) for frame in self.framer.feed(data)]
        return answers


@contextmanager
def connected(port: int, tls: ssl.SSLContext | None = None) -> Iterator[Engine]:
    with socket.create_connection(("127.0.0.1", port), timeout=20) as plain:
        if tls is None:
            yield Engine(plain)
        else:
            with tls.wrap_socket(plain, server_hostname="localhost") as secured:
                yield Engine(secured)


def told(answer: Message) -> tuple[str, str]:
    (msa,) = answer.named("MSA")
    return msa.text(1), msa.text(2)


def known(service: ServiceProcess, *, certificate: bytes | None = None) -> None:
    """Register a hospital and its engine, by its certificate or by what it calls itself."""
    with open_office(service.settings()) as office:
        hospital = office.add_organisation("St Test", "hospital", None, None)
        office.add_sender(hospital, certificate=certificate, mllp_sender=None if certificate else SENDER)


def test_the_api_and_the_listener_serve_in_one_process_and_end_in_order(new_service: NewService) -> None:
    service, port = new_service(), free_port()
    known(service)
    service.start("serve", "--port", str(service.port), "--mllp-port", str(port))
    with connected(port) as engine:
        controls = [f"M{number}" for number in range(20)]
        answers = engine.send(*(message(control) for control in controls))
        assert [told(answer)[1] for answer in answers] == controls
        assert {told(answer)[0] for answer in answers} == {"AA"}
        figures = httpx.get(f"{service.url}/metrics", trust_env=False).text
        assert "peer_referral_mllp_connections 1.0" in figures
        assert 'peer_referral_mllp_messages_total{outcome="answered"} 20.0' in figures
        # One that is half received does not hold up the end, and gets no answer.
        engine.connection.sendall(framed(message("HALF"))[:100])
        assert service.stop() == 0
        assert engine.connection.recv(65_536) == b""


def test_the_listener_serves_alone_and_knows_after_a_restart_what_it_kept(
    new_service: NewService, database_url: str
) -> None:
    port = free_port()
    service = new_service(database_url, mllp_port=str(port))
    known(service)
    service.start("listen")
    with connected(port) as engine:
        (first,) = engine.send(message("M1"))
        assert told(first) == ("AA", "M1")
        probes = {name: httpx.get(f"{service.url}/{name}", trust_env=False) for name in ("livez", "readyz", "metrics")}
        assert [probes[name].json() for name in ("livez", "readyz")] == [{"status": "live"}, {"status": "ready"}]
        assert 'peer_referral_mllp_messages_total{outcome="answered"} 1.0' in probes["metrics"].text
        assert httpx.get(f"{service.url}/fhir/metadata", trust_env=False).status_code == 404
    started = service.said.read_text()
    assert f'"event": "mllp-listening", "host": "127.0.0.1", "port": {port}, "encrypted": "false"' in started
    assert f'"event": "probes-answered", "port": {service.port}' in started
    assert service.stop() == 0
    service.start("listen", "--mllp-port", str(port))
    with connected(port) as engine:
        (again,) = engine.send(message("M1"))
        assert told(again) == ("AA", "M1")
        assert again.header.text(10) == first.header.text(10), "the same answer, and no second effect"


@pytest.mark.parametrize("command", [(), ("listen",)], ids=["serve", "listen"])
def test_it_ends_in_order_from_the_moment_that_its_port_takes_connections(
    new_service: NewService, command: tuple[str, ...]
) -> None:
    port = free_port()
    service = new_service(mllp_port=str(port))
    service.start(*command, ready=False)
    wait_until(lambda: takes_connections(port), "the port takes connections", every=0.002)
    assert service.stop() == 0


def takes_connections(port: int) -> bool:
    with suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
        return True
    return False


def test_mutual_tls_names_the_hospital(new_service: NewService, tmp_path: Path) -> None:
    authority = issue(tmp_path, "authority")
    server, sender = issue(tmp_path, "server", authority), issue(tmp_path, "engine", authority)
    port = free_port()
    service = new_service(
        mllp_port=str(port),
        mllp_host="0.0.0.0",
        mllp_certificate=str(server.certificate),
        mllp_key=str(server.key_file),
        mllp_client_ca=str(authority.certificate),
    )
    known(service, certificate=sender.certificate.read_bytes())
    service.start()
    with connected(port, sender.client(authority)) as engine:
        (answer,) = engine.send(message("M1"))
        assert told(answer) == ("AA", "M1")
    stranger = issue(tmp_path, "stranger")
    # It is told by an alert, a reset or the end alone, whichever its TLS hears first.
    with suppress(OSError), connected(port, stranger.client(authority)) as engine:
        engine.connection.sendall(framed(message("M2")))
        assert engine.connection.recv(65_536) == b""
    wait_until(lambda: '"handshake-refused"' in service.said.read_text(), "the log has it")


def test_a_certificate_that_was_renewed_is_shown_without_a_restart(new_service: NewService, tmp_path: Path) -> None:
    first, second = (issue(tmp_path, name) for name in ("first", "second"))
    shown, key, port = tmp_path / "shown.pem", tmp_path / "shown.key", free_port()
    shown.write_bytes(first.certificate.read_bytes())
    key.write_bytes(first.key_file.read_bytes())
    service = new_service(mllp_port=str(port), mllp_certificate=str(shown), mllp_key=str(key))
    known(service)
    service.start("listen")
    with connected(port, anonymous(first)) as long_lived:
        # A certificate without its key is none: connections go on with the one before, and the log says so.
        shown.write_bytes(second.certificate.read_bytes())
        with connected(port, anonymous(first)) as engine:
            assert told(*engine.send(message("M1"))) == ("AA", "M1")
        assert '"event": "certificate-not-renewed"' in service.said.read_text()
        key.write_bytes(second.key_file.read_bytes())
        with connected(port, anonymous(second)) as engine:
            assert told(*engine.send(message("M2"))) == ("AA", "M2")
        assert '"event": "certificate-renewed"' in service.said.read_text()
        assert told(*long_lived.send(message("M3"))) == ("AA", "M3")


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"mllp_certificate": "a.pem"}, "PEER_REFERRAL_MLLP_CERTIFICATE and PEER_REFERRAL_MLLP_KEY belong together"),
        ({"mllp_client_ca": "a.pem"}, "PEER_REFERRAL_MLLP_CLIENT_CA needs PEER_REFERRAL_MLLP_CERTIFICATE"),
        ({"mllp_answer_seconds": "19"}, "may take 45 seconds, and must take less than half of"),
        ({"mllp_answer_seconds": "5", "lease_seconds": "20"}, "ANSWER_SECONDS: .* half of PEER_REFERRAL_LEASE_SECONDS"),
    ],
)
def test_what_does_not_go_together_is_no_setting(
    new_service: NewService, settings: dict[str, str], sentence: str
) -> None:
    with pytest.raises(InvalidSettings, match=sentence):
        new_service(mllp_port=str(free_port()), **settings).settings()


@pytest.mark.parametrize(
    "settings",
    [{"mllp_answer_seconds": "18"}, {"mllp_answer_seconds": "36", "lease_seconds": "160"}, {"lease_seconds": "1"}],
)
def test_a_lease_in_whose_half_an_answer_comes_or_of_any_length_where_that_is_not_set_is_one(
    new_service: NewService, settings: dict[str, str]
) -> None:
    assert new_service(**settings).settings().embedded


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"mllp_host": "0.0.0.0"}, "PEER_REFERRAL_MLLP_CLIENT_CA must be set"),
        ({"mllp_certificate": "a.pem", "mllp_key": "b.pem"}, "a.pem and b.pem are no certificate with its key"),
    ],
)
def test_what_would_let_strangers_in_or_cannot_be_used_stops_the_start(
    new_service: NewService, settings: dict[str, str], sentence: str
) -> None:
    service = new_service(mllp_port=str(free_port()), **settings)
    service.start(ready=False)
    assert service.wait(30) == 2
    assert sentence in service.said.read_text()


def test_where_the_network_keeps_strangers_out_plain_connections_may_come_from_elsewhere(
    new_service: NewService,
) -> None:
    port = free_port()
    service = new_service(mllp_port=str(port), mllp_host="0.0.0.0", mllp_plain="true")
    known(service)
    service.start()
    with connected(port) as engine:
        (answer,) = engine.send(message("M1"))
        assert told(answer) == ("AA", "M1")
