from collections.abc import Callable
from typing import Any

import orjson
import pytest

from service import mappings
from service.fhir.outcome import BadInput
from service.fhir.read.common import received
from service.fhir.read.task import read_task
from service.fhir.read.wording import ENDING_DISPLAYS
from service.fhir.terms import ENDING
from service.flow.keep_reports import LABELS, WORDS, Reported
from service.flow.received import Naming
from service.flow.received_update import Named, NamedActivity, Part, ReceivedUpdate
from service.referrals.escalation import Concern, Said
from service.referrals.offer import Ending, OfferState
from service.screening.instrument import Priority
from service.shared.code import Code

Tree = dict[str, Any]
Read = Callable[..., ReceivedUpdate]
BASE = "https://referral.example"
FULFILL = {"coding": [{"system": "http://hl7.org/fhir/CodeSystem/task-code", "code": "fulfill"}]}


def said(code: str, system: str = ENDING) -> Tree:
    coding = {"system": system, "code": code}
    return {"type": {"text": "How it ended"}, "valueCodeableConcept": {"coding": [coding]}}


def as_sent(*, ours: tuple[str, ...] = (), **elements: object) -> ReceivedUpdate:
    """Read also where the guard would refuse it."""
    tree = {"resourceType": "Task", "id": "7", "status": "accepted", **elements}
    return read_task(tree, received(tree, b"", target_id="7"), base=BASE, ours=ours, labels={})


def labels(*texts: str) -> tuple[Reported, ...]:
    return tuple(Reported(LABELS, {"text": each}, Said((each,))) for each in texts)


@pytest.fixture
def read(guarded: Callable[[Tree], Tree]) -> Read:
    def reading(**elements: object) -> ReceivedUpdate:
        tree = guarded({"resourceType": "Task", "id": "7", "status": "accepted", "intent": "order", **elements})
        return read_task(tree, received(tree, b"", target_id="7"), base=BASE, ours=(), labels={})

    return reading


def test_a_whole_task_is_read(read: Read) -> None:
    note: Tree = {"authorString": "a volunteer", "text": "We spoke."}
    output: Tree = {"type": {"text": "sessions"}, "valueInteger": 4}
    message = read(
        meta={"versionId": "3", "lastUpdated": "2026-01-01T00:00:00Z"},
        status="on-hold",
        statusReason={"text": "she is away"},
        businessStatus={"text": "waiting"},
        code=FULFILL,
        focus={"reference": "ServiceRequest/h1"},
        owner={"reference": f"{BASE}/fhir/Organization/x", "display": "Programme"},
        requester={"reference": "Organization/m"},
        note=[note],
        output=[output],
        **{"for": {"reference": "Patient/h2"}},
    )
    assert (message.offer_id, message.base_version, message.state) == ("7", 3, OfferState.HELD_BY_PROGRAMME)
    assert (message.status_reason, message.business_status) == ("she is away", "waiting")
    assert message.named == (
        Named(Part.WOMAN, "h2", "for"),
        Named(Part.REFERRAL, "h1", "focus"),
        Named(Part.PROGRAMME, "x", "owner"),
        Named(Part.HOSPITAL, "m", "requester"),
    )
    assert message.reports == (
        Reported("note", note, Said(("We spoke.",))),
        Reported("output", output),
        Reported("statusReason", {"text": "she is away"}, Said(("she is away",))),
        Reported("businessStatus", {"text": "waiting"}, Said(("waiting",))),
        *labels("Programme", "sessions"),
    )


def test_what_is_left_out_is_not_meant(read: Read) -> None:
    message = read()
    assert (message.base_version, message.status_reason, message.business_status) == (None, None, None)
    assert (message.named, message.reports) == ((), ())


@pytest.mark.parametrize(
    ("written", "version"),
    [("3", 3), ("3.1.2", 3), ("12-b", 12), ("007", 7), ("a3", None), ("-3", None), ("9" * 16, None), ("3a", 3)],
)
def test_the_base_version_is_the_first_number_of_the_version_id(read: Read, written: str, version: int | None) -> None:
    assert read(meta={"versionId": written}).base_version == version


