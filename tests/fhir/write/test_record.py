"""What a hospital reads here, and what is written into its record."""

import re
from dataclasses import replace

import orjson
import pytest

from service.fhir import terms
from service.fhir.survey import Tree
from service.fhir.write.alert import ALERT_STATUS, alert_task, outgoing_alert_task
from service.fhir.write.outgoing import outgoing_communication, outgoing_task
from service.fhir.write.record import REQUEST_STATUS, TASK_STATUS, record_task
from service.referrals.alert import ALERT_KINDS, AlertCode, AlertState
from service.referrals.contact import Engagement
from service.referrals.offer import Ending, OfferState
from service.referrals.referral import ReferralState
from tests.fhir.write.support import (
    ALERT,
    COMMUNITY,
    ENGAGEMENT,
    HOSPITAL,
    IN_RECORD,
    NOTE_OF,
    NUMBER,
    OFFER,
    PROGRAMME,
    RULES,
    STAMP,
    SUPPORTING,
    written_into_the_record,
)

RUNG = RULES.policy(ALERT.tenant_id).rung(0)


def test_every_state_has_its_status() -> None:
    assert set(REQUEST_STATUS) == set(ReferralState)
    assert set(ALERT_STATUS) == set(AlertState)
    # Without asking the table that says so.
    words = {state: "on-hold" if state.value.startswith("held-by-") else state.value for state in OfferState}
    assert words == TASK_STATUS


def test_the_record_hears_of_contacts_only_when_they_are_given() -> None:
    told = outgoing_task(SUPPORTING.offer, ENGAGEMENT, *IN_RECORD, PROGRAMME, COMMUNITY, HOSPITAL)
    assert [(each["type"]["coding"][0]["code"], list(each.values())[1]) for each in told["output"]] == [
        ("contact-attempts", 3),
        ("sessions-attended", 2),
        ("last-contact", "2026-11-20T10:15:00.000Z"),
    ]
    untold = outgoing_task(SUPPORTING.offer, None, *IN_RECORD, PROGRAMME, COMMUNITY, HOSPITAL)
    assert untold == {name: value for name, value in told.items() if name not in ("output", "businessStatus")}


@pytest.mark.parametrize("engagement", [ENGAGEMENT, None])
@pytest.mark.parametrize("state", [OfferState.REJECTED, OfferState.FAILED, OfferState.CANCELLED])
def test_why_it_ended_is_told_with_her_permission_or_by_one_who_never_met_her(
    state: OfferState, engagement: Engagement | None
) -> None:
    ended = OFFER._replace(state=state, status_reason="Her words")
    told = record_task(ended, STAMP, PROGRAMME.name, engagement)
    assert ("statusReason" in told) == (engagement is not None or state is OfferState.REJECTED)


@pytest.mark.parametrize("ending", Ending)
def test_how_the_contacts_ended_is_a_code(ending: Ending) -> None:
    told = record_task(OFFER, STAMP, PROGRAMME.name, replace(ENGAGEMENT, ending=ending))
    assert told["output"][-1] == {
        "type": {"coding": [{"system": terms.ENGAGEMENT, "code": "ending"}]},
        "valueCodeableConcept": {"coding": [{"system": terms.ENDING, "code": ending.value}]},
    }


def test_before_the_first_contact_there_is_no_time_of_the_last() -> None:
    told = record_task(OFFER, STAMP, PROGRAMME.name, replace(ENGAGEMENT, attempts=0, sessions=0, last_contact=None))
    assert [each["valueInteger"] for each in told["output"]] == [0, 0]


@pytest.mark.parametrize("tree", written_into_the_record(), ids=lambda tree: str(tree["resourceType"]))
def test_nothing_written_into_a_record_refers_to_us(tree: Tree) -> None:
    written = orjson.dumps(tree).decode()
    assert set(re.findall(r'"reference":"([^"]*)"', written)) <= {IN_RECORD[0]["reference"], IN_RECORD[1]}
    assert "id" not in tree
    assert not {"versionId", "lastUpdated"} & tree.get("meta", {}).keys()


