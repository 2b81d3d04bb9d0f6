"""Encrypted connections: whose certificate is whose, who is turned away, and what the audit says of it."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from prometheus_client import REGISTRY
from sqlalchemy import select

from service.hl7v2.connection import Limits
from service.hl7v2.frame import framed
from service.security.certificates import server_context
from service.security.refusals import Refusals
from service.security.senders import Senders, fingerprint
from service.shared.caller import the_service
from service.shared.client import Client
from service.shared.errors import InvalidSettings
from service.store.audit import AUDIT
from tests.flow.support import Service
from tests.hl7v2.certificates import Issued, anonymous, issue
from tests.hl7v2.support import LOOPS, Running, listening, run_on, until
from tests.hl7v2.wire import message

LIMITS = Limits(message_seconds=2, idle_seconds=20, return_seconds=0.2, handshake_seconds=1)


@dataclass
class Ward:
    """A service whose listener asks for certificates that `authority` has signed, and a hospital that has one."""

    service: Service
    authority: Issued
    server: Issued
    sender: Issued
    client_id: str
    organisation_id: str
    loop: Callable[[], asyncio.AbstractEventLoop]
    elapsed: float = 0.0

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.sender.certificate.read_bytes())

    def listening(self, *, client_ca: bool = True) -> AbstractAsyncContextManager[Running]:
        context = server_context(
            self.server.certificate, self.server.key_file, self.authority.certificate if client_ca else None
        )
        senders = Senders(self.service.store, lambda: self.elapsed)
        return listening(LIMITS, lambda: context, senders, Refusals(self.service.store))

    def refusals(self) -> list[tuple[str, str]]:
        rows = select(AUDIT.c.subject, AUDIT.c.outcome).where(AUDIT.c.outcome != "success")
        return [
            (row.subject, row.outcome)
            for row in self.service.read(the_service("test"), lambda tx: list(tx.execute(rows)))
        ]


@pytest.fixture(params=LOOPS, ids=["the loop that serves", "the loop of Python"])
def ward(service: Service, tmp_path: Path, request: pytest.FixtureRequest) -> Ward:
    authority = issue(tmp_path, "authority")
    server, sender = issue(tmp_path, "server", authority), issue(tmp_path, "hospital", authority)
    hospital = service.hospital()
    known_by = fingerprint(sender.certificate.read_bytes())
    client = Client("the-engine", hospital.organisation_id, hospital.kind, frozenset(), certificate=known_by)
    service.run(hospital, lambda tx: tx.access.add_client(client, service.now()))
    return Ward(service, authority, server, sender, client.id, hospital.organisation_id, request.param)


@asynccontextmanager
async def turned_away(running: Running, tls: ssl.SSLContext | None) -> AsyncIterator[None]:
    """Sends a message, and hears nothing but the end."""
    try:
        async with running.peer(tls) as peer:
            await peer.send(framed(message()))
            assert await peer.closed() == []
    except OSError:
        pass  # the handshake may fail on this side, or the connection be reset
    yield
    assert running.door.kept == []


def test_the_certificate_names_the_hospital_whatever_the_message_says(ward: Ward) -> None:
    async def test() -> None:
        async with ward.listening() as running, running.peer(ward.sender.client(ward.authority)) as peer:
            await peer.send(framed(message("M1")) + framed(message("M2")))
            assert await peer.answers(2) == ["MSA|AA|M1", "MSA|AA|M2"]
            first, second = running.door.callers
            assert first is not None
            assert second is not None
            assert (first.client_id, first.organisation_id) == (ward.client_id, ward.organisation_id)
            assert first.correlation_id != second.correlation_id

    run_on(ward.loop, test())
    assert ward.refusals() == []


def test_a_certificate_that_is_its_own_authority_may_be_trusted_by_itself(ward: Ward, tmp_path: Path) -> None:
    async def test() -> None:
        ward.authority, trusted = ward.sender, ward.authority
        async with ward.listening() as running, running.peer(ward.sender.client(trusted)) as peer:
            await peer.send(framed(message("M1")))
            assert await peer.answer() == "MSA|AA|M1"

    run_on(ward.loop, test())


def test_a_certificate_of_another_authority_is_refused_in_the_handshake_and_the_audit_has_it(
    ward: Ward, tmp_path: Path
) -> None:
    """trust.md, E59."""
    stranger = issue(tmp_path, "stranger", issue(tmp_path, "elsewhere"))

    async def test() -> None:
        async with ward.listening() as running:
            async with turned_away(running, stranger.client(ward.authority)):
                pass
            await until(lambda: ward.refusals() == [("Client/unknown", "handshake-refused")], "the audit has it")
            # And nobody else is kept out by it.
            async with running.peer(ward.sender.client(ward.authority)) as peer:
                await peer.send(framed(message("M1")))
                assert await peer.answer() == "MSA|AA|M1"

    run_on(ward.loop, test())


def test_nobody_comes_in_without_a_certificate_or_without_encryption(ward: Ward) -> None:
    async def test() -> None:
        async with ward.listening() as running:
            for tls in (anonymous(ward.authority), None):
                async with turned_away(running, tls):
                    pass
            await until(lambda: len(ward.refusals()) == 2, "the audit has both")
            assert {outcome for _, outcome in ward.refusals()} == {"handshake-refused"}
            await until(lambda: not running.listener._connections, "neither is still counted")

    run_on(ward.loop, test())


def test_a_certificate_that_nobody_registered_gets_no_answer(ward: Ward, tmp_path: Path) -> None:
    colleague = issue(tmp_path, "colleague", ward.authority)

    def counted() -> list[float]:
        faults = ("mllp_faults_total", {"fault": "certificate-unknown"}), ("mllp_messages_total", {"outcome": "defect"})
        return [REGISTRY.get_sample_value(f"peer_referral_{name}", labels) or 0.0 for name, labels in faults]

    unknown, defects = counted()

    async def test() -> None:
        async with ward.listening() as running, turned_away(running, colleague.client(ward.authority)):
            await until(lambda: ward.refusals() == [("Client/unknown", "certificate-unknown")], "the audit has it")

    run_on(ward.loop, test())
    assert counted() == [unknown + 1, defects]


def test_a_client_that_was_revoked_is_not_heard_on_the_connection_that_it_still_has(ward: Ward) -> None:
    async def test() -> None:
        async with ward.listening() as running, running.peer(ward.sender.client(ward.authority)) as peer:
            await peer.send(framed(message("M1")))
            assert await peer.answer() == "MSA|AA|M1"
            work = ward.service.store.run
            await work(the_service("test"), lambda tx: tx.access.revoke_client(ward.client_id, ward.service.now()))
            ward.elapsed += 2
            await peer.send(framed(message("M2")))
            assert await peer.closed() == []
            assert running.door.controls == ["M1"]

    run_on(ward.loop, test())


def test_who_only_looks_whether_somebody_listens_is_no_case_for_the_audit(ward: Ward) -> None:
    async def test() -> None:
        async with ward.listening() as running:
            for _ in range(3):
                _, writer = await asyncio.open_connection("127.0.0.1", running.port)
                writer.close()
            silent_reader, silent = await asyncio.open_connection("127.0.0.1", running.port)
            # Whoever says nothing does not keep its place for longer than a handshake may take.
            async with asyncio.timeout(10):
                assert await silent_reader.read() == b""
            silent.close()
            await until(lambda: not running.listener._connections, "all are gone")

    run_on(ward.loop, test())
    assert ward.refusals() == []


def test_whoever_knocks_again_and_again_does_not_fill_the_audit(ward: Ward) -> None:
    async def test() -> None:
        refusals = Refusals(ward.service.store, lambda: 0.0)
        for _ in range(30):
            await refusals.write("handshake-refused", "192.0.2.1")
        await refusals.write("handshake-refused", "192.0.2.2")

    run_on(ward.loop, test())
    assert len(ward.refusals()) == 11


def test_with_encryption_alone_nobody_is_named_by_the_connection(ward: Ward) -> None:
    async def test() -> None:
        async with ward.listening(client_ca=False) as running, running.peer(anonymous(ward.authority)) as peer:
            await peer.send(framed(message("M1")))
            assert await peer.answer() == "MSA|AA|M1"
            assert running.door.callers == [None]
            peer.writer.write(b"\x0b" + message("M2")[:20])

    run_on(ward.loop, test())


@pytest.mark.parametrize("wrong", ["certificate", "key", "client_ca"])
@pytest.mark.parametrize(
    "holds", [None, b"", b"not in PEM", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
)
def test_a_file_that_cannot_be_used_is_named_at_the_start(wrong: str, holds: bytes | None, tmp_path: Path) -> None:
    server = issue(tmp_path, "server")
    files = {"certificate": server.certificate, "key": server.key_file, "client_ca": server.certificate}
    files[wrong] = tmp_path / "wrong.pem"
    if holds is not None:
        files[wrong].write_bytes(holds)
    with pytest.raises(InvalidSettings, match=r"wrong\.pem"):
        server_context(**files)