@pytest.mark.parametrize(
    ("concept", "reason", "business"),
    [
        ({"text": "Full"}, "Full", "Full"),
        ({"text": "  "}, None, None),
        ({"text": "Full", "coding": [{"code": "x", "display": "Y"}]}, "Full", "Full"),
        ({"coding": [{"code": "5.1"}, {"code": "6.0", "display": "Unattended"}]}, "Unattended", "5.1"),
        ({"coding": [{"system": "urn:a"}]}, None, None),
    ],
)
def test_a_reason_is_read_in_words_and_a_business_status_also_by_its_code(
    read: Read, concept: Tree, reason: str | None, business: str | None
) -> None:
    message = read(statusReason=concept, businessStatus=concept)
    assert (message.status_reason, message.business_status) == (reason, business)


@pytest.mark.parametrize(
    ("sent", "id"),
    [
        ({"reference": "Organization/x"}, "x"),
        ({"reference": "Organization/x/_history/2"}, "x"),
        ({"reference": f"{BASE}/fhir/Organization/x"}, "x"),
        ({"reference": "https://other.example/fhir/Organization/x"}, None),
        ({"reference": "Patient/x"}, None),
        ({"reference": "urn:uuid:c757873d-ec9a-4326-a141-556f43239520"}, None),
        ({"identifier": {"system": "urn:a", "value": "b"}}, None),
        ({"display": "Programme"}, None),
    ],
)
def test_an_owner_is_named_by_our_id_and_any_other_is_nobody_of_ours(read: Read, sent: Tree, id: str | None) -> None:
    assert read(owner=sent).named == (Named(Part.PROGRAMME, id, "owner"),)


@pytest.mark.parametrize(
    ("code", "ours"),
    [
        (FULFILL, True),
        ({"coding": [{"system": "urn:a", "code": "help"}, *FULFILL["coding"]]}, True),
        ({"coding": [{"system": "urn:a", "code": "help"}]}, False),
        ({"coding": [{"system": "http://hl7.org/fhir/CodeSystem/task-code", "code": "approve"}]}, False),
        ({"text": "fulfill"}, False),
    ],
)
def test_a_task_with_another_code_is_no_offer_of_ours(read: Read, code: Tree, ours: bool) -> None:
    assert read(code=code).named == (() if ours else (Named(Part.REFERRAL, None, "code"),))


@pytest.mark.parametrize(("status", "state"), [("failed", OfferState.FAILED), ("received", None), ("draft", None)])
def test_a_status_that_no_offer_has_is_no_state(read: Read, status: str, state: OfferState | None) -> None:
    assert read(status=status).state is state


def output(reference: str) -> Tree:
    return {"type": {"text": "resulting-activity"}, "valueReference": {"reference": reference}}


@pytest.mark.parametrize("reference", ["Procedure/", "Procedure", "", "https://ehr.example/fhir/Procedure/"])
def test_an_output_that_was_never_created_is_refused(reference: str) -> None:
    tree = {
        "resourceType": "Task",
        "id": "7",
        "status": "completed",
        "output": [output("Procedure/1"), output(reference)],
    }
    with pytest.raises(BadInput) as caught:
        read_task(tree, received(tree, b"", target_id="7"), base=BASE, ours=(), labels={})
    assert (caught.value.status, caught.value.issues[0].expression) == (422, "Task.output[1].valueReference")


@pytest.mark.parametrize("reference", ["Procedure/1", "https://ehr.example/fhir/Procedure/1"])
def test_an_output_that_was_created_is_kept(read: Read, reference: str) -> None:
    named = Naming(frozenset({"1"} if reference == "Procedure/1" else ()))
    label = Reported(LABELS, {"text": "resulting-activity"}, Said(("resulting-activity",)), named)
    reports = (Reported("output", output(reference)), label)
    assert read(output=[output(reference), output(reference)]).reports == (reports[0], *reports)


@pytest.mark.parametrize(
    ("reference", "named"),
    [
        ("Procedure/1", ("Procedure", "1")),
        ("Encounter/1/_history/2", ("Encounter", "1")),
        (f"{BASE}/fhir/Procedure/1", ("Procedure", "1")),
        ("https://ehr.example/fhir/Procedure/1", None),
        ("QuestionnaireResponse/1", None),
        ("urn:uuid:019aa000-0000-7000-8000-000000000001", None),
    ],
)
def test_an_output_that_names_a_contact_here_says_which(
    read: Read, reference: str, named: tuple[str, str] | None
) -> None:
    found = read(output=[{"type": {"text": "x"}, "valueString": "y"}, output(reference)]).activities
    assert found == ((NamedActivity(*named, "Task.output[1].valueReference"),) if named else ())


