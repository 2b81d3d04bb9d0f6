"""What comes on a plain connection and cannot be read, or names nobody who is registered: whose it is, who hears."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from prometheus_client import REGISTRY

from service.flow import refuse_message
from service.hl7v2.dialect import ANY_ORDER
from service.office import NotAccepted
from service.shared.caller import NOBODY, UNKNOWN_CLIENT, OrganisationKind
from service.shared.client import Client
from service.shared.ids import new_id
from service.store.messages import MessageQuery
from tests.flow.support import DAY, Service, StillClock
from tests.hl7v2.doors import Hospital, changed, oru
from tests.hl7v2.test_events import ITEM, PAUSED
from tests.hl7v2.test_salvage import NO_RISK, OWN, RISK, batch, own
from tests.hl7v2.ward import Ward, con, message, pid

LOSS = "DG1|1||O03.9^Miscarriage^I10||20260530"
KEPT = "unreadable_message"


def register(hospital: Hospital, name: str = "EHR|MATERNITY") -> None:
    sender = Client(new_id(), hospital.caller.organisation_id, OrganisationKind.HOSPITAL, frozenset(), mllp_sender=name)
    hospital.service.run(hospital.caller, lambda tx: tx.access.add_client(sender, hospital.service.now()))


@pytest.fixture
def hospital(service: Service) -> Hospital:
    """One whose engine is registered by its name."""
    hospital = Hospital(service, {"forms": {"SCREEN": OWN, ANY_ORDER: {}}, "panels": {"SCREEN": "epds"}})
    register(hospital)
    return hospital


@pytest.fixture
def ward(service: Service) -> Ward:
    ward = Ward(service)
    register(ward.hospital)
    return ward


@pytest.fixture
def another(service: Service) -> Hospital:
    another = Hospital(service)
    register(another, "LAB|ELSEWHERE")
    return another


def not_heard() -> float:
    return REGISTRY.get_sample_value("peer_referral_risks_not_heard_total") or 0.0


def blank(body: bytes) -> bytes:
    return body.replace(b"|EHR|MATERNITY|", b"|||", 1)


# A text of its own, of which UTF-16 writes a character with the byte of a delimiter.
CHINESE = "\u7c21\u0d0a".encode()
UNREADABLE: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "a batch": (batch, "AR 100 E"),
    "a batch that alone names its sender": (lambda body: batch(blank(body)), "AR 100 E"),
    "UTF-16 with its mark": (lambda body: body.decode().encode("utf-16"), "AR 100 E"),
    "UTF-16 without": (lambda body: body.decode().encode("utf-16-le"), "AR 100 E"),
    "UTF-16 the other way round": (lambda body: body.decode().encode("utf-16-be"), "AR 100 E"),
    "UTF-16 of Chinese": (lambda body: body.replace(b"Tessie", CHINESE).decode().encode("utf-16"), "AR 100 E"),
    "UTF-32": (lambda body: body.decode().encode("utf-32"), "AR 100 E"),
    "too few delimiters": (lambda body: body.replace(b"|^~\\&|", b"|^|", 1), "AR MSH^1^2 102 E"),
    "delimiters that are one": (lambda body: body.replace(b"|^~\\&|", b"|^^\\&|", 1), "AR MSH^1^2 102 E"),
    "a second header of nobody": (lambda body: body + b"MSH|^~\\&|||\r", "AR 100 E"),
    "behind a header of nobody": (lambda body: b"MSH|^~\\&|||PR||||ADT^A08|X1|P|2.5.1\r" + body, "AR 100 E"),
}


@pytest.mark.parametrize(("spoil", "expected"), UNREADABLE.values(), ids=UNREADABLE)
@pytest.mark.usefixtures("another")
def test_the_first_header_that_names_a_hospital_says_whose_it_is_that_cannot_be_read(
    hospital: Hospital, spoil: Callable[[bytes], bytes], expected: str
) -> None:
    assert [hospital.told_plainly(spoil(own(RISK))) for _ in range(2)] == [expected] * 2
    assert len(hospital.rows(KEPT)) == 1
    assert hospital.alerts() == ["unreadable-risk"]


@pytest.mark.parametrize(("spoil", "expected"), UNREADABLE.values(), ids=UNREADABLE)
@pytest.mark.usefixtures("another")
def test_a_loss_in_what_cannot_be_read_pauses_contact_with_her(
    ward: Ward, spoil: Callable[[bytes], bytes], expected: str
) -> None:
    ward.supported()
    assert ward.hospital.told_plainly(spoil(message("A08", pid(), LOSS))) == expected
    assert ward.state() == PAUSED
    assert ward.alerts() == ["safety-event"]


@pytest.mark.usefixtures("another")
def test_what_names_two_hospitals_is_of_neither(hospital: Hospital) -> None:
    before = not_heard()
    theirs = own(RISK, "M2").replace(b"EHR|MATERNITY", b"LAB|ELSEWHERE")
    assert hospital.told_plainly(own(NO_RISK) + theirs) == "AR MSH^1^3 204 E"
    assert hospital.rows(KEPT) == []
    (kept,) = hospital.service.rows(KEPT, tenant_id=NOBODY)
    assert (kept["reason"], not_heard()) == ("segment", before + 1)


STRANGE: dict[str, Callable[[bytes], bytes]] = {
    "a sender that is not registered": lambda body: body.replace(b"EHR|", b"LAB|", 1),
    "no sender": blank,
    "no header": lambda body: body.partition(b"\r")[2],
    "a batch without any sender": lambda body: b"BHS|^~\\&\r" + blank(body) + b"BTS|1\r",
}


@pytest.mark.parametrize("spoil", STRANGE.values(), ids=STRANGE)
def test_where_one_hospital_sends_hl7v2_what_names_nobody_is_its_own(
    ward: Ward, spoil: Callable[[bytes], bytes]
) -> None:
    ward.supported()
    before = not_heard()
    for lines in ([LOSS], [con("R", "20260601")]):
        assert ward.hospital.told_plainly(spoil(message("A08", pid(), *lines))).startswith("AR")
    assert ward.state() == PAUSED
    assert ward.alerts() == ["safety-event", "unreadable-refusal"]
    assert {row["client_id"] for row in ward.rows(KEPT)} == {UNKNOWN_CLIENT}
    assert not_heard() == before


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (own(RISK), ["unreadable-risk"]),
        (own(NO_RISK), []),
        (changed(message("A08", pid(), LOSS), 11, "T"), []),
    ],
    ids=["a risk", "a form", "a loss in a test"],
)
def test_of_an_unknown_sender_clinicians_hear_what_is_critical_and_the_operator_of_all(
    hospital: Hospital, body: bytes, told: list[str]
) -> None:
    assert hospital.told_plainly(STRANGE["a sender that is not registered"](body)) == "AR MSH^1^3 204 E"
    assert hospital.alerts() == told
    assert [row["reason"] for row in hospital.rows(KEPT)] == ["sender-unknown"]


@pytest.mark.usefixtures("another")
@pytest.mark.parametrize("tenth", [RISK, NO_RISK])
@pytest.mark.parametrize("spoil", STRANGE.values(), ids=STRANGE)
def test_where_several_do_it_is_kept_sealed_as_nobodys_and_the_operator_hears_of_a_risk_once(
    hospital: Hospital, spoil: Callable[[bytes], bytes], tenth: int
) -> None:
    before, body = not_heard(), spoil(own(tenth))
    for _ in range(2):
        assert hospital.told_plainly(body).startswith("AR")
    (kept,) = hospital.service.rows(KEPT, tenant_id=NOBODY)
    assert body not in kept["sealed_body"]
    assert hospital.service.rows("alert") == []
    assert not_heard() == before + (tenth == RISK)
    (listed,) = hospital.messages().list(MessageQuery(10, organisation_id=NOBODY))
    assert hospital.messages().show(listed.id, with_body=True).body == body


@pytest.mark.usefixtures("another")
@pytest.mark.parametrize(
    ("wrap", "reason", "becomes"),
    [(bytes, "sender-unknown", "accepted"), (lambda body: b"BHS|^~\\&\r" + body, "no-header", "no-header")],
    ids=["as a message", "still refused"],
)
def test_what_is_nobodys_is_put_through_its_door_once_its_sender_is_registered(
    ward: Ward, wrap: Callable[[bytes], bytes], reason: str, becomes: str
) -> None:
    ward.supported()
    ward.hospital.told_plainly(wrap(message("A08", pid(), LOSS).replace(b"EHR|", b"ADT|", 1)))
    (kept,) = ward.service.rows(KEPT, tenant_id=NOBODY, reason=reason)
    messages = ward.hospital.messages()
    with pytest.raises(NotAccepted, match="not registered"):
        messages.replay(kept["id"])
    assert ward.state() == ("supported", ["accepted"])
    register(ward.hospital, "ADT|MATERNITY")
    became = messages.replay(kept["id"])
    assert (became.tenant_id, became.disposition) == (ward.hospital.caller.organisation_id, becomes)
    assert ward.state() == PAUSED


@pytest.mark.usefixtures("another")
def test_of_what_was_nobodys_and_cannot_be_used_its_hospital_hears_when_it_is_put_through_its_door(ward: Ward) -> None:
    unusable = message("R01", "PID|1||W1^^^ELSEWHERE", *ITEM, type="ORU")
    ward.hospital.told_plainly(unusable.replace(b"EHR|", b"LAB|", 1))
    (kept,) = ward.service.rows(KEPT, tenant_id=NOBODY)
    register(ward.hospital, "LAB|MATERNITY")
    assert ward.alerts() == []
    became = ward.hospital.messages().replay(kept["id"])
    assert became.disposition == "identifier-unusable"
    assert ward.alerts() == ["unreadable-risk"]
    ward.hospital.messages().replay(became.id)
    assert ward.alerts() == ["unreadable-risk"]


def test_of_strangers_so_much_is_kept_and_a_critical_thing_has_room_beside_it_and_is_always_told(
    hospital: Hospital, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refuse_message, "MOST_OF_STRANGERS", 2)
    for number in range(5):
        hospital.told_plainly(blank(oru(f"M{number}", total=number)))
    assert len(hospital.rows(KEPT)) == 2
    for number in range(3):
        hospital.told_plainly(blank(own(RISK, f"R{number}")))
    assert len(hospital.rows(KEPT)) == 4
    assert hospital.alerts() == ["unreadable-risk"] * 3

    clock = hospital.service.clock
    assert isinstance(clock, StillClock)
    clock.pass_time(30 * DAY + timedelta(seconds=1))
    hospital.service.run(hospital.caller, lambda tx: tx.tidy(hospital.service.now(), hospital.service.rules))
    hospital.told_plainly(blank(oru("M9", total=9)))
    assert len(hospital.rows(KEPT)) == 1


def test_of_strangers_so_many_bytes_are_kept(hospital: Hospital, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refuse_message, "MOST_BYTES_OF_STRANGERS", 1_000)
    for number in range(5):
        hospital.told_plainly(blank(oru(f"M{number}", total=number)) + b"NTE|1||" + b"x" * 600)
    assert len(hospital.rows(KEPT)) == 2
