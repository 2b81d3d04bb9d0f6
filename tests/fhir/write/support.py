"""Values with fixed ids and times, and what is written of them.

`python -m tests.fhir.write.support` writes the golden files anew; read every difference before you keep one.
"""

import json
from dataclasses import replace
from datetime import UTC, date, datetime, time
from pathlib import Path

from service.consent.consent import Consent, Status
from service.consent.disclosure import ViewStage
from service.consent.safe_contact import Channel, Mode, Permission, SafeContact, Window
from service.delivery.words import marked
from service.fhir import terms
from service.fhir.capability import capability
from service.fhir.survey import Tree
from service.fhir.write.alert import alert_task, outgoing_alert_task, provenance
from service.fhir.write.bundle import SearchMode, search_bundle
from service.fhir.write.contact import contact
from service.fhir.write.directory import healthcare_service, organisation
from service.fhir.write.escalation import answer_to, receipt
from service.fhir.write.offer import consent, observation, patient, service_request, task
from service.fhir.write.outgoing import (
    outgoing_communication,
    outgoing_note,
    outgoing_patient,
    outgoing_service_request,
    outgoing_task,
)
from service.fhir.write.record import record_service_request, record_task
from service.flow.disclose import BabyAge, OfferView
from service.flow.received import Identifier
from service.mappings import load
from service.referrals.alert import Alert, AlertCode, AlertState, Practitioner, ResultVersion, Review, ReviewOutcome
from service.referrals.contact import Contact, ContactMode, ContactOutcome, Engagement
from service.referrals.escalation import Concern, Escalation, Said
from service.referrals.needs import Access, Wish
from service.referrals.note import Note, NoteKind
from service.referrals.note_text import Told, note_text
from service.referrals.offer import Ending, Handles, Offer, OfferState
from service.referrals.patient import PatientFacts
from service.referrals.programme import DeliveryMode, Model, Programme, Serves, Statements
from service.referrals.referral import Referral, ReferralState
from service.screening.instrument import EscalationContact, Priority, Stage
from service.shared.caller import OrganisationKind
from service.shared.clock import milliseconds
from service.shared.code import Code
from service.store.directory import Organisation
from service.store.programmes import Listed

GOLDEN = Path(__file__).parents[2] / "golden" / "fhir"
RULES = load()
BASE = "https://service.example/fhir"
STAMP = milliseconds(datetime(2026, 11, 3, 9, 30, 0, 125000, UTC))
OFFERED_AT = datetime(2026, 11, 2, 8, 0, tzinfo=UTC)
RESPOND_BY = datetime(2026, 11, 5, 8, 0, tzinfo=UTC)

PURPOSE = Code(f"{terms.TERMINOLOGY}/v3-ActReason", "TREAT")
SAFE_NUMBER = Channel(Mode.VOICE, Permission.ALLOW, "+44 7700 900123")
OTHER_NUMBER = Channel(Mode.SMS, Permission.DENY, "+44 7700 900456")
AGREED = SafeContact(
    channels=(OTHER_NUMBER, SAFE_NUMBER),
    caller_description="the library",
    windows=(Window(("mon", "wed"), time(9, 30), time(14, 30)),),
    timezone="Europe/London",
    code_word="marigold",
    review_by=date(2027, 1, 20),
)
CONSENT = Consent(
    id="01a00000-0000-7000-8000-00000000c001",
    version=2,
    tenant_id="01a00000-0000-7000-8000-0000000000a1",
    patient_id="01a00000-0000-7000-8000-00000000b001",
    status=Status.ACTIVE,
    permits=True,
    recipient_id="01a00000-0000-7000-8000-0000000000a2",
    given_at=datetime(2026, 10, 1, 7, 0, tzinfo=UTC),
    period_start=datetime(2026, 10, 1, tzinfo=UTC),
    period_end=datetime(2027, 4, 1, tzinfo=UTC),
    purposes=frozenset({PURPOSE}),
    may_report_back=True,
    safe_contact=AGREED,
)
OFFER = Offer(
    id="01a00000-0000-7000-8000-0000000f4a7e",
    version=3,
    tenant_id="01a00000-0000-7000-8000-0000000000a1",
    referral_id="01a00000-0000-7000-8000-00000000d001",
    patient_id="01a00000-0000-7000-8000-00000000b001",
    programme_id="01a00000-0000-7000-8000-00000000e001",
    organisation_id="01a00000-0000-7000-8000-0000000000a2",
    state=OfferState.REQUESTED,
    handles=Handles(
        patient="01a00000-0000-7000-8000-000000000002",
        service_request="01a00000-0000-7000-8000-000000000001",
        consent="01a00000-0000-7000-8000-000000000003",
        observation="01a00000-0000-7000-8000-000000000004",
    ),
    offered_at=OFFERED_AT,
    respond_by=RESPOND_BY,
)
OFFERED = OfferView(
    offer=OFFER,
    stage=ViewStage.OFFERED,
    consent=CONSENT,
    district="Testborough",
    pregnancy_stage=Stage.ANTENATAL,
    language="en",
    interpreter=False,
    respond_by=RESPOND_BY,
    preferred_name=None,
    channel=None,
    safe_contact=None,
    due_month=None,
    wish=Wish.ONE_TO_ONE,
    access=(Access.CHILDCARE, Access.STEP_FREE),
)
SUPPORTING = replace(
    OFFERED,
    offer=OFFER._replace(version=5, state=OfferState.IN_PROGRESS, business_status="First call made"),
    stage=ViewStage.SUPPORTING,
    preferred_name="Tessie",
    channel=SAFE_NUMBER,
    safe_contact=AGREED,
    due_month="2027-01",
    escalation_contact=EscalationContact("Maternity triage", "+44 1632 960100"),
)
POSTNATAL = replace(SUPPORTING, pregnancy_stage=Stage.POSTNATAL, due_month=None, baby_age=BabyAge.FROM_3_TO_6_MONTHS)
PAUSED = replace(
    SUPPORTING,
    offer=OFFER._replace(
        version=6, state=OfferState.HELD_BY_SERVICE, status_reason=RULES.status_reason("safety-event")
    ),
    channel=None,
    safe_contact=None,
)