@pytest.mark.parametrize(
    ("elements", "ending"),
    [
        ({}, None),
        ({"output": [said(Ending.ENDED_BY_HER)]}, Ending.ENDED_BY_HER),
        ({"output": [said(Ending.NOT_REACHED), said(Ending.PLANNED)]}, Ending.PLANNED),
        ({"output": [said("no word of ours")]}, None),
        ({"output": [said(Ending.EARLY, "https://elsewhere.example")]}, None),
        ({"output": [{"type": {"text": "x"}, "valueString": "early"}]}, None),
        ({"statusReason": said(Ending.NOT_REACHED)["valueCodeableConcept"]}, Ending.NOT_REACHED),
        ({"businessStatus": said(Ending.EARLY)["valueCodeableConcept"]}, Ending.EARLY),
    ],
)
def test_how_the_contacts_ended_is_read_wherever_a_client_can_put_a_code(
    read: Read, elements: Tree, ending: Ending | None
) -> None:
    assert read(**elements).ending is ending


CONCERN = "https://peer-referral.example/fhir/CodeSystem/concern"


SELF_HARM, OUTSIDE = frozenset({Concern.HARM_TO_SELF}), frozenset({Concern.OUTSIDE_ROLE})


def concern(code: str, **value: object) -> Tree:
    return {"type": {"coding": [{"system": CONCERN, "code": code}]}, **value}


@pytest.mark.parametrize(
    ("output", "said", "urgency"),
    [
        (concern("harm-to-self", valueCode="routine"), Said((), SELF_HARM, Priority.ROUTINE), "urgent"),
        (concern("outside-role", valueString="Ring me"), Said(("Ring me",), OUTSIDE), "routine"),
        (concern("outside-role", valueCode="asap"), Said((), OUTSIDE, Priority.URGENT), "urgent"),
        (concern("made-up", valueBoolean=True), Said((), frozenset({Concern.OTHER})), "urgent"),
        (
            {"type": {"text": "x"}, "valueCodeableConcept": {"coding": [{"system": CONCERN, "code": "not-reached"}]}},
            Said((), frozenset({Concern.NOT_REACHED})),
            "routine",
        ),
        ({"type": {"text": "report"}, "valueString": "She cried."}, Said(("She cried.",)), "urgent"),
        ({"type": {"text": "report"}, "valueCodeableConcept": {"text": "She cried."}}, Said(("She cried.",)), "urgent"),
    ],
)  # fmt: skip
def test_an_output_that_codes_a_concern_or_holds_words_is_to_be_heard(
    read: Read, output: Tree, said: Said, urgency: str
) -> None:
    reported = read(output=[output]).reports[0]
    assert reported.said == said
    assert said.urgency == urgency


@pytest.mark.parametrize(
    "output",
    [
        {"type": {"text": "sessions"}, "valueInteger": 4},
        {"type": {"text": "end"}, "valueCodeableConcept": {"coding": [{"code": "planned"}], "text": "Planned"}},
        {"type": {"text": "blank"}, "valueString": "  "},
    ],
)
def test_of_any_other_output_only_its_labels_are_to_be_heard(output: Tree) -> None:
    reported, *apart = as_sent(output=[output]).reports
    assert reported == Reported("output", output)
    value = output.get("valueCodeableConcept", {}).get("text")
    assert {each.content["text"] for each in apart} == {output["type"]["text"], value} - {None}
    assert {each.element for each in apart} == {LABELS}


OURS_BESIDE = "Paused: do not contact."


@pytest.mark.parametrize(
    ("concept", "words"),
    [
        ({"text": "she wants to die"}, ("she wants to die",)),
        ({"coding": [{"system": ENDING, "code": "early", "display": "she wants to die"}]}, ("she wants to die",)),
        ({"coding": [{"system": "urn:a", "code": "1", "display": "Full"}], "text": "Full"}, ("Full",)),
        ({"coding": [{"code": "1", "display": "A"}, {"code": "2", "display": "B"}], "text": "C"}, ("C", "A", "B")),
        ({"coding": [{"system": ENDING, "code": "early", "display": "Ended early"}], "text": "Ended early"}, ()),
        ({"coding": [{"system": ENDING, "code": "early", "display": "Not reached"}]}, ("Not reached",)),
        ({"coding": [{"system": ENDING, "code": "early"}, {"system": "urn:a", "code": "5.1"}]}, ()),
        ({"text": OURS_BESIDE}, ()),
        ({"text": f" {OURS_BESIDE} "}, ()),
        ({"text": f"{OURS_BESIDE} But she wants to die."}, (f"{OURS_BESIDE} But she wants to die.",)),
        ({"text": "  "}, ()),
        ({}, ()),
    ],
)
@pytest.mark.parametrize("element", ["statusReason", "businessStatus"])
def test_words_beside_the_status_are_to_be_heard_and_codes_alone_are_not(
    element: str, concept: Tree, words: tuple[str, ...]
) -> None:
    message = as_sent(ours=(OURS_BESIDE,), **{element: concept})
    assert message.reports == tuple(Reported(element, {"text": each}, Said((each,))) for each in words)
    assert message.says_something is bool(words)


