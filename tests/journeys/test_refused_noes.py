"""A no, a death or an order to stop in what FHIR refuses: contact pauses when it is certain whose it is."""

import json
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from service.demo.people import Person, consent, patient
from service.shared.ids import new_id
from tests.journeys.bundles import Resource, about, bundle, entry, name, number_of
from tests.journeys.support import World, total
from tests.journeys.test_bundles import alerts, send
from tests.journeys.test_holds import referral_of

TOLD = ("unreadable-refusal", "safety-event", "unnamed-refusal", "unnamed-event")
STRANGER = "Patient/01a00000-0000-7000-8000-00000000f00d"
DENIES = {"provision": {"type": "deny"}}


def said(world: World, person: Person, woman: str, **changes: object) -> Resource:
    """A Consent with a number of its own, in which something beside what it says is wrong."""
    organisations = world.hospital.identity.organisation_id, world.programme.identity.organisation_id
    whole = consent(person, "-", *organisations, datetime.now(UTC), number=7)
    return about(whole, woman, "patient") | {"language": 7} | changes


Sending = Callable[[], int]


def alone(world: World, sent: Resource) -> Sending:
    return lambda: world.hospital.ask("POST", sent["resourceType"], sent).status_code


def in_a_transaction(world: World, sent: Resource) -> Sending:
    whole = bundle(entry(name(), sent))
    return lambda: send(world, whole).status_code


def in_a_batch(world: World, sent: Resource) -> Sending:
    whole = bundle(entry(name(), sent), type="batch")
    return lambda: int(send(world, whole).json()["entry"][0]["response"]["status"][:3])


def status(world: World, offer: Resource) -> str:
    (now,) = world.tasks(f"_id={offer['id']}")
    return str(now["status"])


Door = Callable[[World, Resource], Sending]
DOORS = (alone, in_a_transaction, in_a_batch)


def told(world: World, send: Sending) -> list[tuple[str, str]]:
    """Sent twice: what is told then that was not before, and of whom."""

    def now() -> list[tuple[str, str]]:
        return [(code, each.get("for", {}).get("reference", "")) for code in TOLD for each in alerts(world, code)]

    before = now()
    for _ in range(2):
        assert send() >= 400
    after = now()
    for each in before:
        after.remove(each)
    return after


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(
    ("says", "may_be_a_no"),
    [
        ({"status": "inactive"}, True),
        ({"status": "rejected", "dateTime": "yesterday"}, True),
        ({"status": "withdrawn"}, True),
        (DENIES, True),
        ({"status": "inactive", "scope": {"text": "Peer support"}}, True),
        ({"status": "inactive", "scope": {"coding": [{"system": "urn:x", "code": "research"}]}}, False),
        ({"status": "draft"}, False),
        ({"provision": {"period": {"end": "2030-01-01"}}}, True),
        ({"provision": 7}, True),
        ({}, False),
    ],
    ids=lambda each: json.dumps(each) if isinstance(each, dict) else "",
)
def test_what_may_be_her_no_and_is_refused_for_its_form_stops_contact_until_a_person_has_looked(
    world: World, says: Resource, may_be_a_no: bool, door: Door
) -> None:
    person, her, offer = world.offered()
    sent = said(world, person, f"Patient/{her}", **says)
    found = told(world, door(world, sent))
    assert found == ([("unreadable-refusal", f"Patient/{her}")] if may_be_a_no else [])
    (now,) = world.tasks(f"_id={offer['id']}")
    assert now["status"] == ("cancelled" if may_be_a_no else "requested")


NOWHERE = {"reference": "Patient/01a00000-0000-7000-8000-00000000dead"}


