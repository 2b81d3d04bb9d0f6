"""What a programme sees, and above all what it does not."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, time
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.consent.disclosure import DISCLOSED, Element, ViewStage
from service.consent.safe_contact import Channel, Mode, Permission, SafeContact, TextContent, Window
from service.fhir.read.safe_contact import read_safe_contact
from service.fhir.read.task import read_task
from service.fhir.survey import Tree
from service.fhir.terms import DO_NOT_CONTACT, SAFE_CONTACT
from service.fhir.write.offer import patient, service_request, task
from service.fhir.write.safe_contact import safe_contact
from service.flow.disclose import OfferView
from service.flow.received import Received
from service.flow.received_update import Part
from service.referrals.offer import VIEW_STAGE, OfferState, as_programmes_see
from service.screening.instrument import Stage
from service.shared.code import Code
from tests.fhir.write.support import (
    AGREED,
    CONSENT,
    OFFER,
    OFFERED,
    PAUSED,
    RULES,
    SAFE_NUMBER,
    STAMP,
    SUPPORTING,
    VIEWS,
    disclosed,
    over,
)

# What every view of an offer holds, and then what each stage adds. A list index is *, an extension goes by its url.
META = "meta/versionId meta/lastUpdated meta/security/*/system meta/security/*/code"
FRAME = {
    "Task": f"""resourceType id {META} meta/profile/* identifier/*/system identifier/*/value status intent priority
        statusReason/text code/coding/*/system code/coding/*/code focus/reference for/reference for/display authoredOn
        lastModified requester/reference requester/display owner/reference""",
    "ServiceRequest": f"""resourceType id {META} meta/profile/* identifier/*/system identifier/*/value status intent
        category/*/coding/*/system category/*/coding/*/code category/*/coding/*/display priority code/coding/*/system
        code/coding/*/code code/coding/*/display code/text orderDetail/*/text subject/reference authoredOn
        requester/reference performer/*/reference reasonReference/*/reference supportingInfo/*/reference""",
    "Patient": f"resourceType id {META}",
    "Consent": f"""resourceType id {META} status scope/coding/*/system scope/coding/*/code category/*/coding/*/system
        category/*/coding/*/code patient/reference dateTime organization/*/reference sourceAttachment/title
        policy/*/uri""",
    "Observation": f"""resourceType id {META} status category/*/coding/*/system category/*/coding/*/code
        code/coding/*/system code/coding/*/code code/text subject/reference dataAbsentReason/coding/*/system
        dataAbsentReason/coding/*/code""",
}
OWN_REPORTS = "note/*/text output/*/type/text output/*/valueInteger"
BEFORE_ACCEPTANCE = {
    "Task": f"{OWN_REPORTS} restriction/period/end",
    "ServiceRequest": """extension/pregnancy-stage/valueCode extension/support-needs/wish/valueCode
        extension/support-needs/access/valueCode""",
    "Patient": """extension/patient-interpreterRequired/valueBoolean address/*/district
        communication/*/language/coding/*/system communication/*/language/coding/*/code communication/*/preferred""",
    "Consent": """provision/type provision/actor/*/role/coding/*/system provision/actor/*/role/coding/*/code
        provision/actor/*/reference/reference provision/purpose/*/system provision/purpose/*/code""",
}
AFTER_ACCEPTANCE = {
    "Task": f"{OWN_REPORTS} businessStatus/text",
    "ServiceRequest": f"""{BEFORE_ACCEPTANCE["ServiceRequest"]} extension/due-month/valueString
        extension/baby-age/valueCode extension/escalation-contact/valueContactDetail/name
        extension/escalation-contact/valueContactDetail/telecom/*/system
        extension/escalation-contact/valueContactDetail/telecom/*/value
        extension/safe-contact/channel/mode/valueCode extension/safe-contact/channel/permission/valueCode
        extension/safe-contact/channel/value/valueString extension/safe-contact/voicemail/valueCode
        extension/safe-contact/text-content/valueCode extension/safe-contact/withhold-number/valueBoolean
        extension/safe-contact/caller-description/valueString extension/safe-contact/window/day/valueCode
        extension/safe-contact/window/from/valueTime extension/safe-contact/window/to/valueTime
        extension/safe-contact/timezone/valueCode extension/safe-contact/code-word/valueString
        extension/safe-contact/review-by/valueDate orderDetail/*/coding/*/system orderDetail/*/coding/*/code""",
    "Patient": f"""{BEFORE_ACCEPTANCE["Patient"]} name/*/use name/*/given/* telecom/*/system telecom/*/value
        telecom/*/use""",
    "Consent": BEFORE_ACCEPTANCE["Consent"],
}
ALLOWED: dict[ViewStage, dict[str, str]] = {
    ViewStage.OFFERED: BEFORE_ACCEPTANCE,
    ViewStage.SUPPORTING: AFTER_ACCEPTANCE,
    ViewStage.OVER: {},
}
# What only some views of a stage hold.
SEEN_ELSEWHERE = {"statusReason/text", "telecom/*/use", "extension/baby-age/valueCode"}


def pointers(node: Any, place: str = "") -> Iterator[str]:
    """The place of every leaf."""
    if isinstance(node, dict):
        for name, child in node.items():
            if not (name == "url" and "extension" in place):
                yield from pointers(child, f"{place}/{name}" if place else name)
    elif isinstance(node, list):
        for child in node:
            if place.rpartition("/")[2] == "extension":
                # The name of an extension is its url; nested ones do not repeat the word.
                outer = place.removesuffix("/extension") if place.count("extension") > 1 else place
                yield from pointers(child, f"{outer}/{child['url'].rpartition('/')[2]}")
            else:
                yield from pointers(child, f"{place}/*")
    else:
        yield place


def allowed(stage: ViewStage, resource_type: str) -> set[str]:
    return {*FRAME[resource_type].split(), *ALLOWED[stage].get(resource_type, "").split()}


@pytest.mark.parametrize("name", VIEWS)
def test_a_view_holds_no_element_that_its_stage_does_not_list(name: str) -> None:
    for tree in disclosed(VIEWS[name]):
        assert set(pointers(tree)) - allowed(VIEWS[name].stage, tree["resourceType"]) == set()


@pytest.mark.parametrize("stage", ViewStage)
def test_every_listed_element_is_written_in_some_view_of_the_stage(stage: ViewStage) -> None:
    written = {
        (tree["resourceType"], pointer)
        for view in VIEWS.values()
        if view.stage is stage
        for tree in disclosed(view)
        for pointer in pointers(tree)
    }
    listed = {(kind, pointer) for kind in FRAME for pointer in allowed(stage, kind) - SEEN_ELSEWHERE}
    assert listed - written == set()


words = st.text("bcdfghjklmnpqrstvwxz", min_size=8, max_size=12)


@st.composite
def hostile_views(draw: st.DrawFn) -> tuple[OfferView, dict[str, set[Element]]]:
    """A view in which everything is filled in whatever its stage, and which elements let each word of it through."""
    state = draw(st.sampled_from(OfferState))
    stage = draw(st.sampled_from([VIEW_STAGE[state], ViewStage.OVER]))
    canaries: dict[str, set[Element]] = {}

    def canary(*elements: Element) -> str:
        word = f"canary-{len(canaries)}-{draw(words)}"
        canaries[word] = set(elements)
        return word

    mode = draw(st.sampled_from(Mode))
    channel = Channel(mode, Permission.ALLOW, canary(Element.SAFE_CONTACT))
    agreed = SafeContact(
        channels=(channel, *(Channel(other, Permission.ALLOW, canary()) for other in Mode if other is not mode)),
        text_content=TextContent.NAMED,
        caller_description=canary(Element.SAFE_CONTACT),
        windows=(Window(("sun",), time(4, 44), time(5, 55)),),
        timezone=canary(Element.SAFE_CONTACT),
        code_word=canary(Element.SAFE_CONTACT),
        review_by=date(2044, 4, 4),
    )
    consent = replace(
        CONSENT,
        id=canary(),
        patient_id=canary(),
        given_at=datetime(2045, 5, 5, tzinfo=UTC),
        period_start=datetime(2045, 5, 5, tzinfo=UTC),
        period_end=datetime(2045, 5, 5, tzinfo=UTC),
        purposes=frozenset({Code("urn:oid:1.2.3", canary(Element.STAGE))}),
        safe_contact=agreed,
    )
    # Its own words come back to a programme until all is over, and so does for what she agreed.
    own = canary(Element.STAGE)
    offer = OFFER._replace(
        state=state, referral_id=canary(), patient_id=canary(), programme_id=canary(), business_status=own
    )
    view = OfferView(
        offer=offer,
        stage=stage,
        consent=consent,
        district=canary(Element.DISTRICT),
        pregnancy_stage=Stage.POSTNATAL,
        language=canary(Element.LANGUAGE),
        interpreter=True,
        respond_by=datetime(2046, 6, 6, tzinfo=UTC),
        preferred_name=canary(Element.PREFERRED_NAME),
        channel=channel,
        safe_contact=agreed,
        due_month=canary(Element.DUE_MONTH),
    )
    canaries |= {
        "2044-04-04": {Element.SAFE_CONTACT},
        "04:44:00": {Element.SAFE_CONTACT},
        "2045": set(),
        "2046": {Element.RESPOND_BY},
        "postnatal": {Element.STAGE},
        "interpreter": {Element.INTERPRETER},
    }
    return view, canaries


@given(hostile_views())
def test_no_fact_leaves_that_its_stage_does_not_disclose(drawn: tuple[OfferView, dict[str, set[Element]]]) -> None:
    view, canaries = drawn
    written = orjson.dumps(disclosed(view)).decode()
    for canary, elements in canaries.items():
        if not elements & DISCLOSED[view.stage]:
            assert canary not in written


@given(hostile_views())
def test_the_canaries_of_a_supporting_view_do_arrive(drawn: tuple[OfferView, dict[str, set[Element]]]) -> None:
    view = replace(drawn[0], stage=ViewStage.SUPPORTING)
    written = orjson.dumps(disclosed(view)).decode()
    for canary, elements in drawn[1].items():
        if elements - {Element.RESPOND_BY}:
            assert canary in written


@pytest.mark.parametrize("name", VIEWS)
def test_every_reference_leads_to_a_resource_that_the_programme_can_read(name: str) -> None:
    view = VIEWS[name]
    trees = disclosed(view)
    readable = {f"{tree['resourceType']}/{tree['id']}" for tree in trees}
    readable |= {f"Organization/{view.offer.tenant_id}", f"Organization/{view.offer.organisation_id}"}
    written = orjson.dumps(trees).decode()
    references = {part.partition('"')[0] for part in written.split('"reference":"')[1:]}
    assert references == readable - {f"Task/{view.offer.id}"}


@pytest.mark.parametrize("name", VIEWS)
def test_clients_find_what_they_crash_without(name: str) -> None:
    """The CBO client of HL7 Gravity reads these blindly, also of an offer that is over."""
    task_tree, request, *_ = disclosed(VIEWS[name])
    assert "Organization" in task_tree["requester"]["reference"]
    assert task_tree["for"]["display"] == "Referral 4A7E"
    assert request["reasonReference"][0]["reference"].startswith("Observation/")
    assert request["supportingInfo"][0]["reference"].startswith("Consent/")


@pytest.mark.parametrize("name", ["offered", "supporting", "paused"])
def test_a_task_that_comes_back_unchanged_means_no_change(name: str) -> None:
    view = VIEWS[name]
    received = Received("Task", b"", target_id=view.offer.id)
    sent = read_task(task(view, STAMP, RULES), received, base="https://service.example", ours=(), labels={})
    assert (sent.base_version, sent.state) == (view.offer.version, as_programmes_see(view.offer.state))
    assert (sent.status_reason, sent.business_status) == (view.offer.status_reason, view.offer.business_status)
    assert {(each.part, each.id) for each in sent.named} == {
        (Part.WOMAN, OFFER.handles.patient),
        (Part.REFERRAL, OFFER.handles.service_request),
        (Part.PROGRAMME, OFFER.organisation_id),
        (Part.HOSPITAL, OFFER.tenant_id),
    }


@pytest.mark.parametrize(
    ("view", "reason"),
    [
        (over(OfferState.REJECTED, "Rejected - at capacity"), "Rejected - at capacity"),
        (over(OfferState.FAILED, "Tessie moved"), RULES.status_reason("returned")),
        (over(OfferState.CANCELLED, "Tessie moved"), RULES.status_reason("returned")),
        (over(OfferState.CANCELLED, RULES.status_reason("replaced")), RULES.status_reason("replaced")),
        (over(OfferState.ENTERED_IN_ERROR, RULES.status_reason("voided")), RULES.status_reason("voided")),
        (over(OfferState.HELD_BY_PROGRAMME, "Tessie is away"), RULES.status_reason("otherwise")),
        (over(OfferState.COMPLETED, "Tessie is well"), None),
        (replace(PAUSED, offer=PAUSED.offer._replace(status_reason="Tessie is away")), "Tessie is away"),
    ],
)
def test_once_over_a_reason_that_may_hold_her_name_gives_way_to_a_neutral_one(
    view: OfferView, reason: str | None
) -> None:
    assert task(view, STAMP, RULES).get("statusReason") == (reason and {"text": reason})


@pytest.mark.parametrize(
    ("stage", "state", "status"),
    [
        (ViewStage.OFFERED, OfferState.REQUESTED, "active"),
        (ViewStage.SUPPORTING, OfferState.ACCEPTED, "active"),
        (ViewStage.SUPPORTING, OfferState.HELD_BY_PROGRAMME, "active"),
        (ViewStage.SUPPORTING, OfferState.HELD_BY_SERVICE, "on-hold"),
        (ViewStage.SUPPORTING, OfferState.HELD_BY_BOTH, "on-hold"),
        (ViewStage.OVER, OfferState.COMPLETED, "completed"),
        (ViewStage.OVER, OfferState.REJECTED, "revoked"),
        (ViewStage.OVER, OfferState.CANCELLED, "revoked"),
        (ViewStage.OVER, OfferState.FAILED, "revoked"),
        (ViewStage.OVER, OfferState.ENTERED_IN_ERROR, "entered-in-error"),
        (ViewStage.OVER, OfferState.IN_PROGRESS, "revoked"),
        (ViewStage.OVER, OfferState.HELD_BY_SERVICE, "revoked"),
    ],
)
def test_the_request_says_whether_it_still_stands(stage: ViewStage, state: OfferState, status: str) -> None:
    view = replace(OFFERED, stage=stage, offer=OFFER._replace(state=state))
    assert service_request(view, STAMP)["status"] == status


def test_an_answer_is_asked_for_only_while_it_is_awaited() -> None:
    assert task(OFFERED, STAMP, RULES)["restriction"] == {"period": {"end": "2026-11-05T08:00:00.000Z"}}
    assert "restriction" not in task(SUPPORTING, STAMP, RULES)


@pytest.mark.parametrize(
    ("view", "prohibited"),
    [
        (OFFERED, False),
        (SUPPORTING, False),
        (replace(SUPPORTING, channel=None, safe_contact=None), True),
        (replace(SUPPORTING, offer=OFFER._replace(state=OfferState.HELD_BY_SERVICE)), True),
        (replace(SUPPORTING, offer=OFFER._replace(state=OfferState.HELD_BY_BOTH)), True),
        (replace(SUPPORTING, offer=OFFER._replace(state=OfferState.HELD_BY_PROGRAMME)), False),
        (VIEWS["withdrawn"], False),
    ],
)
def test_who_knows_her_is_told_when_she_must_not_be_contacted(view: OfferView, prohibited: bool) -> None:
    details = service_request(view, STAMP)["orderDetail"]
    codes = [coding["code"] for detail in details for coding in detail.get("coding", ())]
    assert codes == ([DO_NOT_CONTACT.code] if prohibited else [])


@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS)
def test_every_request_says_that_it_is_no_emergency_channel(view: OfferView) -> None:
    last = service_request(view, STAMP)["orderDetail"][-1]["text"]
    assert "not a clinical service" in last
    assert "no emergency channel" in last


def test_a_stage_that_nobody_knows_is_not_written() -> None:
    bare = replace(OFFERED, pregnancy_stage=Stage.UNKNOWN, wish=None, access=())
    assert "extension" not in service_request(bare, STAMP)


@pytest.mark.parametrize(
    ("channel", "telecom"),
    [
        (SAFE_NUMBER, [{"system": "phone", "value": "+44 7700 900123"}]),
        (Channel(Mode.SMS, Permission.ALLOW, "1"), [{"system": "sms", "value": "1", "use": "mobile"}]),
        (Channel(Mode.WHATSAPP, Permission.ALLOW, "1"), [{"system": "other", "value": "1", "use": "mobile"}]),
        (Channel(Mode.EMAIL, Permission.ALLOW, "a@b.example"), [{"system": "email", "value": "a@b.example"}]),
        (Channel(Mode.POST, Permission.ALLOW, "1 Example Terrace"), None),
        (Channel(Mode.IN_PERSON, Permission.ALLOW), None),
        (None, None),
    ],
)
def test_one_safe_channel_is_her_only_contact_point(channel: Channel | None, telecom: list[Tree] | None) -> None:
    assert patient(replace(SUPPORTING, channel=channel), STAMP).get("telecom") == telecom


@pytest.mark.parametrize(
    "agreed",
    [AGREED, SafeContact((SAFE_NUMBER,), Permission.ALLOW, TextContent.NEUTRAL, withhold_number=False)],
    ids=["every rule", "no more than needed"],
)
def test_the_rules_of_the_safe_contact_arrive_as_they_were_sent(agreed: SafeContact) -> None:
    written = safe_contact(SAFE_NUMBER, agreed)
    assert written["url"] == SAFE_CONTACT
    assert read_safe_contact({"resourceType": "Consent", "extension": [written]}) == replace(
        agreed, channels=(SAFE_NUMBER,)
    )