@pytest.mark.parametrize(
    ("priority", "called"), [("urgent", Priority.URGENT), ("stat", Priority.URGENT), ("routine", None), (None, None)]
)
def test_a_task_that_calls_itself_urgent_calls_what_is_beside_its_status_so(
    read: Read, priority: str | None, called: Priority | None
) -> None:
    (reported,) = read(statusReason={"text": "Ring me"}, **({"priority": priority} if priority else {})).reports
    assert reported.said == Said(("Ring me",), called=called)


def test_a_concern_coded_beside_the_status_is_to_be_heard_without_a_word(read: Read) -> None:
    (reported,) = read(statusReason={"coding": [{"system": CONCERN, "code": "harm-to-self"}]}).reports
    assert reported == Reported("statusReason", {"concern": "harm-to-self"}, Said((), SELF_HARM))


@pytest.mark.parametrize(
    ("elements", "rest", "reported"),
    [
        ({"note": [{"text": "Referral 1A2B cried."}]}, set(), {"Referral 1A2B"}),
        ({"output": [{"type": {"text": "x"}, "valueString": "Referral 1A2B cried."}]}, set(), {"Referral 1A2B"}),
        ({"output": [{"type": {"text": "Referral 1A2B cried."}, "valueBoolean": True}]}, set(), {"Referral 1A2B"}),
        ({"statusReason": {"text": "Referral 1A2B cried."}}, set(), {"Referral 1A2B"}),
        ({"businessStatus": {"text": "Referral 1A2B cried."}}, set(), {"Referral 1A2B"}),
        ({"description": "Referral 1A2B cried."}, {"Referral 1A2B"}, set()),
        ({"for": {"reference": "Patient/h2", "display": "Referral 1A2B"}}, {"Referral 1A2B"}, set()),
    ],
)
def test_whom_words_name_is_told_of_each_report_and_of_the_rest(
    read: Read, elements: Tree, rest: set[str], reported: set[str]
) -> None:
    message = read(**elements)
    assert message.naming.displays == rest
    assert {name for each in message.reports for name in each.naming.displays} == reported
    assert message.all_naming.displays == rest | reported


def test_the_displays_that_are_no_words_are_those_of_the_code_system() -> None:
    defined = orjson.loads(mappings.definitions()["CodeSystem/ending"])["concept"]
    assert {each["code"]: each["display"] for each in defined} == ENDING_DISPLAYS


DIE = "she wants to die"


@pytest.mark.parametrize(
    "elements",
    [
        {"description": DIE},
        {"reasonCode": {"text": DIE}},
        {"input": [{"type": {"coding": [FULFILL["coding"][0]]}, "valueString": DIE}]},
        {"extension": [{"url": "urn:a", "valueMarkdown": DIE}]},
        {"extension": [{"url": "urn:a", "extension": [{"url": "b", "valueCodeableConcept": {"text": DIE}}]}]},
        {"_description": {"extension": [{"url": "urn:a", "valueString": DIE}]}},
        {"contained": [{"resourceType": "Observation", "id": "o", "status": "final", "code": {"text": DIE}}]},
        {"identifier": [{"system": "urn:a", "value": DIE}]},
        {"groupIdentifier": {"value": DIE}},
        {"reasonReference": {"reference": "Condition/1", "type": DIE}},
    ],
)
def test_words_in_any_element_are_to_be_heard_like_a_note(elements: Tree) -> None:
    message = as_sent(**elements)
    assert message.reports == (Reported(WORDS, {"text": DIE}, Said((DIE,))),)
    assert message.says_something