@pytest.mark.parametrize(
    ("whose", "what"),
    [
        (None, {}),
        (None, {"language": 7}),
        (NOWHERE, {}),
        (NOWHERE, {"language": 7}),
        ({"reference": "nobody"}, {"id": "another"}),
    ],
    ids=str,
)
def test_a_no_that_is_sent_to_her_consent_is_hers_though_it_names_nobody(
    world: World, whose: Resource | None, what: Resource
) -> None:
    _, her, offer = world.offered()
    agreed = world.consents[her]
    sent = {name: each for name, each in agreed.items() if name != "patient"} | {"status": "inactive"} | what
    sent |= {"patient": whose} if whose else {}
    found = told(world, lambda: world.hospital.ask("PUT", f"Consent/{agreed['id']}", sent).status_code)
    assert found == [("unreadable-refusal", f"Patient/{her}")]
    assert status(world, offer) == "cancelled"


@pytest.mark.parametrize("in_a_bundle", [False, True])
def test_what_is_sent_to_her_consent_and_says_of_nothing_what_it_is_stops_contact(
    world: World, in_a_bundle: bool
) -> None:
    _, her, offer = world.offered()
    agreed = world.consents[her]
    address = f"Consent/{agreed['id']}"
    if in_a_bundle:
        whole = bundle({"resource": {"language": 7}, "request": {"method": "PUT", "url": address}})
        found = told(world, lambda: send(world, whole).status_code)
    else:
        found = told(world, lambda: world.hospital.ask("PUT", address, "no").status_code)
    assert found == [("unreadable-refusal", f"Patient/{her}")]
    assert status(world, offer) == "cancelled"


def test_a_no_that_is_sent_to_the_consent_of_another_woman_stops_contact_with_both(either_world: World) -> None:
    world = either_world
    _, her, offer = world.offered()
    agreed = world.consents[her]
    _, another, other_offer = world.offered()
    sent = agreed | {"status": "inactive", "patient": {"reference": f"Patient/{another}"}}
    found = told(world, lambda: world.hospital.ask("PUT", f"Consent/{agreed['id']}", sent).status_code)
    assert found == [("unnamed-refusal", "")]
    conflicts = json.dumps(alerts(world, "identity-conflict"))
    assert [each for each in (her, another) if each not in conflicts] == []
    assert (status(world, offer), status(world, other_offer)) == ("cancelled", "cancelled")


@pytest.mark.parametrize("door", DOORS)
def test_what_may_be_a_no_of_nobody_who_is_known_is_told_with_what_it_calls_her(world: World, door: Door) -> None:
    person, _, offer = world.offered()
    sent = said(world, person, STRANGER, status="inactive")
    assert told(world, door(world, sent)) == [("unnamed-refusal", "")]
    (now,) = world.tasks(f"_id={offer['id']}")
    assert now["status"] == "requested"


def test_a_no_of_hers_in_a_transaction_that_is_refused_for_something_else_stops_contact(world: World) -> None:
    person, her, offer = world.offered()
    woman = name()
    no = said(world, person, woman, status="inactive", language="en")
    wrong = about(total("-", 3), woman) | {"status": "finalish"}
    asked = {"ifNoneExist": f"identifier={number_of(person)}"}
    sent = bundle(entry(woman, patient(person), **asked), entry(name(), no), entry(name(), wrong))
    found = told(world, lambda: send(world, sent).status_code)
    assert found == [("unreadable-refusal", f"Patient/{her}")]
    (now,) = world.tasks(f"_id={offer['id']}")
    assert now["status"] == "cancelled"


