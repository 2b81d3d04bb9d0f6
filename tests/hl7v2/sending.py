"""The worker in this process, on a real store, sending to an interface engine over real sockets."""

import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from service.delivery.channel import EitherChannel, RecordChannel
from service.delivery.worker import Worker
from service.demo.people import HOSPITAL_NUMBER
from service.flow.rules import Rules
from service.hl7v2.channel import Hl7v2Channel
from service.hl7v2.dialect import Dialect
from service.hl7v2.lines import Lines
from service.hl7v2.outgoing import Patience
from service.hl7v2.write.outbound import Outbound
from service.mappings import load_dialects, load_outbound
from service.shared.caller import Caller, OrganisationKind, the_service
from service.shared.ids import new_id
from service.store.directory import Organisation
from tests.delivery.support import LEASE, Scripted, Sender
from tests.flow.support import StillClock, load_rules
from tests.hl7v2.engine import Engine

RULES = load_rules()
DIALECT = replace(load_dialects(RULES)["default"], authorities={("ST TEST", "MR"): HOSPITAL_NUMBER})
OUTBOUND = load_outbound()["default"]
HASTE = Patience(connect=2, answer=0.4, return_=0.05)


@dataclass
class V2Sender(Sender):
    """A service whose hospitals take HL7 v2 at `endpoint`."""

    outbound: Outbound = OUTBOUND
    dialect: Dialect = DIALECT
    lines: Lines = field(default_factory=lambda: Lines(ssl.create_default_context, patience=HASTE))

    def hospital(self) -> Caller:
        id = new_id()
        row = Organisation(
            id, f"Hospital {id[-4:]}", OrganisationKind.HOSPITAL, None, None, True, self.now(), self.endpoint
        )
        self.run(the_service(new_id()), lambda tx: tx.organisations.add(row))
        return Caller(f"client-of-{id}", id, OrganisationKind.HOSPITAL, frozenset(), new_id())

    def channel(self) -> EitherChannel:
        by_v2 = Hl7v2Channel(
            self.lines.connect,
            self.rules,
            {"default": self.dialect},
            {"default": self.outbound},
            ("PEER-REFERRAL", ""),
            self.clock,
        )
        return EitherChannel(Scripted(), by_v2)

    def worker(self, channel: RecordChannel | None = None, lease: timedelta = LEASE) -> Worker:
        return super().worker(channel or self.channel(), lease)

    def last_outcomes(self) -> list[str]:
        return [row["last_outcome"] for row in self.rows("delivery")]

    def end(self) -> None:
        self._runner.run(self.lines.aclose())
        super().end()


NewSender = Callable[..., V2Sender]


def senders(url: str, rules: Rules = RULES) -> Iterator[NewSender]:
    """Each is ended when the test is over."""
    with ExitStack() as ended:

        def sender(to: Engine | str, **changes: object) -> V2Sender:
            endpoint = to if isinstance(to, str) else to.endpoint
            made = V2Sender(url, StillClock(datetime.now(UTC)), rules, endpoint=endpoint, **changes)  # type: ignore[arg-type]
            ended.callback(made.end)
            return made

        yield sender
