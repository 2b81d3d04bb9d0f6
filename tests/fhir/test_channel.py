"""What a hospital's record answers, in every form, and what is made of it: taken, again, in doubt or never."""

import asyncio
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any, cast

import httpx
import orjson
import pytest

from service import mappings
from service.delivery.channel import Learned, Parcel, Sent
from service.fhir.channel import FhirChannel
from service.fhir.terms import ALERT_ID, NOTE_ID
from service.flow.received import Identifier
from service.referrals.alert import Alert, AlertCode, AlertState
from service.referrals.delivery import Delivery, DeliveryState, DeliveryTrigger, Lane
from service.referrals.note import Note, NoteKind
from service.referrals.referral import Referral, ReferralState
from service.screening.instrument import Priority
from service.security.outgoing import ForeignAddress, NotAuthorised, Outgoing
from service.shared.caller import OrganisationKind
from service.store.directory import Organisation
from tests.flow.support import StillClock

NOW = datetime(2026, 11, 22, tzinfo=UTC)
BASE = "https://record.example/fhir"
RULES = mappings.load()
NUMBER = Identifier("https://st-test.example/hospital-number", "TEST-000417")
TAKEN, AGAIN = DeliveryTrigger.TAKEN, DeliveryTrigger.TRY_AGAIN
DOUBT, NEVER = DeliveryTrigger.ANSWER_LOST, DeliveryTrigger.REFUSED_FOR_GOOD
Tree = dict[str, Any]
Answer = httpx.Response | Exception

ALERT = Alert(
    id="alert-1",
    version=1,
    tenant_id="hospital",
    patient_id="woman",
    referral_id=None,
    code=AlertCode.SELF_HARM_PRESENT,
    priority=Priority.URGENT,
    state=AlertState.OPEN,
    raised_at=NOW,
    due_at=NOW,
)


def parcel(identifiers: tuple[Identifier, ...] = (NUMBER,), known: str | None = "their-woman") -> Parcel:
    """An alert about a woman whom the record knows as `known`."""
    delivery = Delivery(
        id="delivery",
        destination_id="hospital",
        lane=Lane.URGENT,
        resource_type="Communication",
        resource_id=ALERT.id,
        version=1,
        patient_id="woman",
        state=DeliveryState.LEASED,
        attempts=1,
        due_at=NOW,
        last_outcome=None,
        correlation_id="correlation",
        shown=False,
        owed_at=NOW,
    )
    destination = Organisation("hospital", "St Test", OrganisationKind.HOSPITAL, BASE, None, True, NOW)
    record_ids = {("Patient", "woman"): known} if known else {}
    return Parcel(delivery, destination, identifiers, record_ids, alert=ALERT)


def note_parcel(known: str | None = None) -> Parcel:
    """A note about a woman and a referral that the record has, `known` as the note itself."""
    referral = Referral("referral", 2, "hospital", "woman", ReferralState.SUPPORTED, NOW, NOW)
    plain = parcel()
    owed = replace(plain.delivery, lane=Lane.STATUS, resource_type="DocumentReference", resource_id="note-1")
    record_ids = {("Patient", "woman"): "their-woman", ("ServiceRequest", "referral"): "their-order"}
    record_ids |= {("DocumentReference", "note-1"): known} if known else {}
    note = Note("note-1", "referral", NoteKind.ACCEPTED, NOW)
    return replace(
        plain,
        delivery=owed,
        record_ids=record_ids,
        alert=None,
        referral=referral,
        note=note,
        note_text="Café, accepted.",
    )


class Script:
    """A record's answers in order; `asked` keeps what it was asked for."""

    def __init__(self, *answers: Answer) -> None:
        self._answers: Iterator[Answer] = iter(answers)
        self.asked: list[tuple[str, str, str | None]] = []
        self.sent: list[Tree] = []

    async def request(
        self, method: str, url: str, *, headers: dict[str, str] | None = None, content: bytes | None = None
    ) -> httpx.Response:
        self.asked.append((method, url.partition("?")[0], (headers or {}).get("If-None-Exist")))
        self.sent += [orjson.loads(content)] if content else []
        answer = next(self._answers)
        if isinstance(answer, Exception):
            raise answer
        return answer


def channel(script: Script) -> FhirChannel:
    return FhirChannel(lambda _: cast(Outgoing, script), RULES, StillClock(NOW))


def send(script: Script, what: Parcel | None = None) -> Sent:
    return asyncio.run(channel(script).send(what or parcel()))