def test_a_no_that_was_taken_before_is_no_news_in_a_transaction_that_is_refused(world: World) -> None:
    person, her, offer = world.offered()
    old = said(world, person, f"Patient/{her}", status="inactive", language="en")
    old["provision"]["actor"][0]["reference"] = {"reference": world.other_programme.organisation}
    world.hospital.must(201)("POST", "Consent", old)
    wrong = about(total("-", 3), f"Patient/{her}") | {"status": "finalish"}
    sent = bundle(entry(name(), old), entry(name(), wrong))
    assert told(world, lambda: send(world, sent).status_code) == []
    (now,) = world.tasks(f"_id={offer['id']}")
    assert now["status"] == "requested"


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(
    ("says", "found"),
    [
        ({"deceasedBoolean": True}, "safety-event"),
        ({"deceasedBoolean": "true"}, "safety-event"),
        ({"deceasedDateTime": "on Monday"}, "safety-event"),
        ({"deceasedBoolean": True, "birthDate": "unknown"}, "safety-event"),
        ({"deceasedBoolean": True, "birthDate": "1971-01-31"}, "unnamed-event"),
        ({"deceasedBoolean": "false"}, None),
        ({}, None),
    ],
    ids=lambda each: json.dumps(each) if isinstance(each, dict) else str(each),
)
def test_a_death_in_a_patient_that_is_refused_for_its_form_pauses_contact_when_it_is_hers(
    world: World, says: Resource, found: str | None, door: Door
) -> None:
    person, her, offer = world.offered()
    sent = patient(person) | {"gender": "F"} | says
    whom = "" if found == "unnamed-event" else f"Patient/{her}"
    assert told(world, door(world, sent)) == ([(found, whom)] if found else [])
    (now,) = world.tasks(f"_id={offer['id']}")
    assert now["status"] == ("cancelled" if found == "safety-event" else "requested")


def test_a_death_in_an_update_that_comes_too_late_pauses_contact(world: World) -> None:
    person, her, offer = world.offered()
    sent = patient(person) | {"id": her, "deceasedBoolean": True}
    late = {"If_Match": 'W/"99"'}
    found = told(world, lambda: world.hospital.ask("PUT", f"Patient/{her}", sent, **late).status_code)
    assert found == [("safety-event", f"Patient/{her}")]
    (now,) = world.tasks(f"_id={offer['id']}")
    assert now["status"] == "cancelled"


@pytest.mark.parametrize("in_a_bundle", [False, True])
def test_a_death_in_a_creation_of_a_woman_who_is_known_pauses_contact_once(world: World, in_a_bundle: bool) -> None:
    """Nothing else of it is used: what has changed of her is said by an update."""
    person, her, offer = world.offered()
    named, sent = f"identifier={number_of(person)}", patient(person) | {"deceasedBoolean": True}
    for _ in range(2):
        if in_a_bundle:
            assert send(world, bundle(entry(name(), sent, ifNoneExist=named))).status_code == 200
        else:
            world.hospital.must(200)("POST", "Patient", sent, If_None_Exist=named)
    assert len([each for each in alerts(world, "safety-event") if her in json.dumps(each)]) == 1
    (now,) = world.tasks(f"_id={offer['id']}")
    assert now["status"] == "cancelled"


WHO = {"resourceType": "Parameters", "parameter": [{"name": "practitioner", "valueString": "TEST Midwife"}]}


def order(world: World, offer: Resource, woman: str, **says: object) -> tuple[str, Resource]:
    """The address of the referral that was offered, and an order to end it as one of this woman."""
    address = referral_of(world, offer)
    whole = {"resourceType": "ServiceRequest", "id": address.partition("/")[2], "status": "revoked", "intent": "order"}
    return address, whole | {"subject": {"reference": f"Patient/{woman}"}} | says


@pytest.mark.parametrize(
    ("operation", "says", "stops"),
    [
        ("", {"language": 7}, True),
        ("", {"id": "another"}, True),
        ("", {"subject": None}, True),
        ("", {"authoredOn": "yesterday"}, True),
        ("", {"status": "entered-in-error", "intent": "none"}, True),
        ("", {"status": "cancelled"}, True),
        ("", {"status": "on-hold", "language": 7}, True),
        ("", None, True),
        ("", {"status": "active", "language": 7}, False),
        ("", {"status": "completed"}, False),
        ("/$hold", {"resourceType": "Parameters"}, True),
        ("/$hold", WHO, True),
        ("/$hold", None, True),
        ("/$resume", {"resourceType": "Parameters"}, False),
    ],
    ids=json.dumps,
)
@pytest.mark.parametrize("held", [False, True])
def test_an_order_to_stop_that_is_refused_stops_contact_until_a_person_has_looked(
    world: World, operation: str, says: Resource | None, stops: bool, held: bool
) -> None:
    _, her, offer = world.offered()
    address, whole = order(world, offer, her)
    if held:
        role = {"name": "role", "valueString": "midwife"}
        world.hospital.must(200)("POST", f"{address}/$hold", WHO | {"parameter": [*WHO["parameter"], role]})
    sent = says if operation or says is None else whole | says
    method = "POST" if operation else "PUT"
    found = told(world, lambda: world.hospital.ask(method, address + operation, sent).status_code)
    nothing_new = held and (operation or (says or {}).get("status") == "on-hold")
    assert found == ([("unreadable-refusal", f"Patient/{her}")] if stops and not nothing_new else [])
    assert status(world, offer) == ("cancelled" if stops or held else "requested")