def over(state: OfferState, status_reason: str | None = None, version: int = 7) -> OfferView:
    offer = OFFER._replace(version=version, state=state, status_reason=status_reason, business_status="First call made")
    return OfferView(offer, ViewStage.OVER, None, None, None, None, None, None, None, None, None, None)


NOTE: Tree = {"text": "She asks for a call on Monday."}
OUTPUT: Tree = {"type": {"text": "sessions"}, "valueInteger": 4}
VIEWS = {
    "offered": OFFERED,
    "supporting": SUPPORTING,
    "supporting-after-the-birth": POSTNATAL,
    "paused": PAUSED,
    "rejected": over(OfferState.REJECTED, "Rejected - at capacity"),
    "completed": over(OfferState.COMPLETED),
    "failed": over(OfferState.FAILED, "Tessie did not want it any more"),
    "withdrawn": over(OfferState.CANCELLED, RULES.status_reason("consent-withdrawn")),
    "consent-just-ended": over(OfferState.HELD_BY_PROGRAMME, "Tessie is away until May"),
}
SENDER = Identifier("https://st-test.example/organisation", "TEST-H1")
HOSPITAL = Organisation(
    CONSENT.tenant_id,
    "St Test Hospital",
    OrganisationKind.HOSPITAL,
    "https://record.example/fhir",
    SENDER,
    active=True,
    added_at=OFFERED_AT,
)
COMMUNITY = Organisation(
    OFFER.organisation_id, "Test Friends", OrganisationKind.COMMUNITY, None, None, active=True, added_at=OFFERED_AT
)
PROGRAMME = Programme(
    id=OFFER.programme_id,
    organisation_id=OFFER.organisation_id,
    name="Test Friends by Phone",
    active=True,
    model=Model.ONE_TO_ONE,
    modes=(DeliveryMode.PHONE,),
    languages=frozenset({"en"}),
    districts=frozenset(),
    stages=frozenset({Stage.ANTENATAL}),
    interpreters=False,
    places=3,
    places_taken=1,
    respond_within_hours=72,
    training_renewed_until=None,
    telephone=None,
)
EVERYTHING = Serves(16, 25, True, frozenset({"polish"}), True, frozenset({Access.SIGHT, Access.STEP_FREE}))
DESCRIBED = replace(
    PROGRAMME,
    interpreters=True,
    districts=frozenset({"testborough"}),
    training_renewed_until=date(2027, 12, 31),
    telephone="+44 1632 960001",
    serves=EVERYTHING,
    states=Statements("Mothers themselves", 24, ("listening", "boundaries"), "Practitioner", 2, "The same day"),
)
REFERRAL = Referral(
    OFFER.referral_id, 2, OFFER.tenant_id, OFFER.patient_id, ReferralState.OFFERED, OFFERED_AT, OFFERED_AT
)
CLOSED = REFERRAL._replace(version=3, state=ReferralState.CLOSED, reason="consent-withdrawn")
ENGAGEMENT = Engagement(attempts=3, sessions=2, last_contact=datetime(2026, 11, 20, 10, 15, tzinfo=UTC))
ENDED = replace(ENGAGEMENT, ending=Ending.ENDED_BY_HER)
NOTE_OF = Note("01a00000-0000-7000-8000-00000000f002", OFFER.referral_id, NoteKind.RETURNED, OFFERED_AT)
ALERT = Alert(
    id="01a00000-0000-7000-8000-00000000f001",
    version=1,
    tenant_id=OFFER.tenant_id,
    patient_id=OFFER.patient_id,
    referral_id=OFFER.referral_id,
    code=AlertCode.SELF_HARM_PRESENT,
    priority=Priority.URGENT,
    state=AlertState.OPEN,
    raised_at=OFFERED_AT,
    due_at=RESPOND_BY,
)
ASKING = replace(ALERT, code=AlertCode.CONSENT_NEEDED, priority=Priority.ROUTINE, programmes=(PROGRAMME.id,))
RAISED = replace(ALERT, code=AlertCode.ESCALATION)
ANSWERED = replace(
    RAISED,
    version=2,
    state=AlertState.ACKNOWLEDGED,
    acknowledged_at=datetime(2026, 11, 2, 8, 7, tzinfo=UTC),
    acknowledged_by_role="Midwife",
)
TOLD = Escalation(
    id="01a00000-0000-7000-8000-00000000f002",
    type="Communication",
    offer_id=OFFER.id,
    programme_id=PROGRAMME.id,
    alert_id=ALERT.id,
    said=Said(("She sounded very low.", "Please ring me."), frozenset({Concern.GETTING_WORSE}), attached=True),
    told_at=OFFERED_AT,
    source="",
)
CONTACT = Contact(
    id="01a00000-0000-7000-8000-00000000f003",
    version=1,
    type="Encounter",
    offer_id=OFFER.id,
    mode=ContactMode.VIDEO,
    outcome=ContactOutcome.ATTENDED,
    started_at=OFFERED_AT,
    ended_at=RESPOND_BY,
)
REVIEW = Review(ReviewOutcome.SUITABLE, Practitioner("M. Test", "Midwife"), RESPOND_BY)
REVIEWED = replace(
    ALERT,
    version=4,
    state=AlertState.RESOLVED,
    rung=2,
    result=ResultVersion("01a00000-0000-7000-8000-00000000f0aa", 2),
    acknowledged_by="A. Test",
    acknowledged_by_role="Midwife in charge",
    acknowledged_at=RESPOND_BY,
    review=REVIEW,
)
FACTS = PatientFacts("Tessie", date(1996, 2, 29), "Testborough", "en", interpreter=False, deceased=False)
NUMBER = Identifier("https://st-test.example/hospital-number", "TEST-000417")
IN_RECORD = ({"reference": "Patient/chart-7"}, "ServiceRequest/order-9")