@pytest.mark.parametrize("tree", written_into_the_record(), ids=lambda tree: str(tree["resourceType"]))
def test_everything_written_into_a_record_can_be_found_again_by_its_identifier(tree: Tree) -> None:
    system, value = tree["identifier"][0]["system"], tree["identifier"][0]["value"]
    if tree.get("code", {}).get("coding", [{}])[0].get("system") == terms.ALERT_TASK:
        assert (system, value) == (terms.ALERT_ID, ALERT.id)
        return
    expected = {
        "Patient": (NUMBER.system, NUMBER.value),
        "ServiceRequest": (terms.REFERRAL_ID, OFFER.referral_id),
        "Task": (terms.OFFER_ID, OFFER.id),
        "Communication": (terms.ALERT_ID, value),
        "DocumentReference": (terms.NOTE_ID, NOTE_OF.id),
    }
    assert (system, value) == expected[tree["resourceType"]]


def test_an_organisation_is_named_by_the_identifier_that_the_record_knows() -> None:
    tree = outgoing_task(OFFER, None, *IN_RECORD, PROGRAMME, COMMUNITY, HOSPITAL)
    assert HOSPITAL.identifier is not None
    assert tree["requester"]["identifier"]["value"] == HOSPITAL.identifier.value
    assert tree["owner"] == {
        "type": "Organization",
        "identifier": {"system": terms.ORGANISATION_ID, "value": OFFER.organisation_id},
        "display": PROGRAMME.name,
    }
    assert outgoing_task(OFFER, None, *IN_RECORD, PROGRAMME, None, HOSPITAL) == tree


def test_an_alert_is_put_to_the_rung_that_it_has_climbed_to_and_stays_with_the_last() -> None:
    ladder = [rung.display for rung in RULES.policy(ALERT.tenant_id).ladder]
    climbed = [replace(ALERT, rung=rung) for rung in range(len(ladder) + 1)]
    for written in (
        (alert_task(each, STAMP, RULES) for each in climbed),
        (outgoing_alert_task(each, RULES, *IN_RECORD) for each in climbed),
    ):
        assert [tree["owner"]["display"] for tree in written] == [*ladder, ladder[-1]]


@pytest.mark.parametrize("code", AlertCode)
def test_the_copy_of_an_alert_names_no_reason(code: AlertCode) -> None:
    written = orjson.dumps(outgoing_alert_task(replace(ALERT, code=code), RULES, *IN_RECORD) | {"description": ""})
    assert code.value not in written.decode()


def test_each_rung_of_an_alert_is_a_message_of_its_own() -> None:
    values = [
        outgoing_communication(replace(ALERT, rung=rung), "x", RUNG, None)["identifier"][0]["value"]
        for rung in range(3)
    ]
    assert values == [ALERT.id, f"{ALERT.id}.1", f"{ALERT.id}.2"]


@pytest.mark.parametrize("code", AlertCode)
def test_an_alert_in_the_record_tells_no_more_than_its_text(code: AlertCode) -> None:
    words = RULES.alert_text(code)
    tree = outgoing_communication(replace(ALERT, code=code), words, RUNG, IN_RECORD[0])
    assert code.value not in orjson.dumps({**tree, "payload": None}).decode()
    assert tree["payload"] == [{"contentString": words}]


@pytest.mark.parametrize("code", AlertCode)
def test_an_alert_never_looks_like_a_referral(code: AlertCode) -> None:
    tree = alert_task(replace(ALERT, code=code), STAMP, RULES)
    assert tree["code"] == {"coding": [{"system": terms.ALERT_TASK, "code": ALERT_KINDS[code].task.value}]}
    assert "profile" not in tree["meta"]
    assert tree["description"] == RULES.alert_text(code)


def test_no_label_can_hide_an_alert() -> None:
    assert "security" not in alert_task(ALERT, STAMP, RULES)["meta"]
    assert "meta" not in outgoing_communication(ALERT, "x", RUNG, None)