def introduce(script: Script, what: Parcel) -> Sent:
    return asyncio.run(channel(script).introduce(what))


def resource(kind: str = "Communication", id: str = "their-1", value: str = "alert-1", system: str = ALERT_ID) -> Tree:
    return {"resourceType": kind, "id": id, "identifier": [{"system": system, "value": value}]}


def found(*resources: Tree) -> httpx.Response:
    return httpx.Response(200, json={"resourceType": "Bundle", "entry": [{"resource": each} for each in resources]})


def created(id: str = "their-1") -> httpx.Response:
    return httpx.Response(201, headers={"Location": f"{BASE}/Communication/{id}/_history/1"})


def test_what_is_not_there_is_looked_for_and_then_made_on_the_condition_that_it_is_not() -> None:
    script = Script(found(), created())
    assert send(script) == Sent(TAKEN, "taken", (Learned("Communication", "alert-1", "their-1"),))
    (searched, _, unconditional), (made, _, condition) = script.asked
    assert (searched, made, unconditional) == ("GET", "POST", None)
    assert dict(httpx.QueryParams(condition)) == {"identifier": f"{ALERT_ID}|alert-1"}


@pytest.mark.parametrize(("rung", "name"), [(0, "alert-1"), (2, "alert-1.2")])
def test_what_is_said_on_each_rung_is_looked_for_and_made_under_its_own_name(rung: int, name: str) -> None:
    script = Script(found(), created())
    climbed = replace(parcel(), alert=replace(ALERT, rung=rung))
    assert send(script, climbed).learned == (Learned("Communication", name, "their-1"),)
    condition, (made,) = script.asked[1][2], script.sent
    assert dict(httpx.QueryParams(condition)) == {"identifier": f"{ALERT_ID}|{name}"}
    assert made["identifier"] == [{"system": ALERT_ID, "value": name}]


def test_what_is_there_already_is_not_made_again() -> None:
    script = Script(found(resource()))
    assert send(script).learned == (Learned("Communication", "alert-1", "their-1"),)
    assert len(script.asked) == 1


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(201, headers={"Location": "Communication/their-1"}),
        httpx.Response(201, headers={"Location": f"{BASE}/Communication/their-1"}),
        httpx.Response(201, json=resource()),
        httpx.Response(200, json=resource()),
        httpx.Response(201, headers={"Location": "Communication/their-1"}, json={"resourceType": "OperationOutcome"}),
    ],
)
def test_its_id_is_taken_from_wherever_the_record_says_it(answer: httpx.Response) -> None:
    assert send(Script(found(), answer)).learned == (Learned("Communication", "alert-1", "their-1"),)


@pytest.mark.parametrize(
    ("answer", "trigger", "outcome"),
    [
        (httpx.Response(201), DOUBT, "no-id-in-the-answer"),
        (httpx.Response(201, headers={"Location": f"{BASE}/Patient/p1"}), DOUBT, "no-id-in-the-answer"),
        (httpx.Response(200, html="<title>Sign in</title>"), DOUBT, "unreadable-answer"),
        (httpx.Response(200, content=b'{"resourceType": "Comm'), DOUBT, "unreadable-answer"),
        (httpx.Response(200, content=b"[]"), DOUBT, "unreadable-answer"),
        (httpx.Response(201, json=resource(value="another")), NEVER, "another-resource"),
        (
            httpx.Response(201, headers={"Location": "Communication/x"}, json=resource(value="another")),
            NEVER,
            "another-resource",
        ),
        (httpx.Response(500), DOUBT, "http-500"),
        (httpx.Response(502, html="Bad gateway"), DOUBT, "http-502"),
        (httpx.Response(504), DOUBT, "http-504"),
        (httpx.Response(507), DOUBT, "http-507"),
        (httpx.Response(503), AGAIN, "http-503"),
        (httpx.Response(429), AGAIN, "http-429"),
        (httpx.Response(408), AGAIN, "http-408"),
        (httpx.Response(302, headers={"Location": "https://elsewhere.example"}), AGAIN, "redirected"),
        (httpx.Response(308, headers={"Location": "https://elsewhere.example"}), AGAIN, "redirected"),
        (httpx.Response(400), NEVER, "http-400"),
        (httpx.Response(401), AGAIN, "not-authorised"),
        (httpx.Response(403), AGAIN, "http-403"),
        (httpx.Response(404), AGAIN, "http-404"),
        (httpx.Response(405), AGAIN, "http-405"),
        (httpx.Response(410), NEVER, "http-410"),
        (httpx.Response(412), NEVER, "http-412"),
        (httpx.Response(422), NEVER, "http-422"),
        (httpx.ConnectError("refused"), AGAIN, "not-reached"),
        (httpx.ConnectTimeout("slow"), AGAIN, "not-reached"),
        (httpx.ReadTimeout("hangs"), DOUBT, "no-answer"),
        (httpx.ReadError("reset"), DOUBT, "no-answer"),
        (httpx.RemoteProtocolError("cut"), DOUBT, "no-answer"),
        (httpx.WriteError("cut"), DOUBT, "no-answer"),
        (NotAuthorised("no token"), AGAIN, "not-authorised"),
        (ForeignAddress("elsewhere"), NEVER, "foreign-address"),
    ],
)
def test_a_post_is_in_doubt_unless_it_is_certain_that_nothing_was_kept(
    answer: Answer, trigger: DeliveryTrigger, outcome: str
) -> None:
    sent = send(Script(found(), answer))
    assert (sent.trigger, sent.outcome) == (trigger, outcome)
    assert sent.learned == ()