@pytest.mark.parametrize(
    "elements",
    [
        {"for": {"reference": "Patient/h2", "display": DIE}},
        {"owner": {"reference": "Organization/x", "display": DIE}},
        {
            "text": {
                "status": "generated",
                "div": '<div xmlns="http://www.w3.org/1999/xhtml"><b>she</b> wants\nto die</div>',
            }
        },
        {"code": {"coding": [{**FULFILL["coding"][0], "display": DIE}]}},
        {"performerType": [{"coding": [{"system": "urn:a", "code": DIE.replace(" ", "-"), "display": DIE}]}]},
        {"reasonReference": {"display": DIE}},
        {"meta": {"tag": [{"system": "urn:a", "code": "1", "display": DIE}]}},
    ],
)
def test_a_label_and_narrative_are_to_be_heard_too(elements: Tree) -> None:
    assert as_sent(**elements).reports == labels(DIE)


def test_words_in_the_type_of_an_output_are_to_be_heard(read: Read) -> None:
    output = {"type": {"text": DIE}, "valueBoolean": True}
    assert read(output=[output]).reports == (Reported("output", output), *labels(DIE))


@pytest.mark.parametrize(
    "elements",
    [
        {"code": {"coding": [{**FULFILL["coding"][0], "display": "Fulfill the focal request"}]}},
        {"identifier": [{"system": "urn:a", "value": "REF-2026/1"}], "instantiatesUri": "urn:b:c"},
        {"authoredOn": "2026-01-01T10:00:00Z", "lastModified": "2026-01-01", "intent": "order"},
        {"requester": {"reference": "PractitionerRole/1", "display": "Test Volunteer Vale"}},
        {"reasonReference": {"reference": "https://circle.example/fhir/Condition/1", "type": "Condition"}},
        {"restriction": {"repetitions": 2, "period": {"end": "2026-02-01T10:00:00+01:00"}}},
        {"extension": [{"url": "urn:a", "valueUri": "https://circle.example/x"}, {"url": "b", "valueDate": "2026-01"}]},
        {"output": [{"type": {"coding": [{"system": "http://hl7.org/fhir/us/sdoh-clinicalcare/CodeSystem/x",
         "code": "resulting-activity", "display": "Resulting Activity"}]}, "valueReference": {"reference": "A/1"}}]},
    ],
)  # fmt: skip
def test_codes_with_their_displays_ids_dates_and_names_are_no_words(elements: Tree) -> None:
    assert not as_sent(**elements).says_something


def test_a_concern_and_a_picture_in_any_element_are_to_be_heard(read: Read) -> None:
    coded: Tree = {"reasonCode": {"coding": [{"system": CONCERN, "code": "harm-to-self"}]}}
    picture: Tree = {"input": [{"type": {}, "valueAttachment": {"contentType": "image/png; a=b", "data": "AA AA"}}]}
    heard = [each.said for each in as_sent(**coded, **picture).reports]
    assert heard == [Said((), SELF_HARM), Said(attached=True)]


def test_very_many_words_are_one_text(read: Read) -> None:
    (reported,) = read(extension=[{"url": "urn:a", "valueString": f"word {n}"} for n in range(200)]).reports
    assert str(reported.content["text"]).count("word") == 200


TYPE = {"system": "https://circle.example/type", "code": "42", "display": "Peer support, one to one"}
ACCEPTED = {Code("https://circle.example/type", "42"): frozenset({"peer support,  One-to-one"})}


@pytest.mark.parametrize(
    ("concept", "heard"),
    [
        ({"coding": [TYPE]}, ()),
        ({"coding": [TYPE], "text": "Peer support, one to one"}, ()),
        ({"coding": [TYPE], "text": DIE}, (DIE,)),
        ({"coding": [{**TYPE, "display": DIE}]}, (DIE,)),
        ({"coding": [{**TYPE, "code": "43"}]}, (TYPE["display"],)),
        ({"coding": [{**TYPE, "system": "urn:a"}]}, (TYPE["display"],)),
        ({"text": TYPE["display"]}, (TYPE["display"],)),
    ],
)
@pytest.mark.parametrize("element", ["reasonCode", "statusReason", "businessStatus", "output"])
def test_a_label_that_somebody_has_accepted_is_no_word_beside_its_code_alone(
    element: str, concept: Tree, heard: tuple[str, ...]
) -> None:
    value = [{"type": concept, "valueBoolean": True}] if element == "output" else concept
    tree = {"resourceType": "Task", "id": "7", "status": "accepted", element: value}
    message = read_task(tree, received(tree, b"", target_id="7"), base=BASE, ours=(), labels=ACCEPTED)
    assert tuple(text for each in message.reports if each.said for text in each.said.texts) == heard