def test_a_status_that_only_a_hold_sets_stops_contact_until_a_person_has_looked(world: World) -> None:
    _, her, offer = world.offered()
    address, whole = order(world, offer, her, status="on-hold")
    assert [world.hospital.ask("PUT", address, whole).status_code for _ in range(2)] == [422, 200]
    assert len([each for each in alerts(world, "unreadable-refusal") if her in json.dumps(each)]) == 1
    assert status(world, offer) == "cancelled"


def test_an_order_about_a_referral_that_is_over_stops_nothing(world: World) -> None:
    _, her, offer = world.offered()
    address, whole = order(world, offer, her)
    world.hospital.must(200)("PUT", address, whole)
    assert told(world, lambda: world.hospital.ask("PUT", address, whole | {"language": 7}).status_code) == []


@pytest.mark.parametrize("wrong", [{}, {"language": 7}], ids=str)
def test_an_order_about_a_referral_that_is_over_stops_contact_with_another_woman_whom_it_names(
    world: World, wrong: Resource
) -> None:
    (_, her, offer), (_, another, other_offer) = world.offered(), world.offered()
    address, whole = order(world, offer, her)
    world.hospital.must(200)("PUT", address, whole)
    sent = whole | {"subject": {"reference": f"Patient/{another}"}} | wrong
    found = told(world, lambda: world.hospital.ask("PUT", address, sent).status_code)
    assert found == [("unreadable-refusal", f"Patient/{another}")]
    assert status(world, other_offer) == "cancelled"


@pytest.mark.parametrize("wrong", [{}, {"language": 7}], ids=str)
def test_an_order_to_stop_that_names_another_woman_stops_contact_with_both(
    either_world: World, wrong: Resource
) -> None:
    world = either_world
    (_, her, offer), (_, another, other_offer) = world.offered(), world.offered()
    address, whole = order(world, offer, another, **wrong)
    assert told(world, lambda: world.hospital.ask("PUT", address, whole).status_code) == []
    conflicts = json.dumps(alerts(world, "identity-conflict"))
    assert [each for each in (her, another) if each not in conflicts] == []
    assert (status(world, offer), status(world, other_offer)) == ("cancelled", "cancelled")


def test_an_order_to_end_a_referral_that_nobody_knows_stops_contact_with_the_woman_it_names(world: World) -> None:
    _, her, offer = world.offered()
    _, whole = order(world, offer, her, id=new_id())
    found = told(world, lambda: world.hospital.ask("PUT", f"ServiceRequest/{whole['id']}", whole).status_code)
    assert found == [("unreadable-refusal", f"Patient/{her}")]
    assert status(world, offer) == "cancelled"


def test_a_hold_of_a_referral_that_nobody_knows_is_told(world: World) -> None:
    address = f"ServiceRequest/{new_id()}/$hold"
    assert told(world, lambda: world.hospital.ask("POST", address).status_code) == [("unnamed-refusal", "")]


def test_an_order_to_stop_in_a_bundle_stops_contact_until_a_person_has_looked(world: World) -> None:
    _, her, offer = world.offered()
    address, whole = order(world, offer, her)
    sent = bundle({"resource": whole, "request": {"method": "PUT", "url": address}})
    assert told(world, lambda: send(world, sent).status_code) == [("unreadable-refusal", f"Patient/{her}")]
    assert status(world, offer) == "cancelled"