@pytest.mark.parametrize(
    ("answer", "trigger", "outcome"),
    [
        (httpx.Response(200, html="<title>Sign in</title>"), AGAIN, "unreadable-answer"),
        (httpx.Response(200), AGAIN, "unreadable-answer"),
        (httpx.Response(500), AGAIN, "http-500"),
        (httpx.Response(503), AGAIN, "http-503"),
        (httpx.ReadTimeout("hangs"), AGAIN, "no-answer"),
        (httpx.Response(301, headers={"Location": "https://elsewhere.example"}), AGAIN, "redirected"),
        (httpx.Response(401), AGAIN, "not-authorised"),
        (httpx.Response(403), AGAIN, "http-403"),
        (httpx.Response(404), AGAIN, "http-404"),
        (httpx.Response(405), AGAIN, "http-405"),
        (httpx.Response(410), NEVER, "http-410"),
        *(
            (httpx.Response(200, json=tree), AGAIN, "unreadable-answer")
            for tree in (
                {"resourceType": "OperationOutcome"},
                {"resourceType": "Bundle", "entry": None},
                {"resourceType": "Bundle", "entry": "x"},
                {"resourceType": "Bundle", "entry": ["x"]},
                {"resourceType": "Bundle", "entry": [None]},
                {"resourceType": "Bundle", "entry": [{"resource": None}]},
                {"resourceType": "Bundle", "entry": [{"resource": ["x"]}]},
            )
        ),
        (found(resource(), resource(id="their-2")), NEVER, "several-in-the-record"),
        (found(resource(value="another")), NEVER, "another-resource"),
        (found(resource(system="https://elsewhere.example")), NEVER, "another-resource"),
    ],
)
def test_a_search_may_always_be_tried_again_and_nothing_is_made_without_its_answer(
    answer: Answer, trigger: DeliveryTrigger, outcome: str
) -> None:
    script = Script(answer)
    sent = send(script)
    assert (sent.trigger, sent.outcome) == (trigger, outcome)
    assert [method for method, *_ in script.asked] == ["GET"]


OUTCOME = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "not-found"}]}


@pytest.mark.parametrize(
    ("answer", "trigger"),
    [
        pytest.param(httpx.Response(404, json=OUTCOME), NEVER, id="an OperationOutcome"),
        pytest.param(
            httpx.Response(404, headers={"Content-Type": "application/fhir+json; charset=utf-8"}), NEVER, id="FHIR"
        ),
        pytest.param(httpx.Response(404, html="<title>Not found</title>"), AGAIN, id="HTML"),
        pytest.param(httpx.Response(404, json={"message": "no route"}), AGAIN, id="other JSON"),
        pytest.param(httpx.Response(404, json=[]), AGAIN, id="no object"),
        pytest.param(httpx.Response(404), AGAIN, id="nothing"),
    ],
)
def test_that_a_record_has_its_own_id_no_more_is_believed_from_the_record_alone(
    answer: httpx.Response, trigger: DeliveryTrigger
) -> None:
    known = note_parcel()
    owed = replace(known.delivery, resource_type="ServiceRequest", resource_id="referral")
    script = Script(answer)
    sent = send(script, replace(known, delivery=owed, note=None))
    assert script.asked == [("PUT", "ServiceRequest/their-order", None)]
    assert (sent.trigger, sent.outcome) == (trigger, "http-404")


def test_an_outcome_beside_the_matches_is_no_match() -> None:
    script = Script(found({"resourceType": "OperationOutcome", "issue": []}), created())
    assert send(script).trigger is TAKEN


