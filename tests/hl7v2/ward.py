"""A hospital whose record tells of women's lives and of what they agree to, all by HL7 v2."""

from dataclasses import dataclass, replace
from functools import cached_property
from itertools import count
from typing import Any

from service.hl7v2.dialect import ANY_ORDER
from service.hl7v2.segments import Message
from service.hl7v2.site_codes import ConsentRule, Detail, EventRule, SiteCodes
from service.referrals.life_event import LifeEvent
from service.referrals.offer import Offer
from service.referrals.programme import Programme
from service.screening.instrument import CodeUse, Role
from service.shared.caller import Caller
from tests.flow.support import Service
from tests.hl7v2.doors import Hospital, oru, said

HEADER = "MSH|^~\\&|EHR|MATERNITY|PR|PEER|20260601120000+0000||{type}^{event}|{control}|P|2.5.1"
SYSTEM = "urn:oid:1.2.3"
_CONTROLS = count(1)

_DETAILS = {
    "PHONE": Detail.VOICE,
    "MAIL": Detail.EMAIL,
    "POST": Detail.POST,
    "MEET": Detail.IN_PERSON,
    "VOICEMAIL": Detail.VOICEMAIL,
    "SAY": Detail.CODE_WORD,
    "REVIEW": Detail.REVIEW_BY,
    "UNTIL": Detail.UNTIL,
    "REPORT": Detail.REPORT_BACK,
}
_IGNORED = ("PEER", "ANYONE", "THIS-ONE", *_DETAILS)
EVENTS = (
    EventRule(LifeEvent.PREGNANCY_LOSS, "DG1", 3, frozenset({"O03*", "LOSS"}), day=5),
    EventRule(LifeEvent.BABY_IN_CARE, "ZXX", 2, frozenset({"CARE"})),
    EventRule(LifeEvent.BABY_DIED, "OBX", 3, frozenset({"STILLBIRTH"}), day=14),
    EventRule(LifeEvent.WOMAN_DIED, "PV1", 36, frozenset({"20"}), triggers=frozenset({"A03"})),
    EventRule(LifeEvent.WOMAN_DIED, "PV1", 36, frozenset({"41"})),
    EventRule(LifeEvent.BABY_IN_CARE, "PV1", 36, frozenset({"70"})),
    EventRule(LifeEvent.WOMAN_DIED, "OBX", 3, frozenset({"DIED"})),
    EventRule(LifeEvent.BIRTH, "OBX", 3, frozenset({"BORN"}), day=5),
)


def cx(number: str) -> str:
    return f"{number}^^^HOSP&1.2.3&ISO^MR"


def pid(number: str = "W1", *, born: str = "19950401", name: str = "Tester^Tessie", **fields: str) -> str:
    """PID; `fields` as `_21="…"`."""
    values = {3: cx(number), 5: f"{name}^^^^^L", 7: born, 8: "F", 15: "eng"}
    values |= {int(place[1:]): value for place, value in fields.items()}
    return "|".join(["PID", *(values.get(place, "") for place in range(1, max(values) + 1))])


def message(event: str, *lines: str, type: str = "ADT", control: str = "") -> bytes:
    head = HEADER.format(type=type, event=event, control=control or f"E{next(_CONTROLS)}")
    return "\r".join((head, *lines, "")).encode()


def merge(retired: str, into: str, event: str = "A40", **options: str) -> bytes:
    return message(event, "EVN|A40|20260601", pid(into, **options), f"MRG|{cx(retired)}")


def con(status: str, decided: str = "20260520", *, code: str = "PEER", ends: str = "") -> str:
    return f"CON|1|{code}^Peer support^L|||||||||{status}||{decided}||{ends}"


@dataclass
class Ward:
    service: Service

    @cached_property
    def hospital(self) -> Hospital:
        agreed = ConsentRule(self.community.organisation_id, False, True, None, frozenset({"Y"}), frozenset({"N"}))
        everyone = replace(agreed, organisation_id=None, report_back=False)
        asked = replace(everyone, asked=True)
        gone = replace(agreed, organisation_id="an organisation that is not there")
        other = replace(agreed, organisation_id=self.elsewhere.organisation_id)
        codes = SiteCodes(
            10,
            frozenset({"MTH"}),
            EVENTS,
            {"PEER": agreed, "ANYONE": everyone, "ELSEWHERE": other, "THIS-ONE": asked, "CLOSED": gone},
            _DETAILS,
            {"PROGRAMME": self.community.organisation_id},
        )
        items = {f"EPDS{number}": CodeUse("epds", Role.ITEM, number) for number in range(1, 11)}
        return Hospital(self.service, {"codes": codes, "forms": {ANY_ORDER: items}, "ignored": frozenset(_IGNORED)})

    @cached_property
    def community(self) -> Caller:
        return self.service.community()

    @cached_property
    def elsewhere(self) -> Caller:
        return self.service.community()

    def add_programme(self) -> Programme:
        return self.service.programme(self.community)

    def tells(self, event: str, *lines: str, type: str = "ADT") -> str:
        """What is told back: `AA`, and of each problem place, condition and severity."""
        return self.hospital.told(message(event, *lines, type=type))

    def sends(self, body: bytes) -> str:
        return said(self.hospital.send(body))

    def answer(self, body: bytes) -> Message:
        return self.hospital.send(body)

    def positive(self, woman: str = "W1", taken: str = "20260601110000+0000") -> None:
        """An EPDS of 15 by its ten answers, none of them a risk, taken then."""
        self.answers(woman, (1, 2, 2, 2, 2, 2, 2, 1, 1, 0), taken)

    def answers(self, woman: str, answers: tuple[int, ...], taken: str = "20260601110000+0000") -> None:
        head, *_ = oru(f"R{next(_CONTROLS)}", woman=woman).decode().split("\r")
        items = [
            f"OBX|{number}|NM|EPDS{number}^item^L||{score}||||||F|||{taken}" for number, score in enumerate(answers, 1)
        ]
        order = f"OBR|1||F{next(_CONTROLS)}^MAT|71354-5^EPDS^LN|||{taken}||||||||||||||||||F"
        assert self.sends("\r".join((head, pid(woman), order, *items, "")).encode()) == "AA"

    def woman(self, number: str = "W1") -> str:
        """Her id here."""
        (found,) = self.hospital.rows("alias", value=number)
        return str(found["resource_id"])

    def state(self, number: str = "W1") -> tuple[str, list[str]]:
        return self.service.states(self.woman(number))

    def offers(self, number: str = "W1") -> list[Offer]:
        return self.service.offers(self.woman(number))

    def agrees(self, number: str = "W1") -> list[str]:
        """That she agrees to be referred, and may be rung."""
        return [pid(number), con("A"), "OBX|1|ST|PHONE^Safe^L||+44 7700 900123||||||F"]

    def supported(self, number: str = "W1") -> None:
        """She is positive, has agreed to one programme and may be rung, and the programme has accepted."""
        self.add_programme()
        assert self.tells("A08", *self.agrees(number)) == "AA"
        self.positive(number)
        (offer,) = self.offers(number)
        self.service.update(self.community, offer.id, "accepted")
        assert self.state(number) == ("supported", ["accepted"])

    def rows(self, table: str, **equal: Any) -> list[dict[str, Any]]:
        return self.hospital.rows(table, **equal)

    def alerts(self) -> list[str]:
        return self.hospital.alerts()