def disclosed(view: OfferView) -> list[Tree]:
    """All that the programme can read about one offer."""
    return [
        task(view, STAMP, RULES, requester_name="St Test Hospital", notes=[NOTE], outputs=[OUTPUT]),
        service_request(view, STAMP),
        patient(view, STAMP),
        consent(view, STAMP),
        observation(view, STAMP),
    ]


def told() -> list[Tree]:
    """What its programme reads of a worry: on the Task, also when all is over, and as a Communication."""
    both = [answer_to(TOLD, RAISED, RULES), answer_to(replace(TOLD, type="Task"), ANSWERED, RULES)]
    withdrawn, offer = VIEWS["withdrawn"], SUPPORTING.offer
    return [
        task(SUPPORTING, STAMP, RULES, answers=both),
        task(withdrawn, STAMP, RULES, answers=both[1:]),
        receipt(TOLD.id, "1.1", STAMP, (TOLD, RAISED, offer), RULES, over=False),
        receipt(TOLD.id, "1.2", STAMP, (TOLD, ANSWERED, offer), RULES, over=True),
        receipt(TOLD.id, "1", STAMP, None, RULES, over=True),
    ]


def contacts() -> list[Tree]:
    return [
        contact(replace(CONTACT, type=type, outcome=outcome, mode=mode, ended_at=ended), OFFER, STAMP)
        for type, outcome, mode, ended in (
            ("Encounter", ContactOutcome.ATTENDED, ContactMode.VIDEO, RESPOND_BY),
            ("Encounter", ContactOutcome.DID_NOT_ATTEND, ContactMode.HOME_VISIT, None),
            ("Procedure", ContactOutcome.ATTENDED, None, None),
            ("Procedure", ContactOutcome.ATTEMPTED, ContactMode.PHONE, RESPOND_BY),
        )
    ]