def seconds_ahead(seconds: int) -> str:
    return format_datetime(NOW + timedelta(seconds=seconds), usegmt=True)


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("0", 0),
        ("7", 7),
        ("315360000", 86_400),
        ("9" * 400, 86_400),
        (seconds_ahead(60), 60),
        (seconds_ahead(-3600), -3600),
    ],
)
def test_how_long_a_record_asks_to_be_left_alone(status: int, said: str, seconds: int) -> None:
    sent = send(Script(found(), httpx.Response(status, headers={"Retry-After": said})))
    assert sent.wait == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "said", ["-5", "soon", "", "1.5", "²", "Sun, 99 Nov 2026 00:00:00 GMT", "22 Nov 2026 00:00:00 -0000"]
)
def test_nonsense_in_retry_after_is_not_heard(said: str) -> None:
    headers = [(b"Retry-After", said.encode("latin-1"))]
    assert send(Script(found(), httpx.Response(503, headers=headers))).wait is None


def test_she_is_made_known_only_when_none_of_her_numbers_is_known() -> None:
    second = Identifier("https://other.example/number", "2")
    script = Script(found(), found(resource("Patient", "their-woman", second.value, second.system)))
    sent = introduce(script, parcel((NUMBER, second), known=None))
    assert sent == Sent(TAKEN, "taken", (Learned("Patient", "woman", "their-woman"),))
    assert [method for method, *_ in script.asked] == ["GET", "GET"]

    script = Script(found(), found(), httpx.Response(201, headers={"Location": "Patient/their-woman"}))
    assert introduce(script, parcel((NUMBER, second), known=None)) == sent
    assert [method for method, *_ in script.asked] == ["GET", "GET", "POST"]


def test_where_the_record_has_two_of_her_nobody_chooses_and_an_alert_names_her_by_her_number() -> None:
    two = found(*(resource("Patient", id, NUMBER.value, NUMBER.system) for id in ("one", "another")))
    stranger = parcel(known=None)
    assert introduce(Script(two), stranger) == Sent(NEVER, "several-in-the-record")
    script = Script(found(), created())
    assert send(script, stranger).trigger is TAKEN
    named = {"system": NUMBER.system, "value": NUMBER.value}
    (said,) = script.sent
    assert said["subject"] == {"type": "Patient", "identifier": named, "display": NUMBER.value}


def test_what_was_learnt_before_it_failed_is_kept() -> None:
    order = httpx.Response(201, headers={"Location": "ServiceRequest/their-order"})
    fresh = replace(note_parcel(), record_ids={("Patient", "woman"): "their-woman"})
    sent = send(Script(found(), order, found(), httpx.ReadTimeout("hangs")), fresh)
    assert (sent.trigger, sent.learned) == (DOUBT, (Learned("ServiceRequest", "referral", "their-order"),))


def test_a_woman_without_any_number_is_never_guessed() -> None:
    script = Script()
    nameless = parcel((), known=None)
    assert {sent(script, nameless).outcome for sent in (introduce, send)} == {"patient-without-identifier"}
    assert script.asked == []


def test_a_note_is_one_plain_text_that_leads_to_her_and_to_the_referral() -> None:
    made = httpx.Response(201, headers={"Location": f"{BASE}/DocumentReference/their-note"})
    script = Script(found(), made)
    assert send(script, note_parcel()).learned[-1] == Learned("DocumentReference", "note-1", "their-note")
    (_, (method, address, condition)), (note,) = script.asked, script.sent
    assert (method, address) == ("POST", "DocumentReference")
    assert dict(httpx.QueryParams(condition)) == {"identifier": f"{NOTE_ID}|note-1"}
    assert b64decode(note["content"][0]["attachment"]["data"]).decode() == "Café, accepted."
    assert note["subject"] == {"reference": "Patient/their-woman"}
    assert note["context"]["related"] == [{"reference": "ServiceRequest/their-order"}]


@pytest.mark.parametrize("known", [None, "their-note"])
def test_a_note_that_is_there_is_left_as_it_is(known: str | None) -> None:
    answers = [] if known else [found(resource("DocumentReference", "their-note", "note-1", NOTE_ID))]
    script = Script(*answers)
    sent = send(script, note_parcel(known))
    assert (sent.trigger, sent.learned[-1]) == (TAKEN, Learned("DocumentReference", "note-1", "their-note"))
    assert [method for method, *_ in script.asked] == ["GET"] * len(answers)