def read_by_the_hospital() -> list[Tree]:
    supported = SUPPORTING.offer
    return [
        record_task(OFFER, STAMP, PROGRAMME.name),
        record_task(supported, STAMP, PROGRAMME.name, ENGAGEMENT, [NOTE]),
        record_service_request(REFERRAL, STAMP),
        record_service_request(CLOSED, STAMP),
        alert_task(ALERT, STAMP, RULES),
        alert_task(ANSWERED, STAMP, RULES, words=marked(ANSWERED, TOLD, PROGRAMME, RULES)),
        alert_task(replace(ALERT, patient_id=None, referral_id=None, code=AlertCode.DELIVERY_STUCK), STAMP, RULES),
        alert_task(REVIEWED, STAMP, RULES),
        provenance(REVIEWED, REVIEW, STAMP),
        organisation(HOSPITAL),
        organisation(COMMUNITY),
        healthcare_service(Listed(PROGRAMME, OFFERED_AT)),
        healthcare_service(Listed(DESCRIBED, OFFERED_AT)),
        alert_task(ASKING, STAMP, RULES, {PROGRAMME.id: PROGRAMME.name}),
    ]


def written_into_the_record() -> list[Tree]:
    text, rung, texts = RULES.alert_text(ALERT.code), RULES.policy(ALERT.tenant_id).rung(0), RULES.note_texts
    failed = VIEWS["failed"].offer
    told, untold = (Told(failed, PROGRAMME.name, each) for each in (ENDED, None))
    return [
        outgoing_patient([NUMBER]),
        outgoing_service_request(REFERRAL, IN_RECORD[0]),
        outgoing_service_request(CLOSED, IN_RECORD[0]),
        outgoing_task(OFFER, None, *IN_RECORD, PROGRAMME, None, HOSPITAL),
        outgoing_task(SUPPORTING.offer, ENGAGEMENT, *IN_RECORD, PROGRAMME, COMMUNITY, HOSPITAL),
        outgoing_task(failed, ENDED, *IN_RECORD, PROGRAMME, COMMUNITY, HOSPITAL),
        outgoing_task(failed, None, IN_RECORD[0], None, PROGRAMME, COMMUNITY, HOSPITAL),
        outgoing_note(NOTE_OF, note_text(texts, NOTE_OF.kind, [told], UTC), *IN_RECORD),
        outgoing_note(NOTE_OF, note_text(texts, NOTE_OF.kind, [untold], UTC), IN_RECORD[0], None),
        outgoing_communication(ALERT, text, rung, IN_RECORD[0]),
        outgoing_communication(replace(ALERT, rung=1), text, rung, None, link="https://service.example/answer/x"),
        outgoing_communication(ASKING, RULES.alert_text(ASKING.code), rung, IN_RECORD[0], [PROGRAMME.name]),
        outgoing_communication(
            RAISED,
            RULES.alert_text(RAISED.code),
            rung,
            IN_RECORD[0],
            [marked(ANSWERED, TOLD, replace(PROGRAMME, telephone="+44 1632 960001"), RULES)],
        ),
        outgoing_alert_task(REVIEWED, RULES, *IN_RECORD),
        outgoing_alert_task(ASKING, RULES, *IN_RECORD, [PROGRAMME.name]),
        outgoing_alert_task(replace(ALERT, copy_refusal="review-outcome-required"), RULES, None, None),
    ]


def found() -> list[Tree]:
    tasks = [(SearchMode.MATCH, record_task(OFFER._replace(id=id), STAMP, PROGRAMME.name)) for id in ("t-1", "t-2")]
    focus = [(SearchMode.INCLUDE, record_service_request(REFERRAL, STAMP))] * 2
    address = f"{BASE}/Task?_count=2"
    return [
        search_bundle(
            tasks + focus, base=BASE, self_url=address, next_url=f"{BASE}/Task?page=x", high_mark_ms=STAMP + 5
        ),
        search_bundle([], base=BASE, self_url=address, next_url=None, high_mark_ms=STAMP),
    ]


CASES: dict[str, list[Tree]] = {
    **{f"programme-{name}": disclosed(view) for name, view in VIEWS.items()},
    "programme-told": told(),
    "contacts": contacts(),
    "hospital": read_by_the_hospital(),
    "record": written_into_the_record(),
    "search": found(),
    "capability": [capability("https://service.example", "1.2.3")],
}
WRITTEN = [
    (f"{case} {place} {tree['resourceType']}", tree)
    for case, trees in CASES.items()
    for place, tree in enumerate(trees)
]


def text(trees: list[Tree]) -> str:
    return json.dumps(trees, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    for case, trees in CASES.items():
        (GOLDEN / f"{case}.json").write_text(text(trees), encoding="utf-8")
