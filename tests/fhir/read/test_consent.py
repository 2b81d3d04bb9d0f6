"""Consents as IHE PCF shapes them, and every way in which one does not permit."""

from collections.abc import Callable
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from service.consent.consent import Consent, Status
from service.fhir.outcome import BadInput
from service.fhir.read.common import received
from service.fhir.read.consent import read_consent
from service.flow.received import Reference
from service.flow.record_consent import ReceivedConsent
from service.flow.rules import Rules
from service.shared.code import Code

Tree = dict[str, Any]
Guarded = Callable[[Tree], Tree]
Read = Callable[..., ReceivedConsent]

BASE = "https://referral.example"
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
GIVEN = datetime(2026, 1, 10, 10, tzinfo=UTC)
REASON = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
TREAT = Code(REASON, "TREAT")
PROGRAMME = Reference("Organization", "programme-x")


def concept(system: str, code: str) -> Tree:
    return {"coding": [{"system": system, "code": code}]}


def actor(reference: str, code: str = "IRCP") -> Tree:
    role = concept("http://terminology.hl7.org/CodeSystem/v3-ParticipationType", code)
    return {"role": role, "reference": {"reference": reference}}


# As in the reference design, without its limit to one ServiceRequest; the roles of the nested provisions are cut short.
PLAIN: Tree = {
    "resourceType": "Consent",
    "status": "active",
    "identifier": [{"system": "urn:svc:consent", "value": "uuid"}],
    "scope": concept("http://terminology.hl7.org/CodeSystem/consentscope", "patient-privacy"),
    "category": [
        concept("http://loinc.org", "59284-0"),
        concept("http://terminology.hl7.org/CodeSystem/v3-ActCode", "IDSCL"),
    ],
    "patient": {"reference": "Patient/1"},
    "dateTime": "2026-01-10T10:00:00Z",
    "performer": [{"reference": "Patient/1"}],
    "organization": [{"reference": "Organization/maternity"}],
    "sourceReference": {"reference": "DocumentReference/form-v3-so"},
    "policy": [{"uri": "https://example.org/consent/peer-support/v3"}],
    "provision": {
        "type": "permit",
        "period": {"start": "2026-01-10", "end": "2027-01-10"},
        "actor": [actor("Organization/programme-x")],
        "purpose": [{"system": REASON, "code": "TREAT"}],
        "provision": [
            {
                "type": "permit",
                "actor": [
                    {"role": {"coding": [{"code": "IRCP"}]}, "reference": {"reference": "Organization/maternity"}}
                ],
                "data": [{"meaning": "authoredby", "reference": {"reference": "Organization/programme-x"}}],
            },
            {
                "type": "deny",
                "actor": [
                    {"role": {"coding": [{"code": "IRCP"}]}, "reference": {"reference": "RelatedPerson/partner"}}
                ],
            },
        ],
    },
}
REPORT_BACK, PARTNER = PLAIN["provision"]["provision"]


@pytest.fixture
def read(guarded: Guarded, rules: Rules) -> Read:
    """Reads PLAIN with some elements replaced, None leaving one out; `provision__x` replaces one of the provision."""

    def reading(*, target_id: str | None = None, **elements: object) -> ReceivedConsent:
        tree = deepcopy(PLAIN)
        for name, value in elements.items():
            outer, _, inner = name.partition("__")
            holder = tree[outer] if inner else tree
            holder[inner or outer] = value
            if value is None:
                del holder[inner or outer]
        tree = guarded(tree)
        message = received(tree, b"", target_id=target_id)
        return read_consent(tree, message, terms=rules.consent_terms, base=BASE, now=NOW)

    return reading


def refusal(read: Read, **elements: object) -> tuple[str, str | None]:
    with pytest.raises(BadInput) as caught:
        read(**elements)
    assert caught.value.status == 422
    (issue,) = caught.value.issues
    assert "programme-x" not in issue.text
    return issue.code, issue.expression


def test_the_reference_consent_is_read_in_every_part(read: Read) -> None:
    message = read()
    assert message.patient == Reference("Patient", "1")
    assert message.recipient == PROGRAMME
    assert message.said == Consent(
        id="",
        version=1,
        tenant_id="",
        patient_id="",
        status=Status.ACTIVE,
        permits=True,
        recipient_id=None,
        given_at=GIVEN,
        period_start=datetime(2026, 1, 10, tzinfo=UTC),
        # A year after she agreed is sooner than the end of the last day of the period.
        period_end=GIVEN + timedelta(days=365),
        purposes=frozenset({TREAT}),
        may_report_back=True,
        safe_contact=None,
    )


def nested_form(**main: object) -> Tree:
    """The same as core R4 has it: a root without a type, and the permits nested."""
    permit = {"type": "permit", "actor": [actor("Organization/programme-x")]} | main
    return {"purpose": [{"system": REASON, "code": "TREAT"}], "provision": [permit, REPORT_BACK, PARTNER]}


def test_a_root_without_a_type_permits_by_its_nested_permit(read: Read) -> None:
    message = read(provision=nested_form(period={"start": "2026-01-10", "end": "2027-01-10"}))
    assert message == read()


def test_a_root_without_a_type_and_its_nested_permit_apply_together(read: Read) -> None:
    narrower = {"period": {"start": "2026-02"}, "purpose": [{"system": REASON, "code": "COC"}]}
    form = nested_form(**narrower) | {"period": {"end": "2026-06"}}
    said = read(provision=form).said
    assert said.period_start == datetime(2026, 2, 1, tzinfo=UTC)
    assert said.period_end == datetime(2026, 7, 1, tzinfo=UTC)
    assert said.purposes == frozenset()


@pytest.mark.parametrize(
    ("period", "start", "end"),
    [
        (None, None, GIVEN + timedelta(days=365)),
        ({"end": "2026-06-30"}, None, datetime(2026, 7, 1, tzinfo=UTC)),
        ({"end": "2026-06"}, None, datetime(2026, 7, 1, tzinfo=UTC)),
        ({"end": "2026"}, None, datetime(2027, 1, 1, tzinfo=UTC)),
        ({"end": "2026-06-30T10:00:00+02:00"}, None, datetime(2026, 6, 30, 8, tzinfo=UTC)),
        ({"end": "9999-12-31"}, None, GIVEN + timedelta(days=365)),
        ({"start": "2026"}, datetime(2026, 1, 1, tzinfo=UTC), GIVEN + timedelta(days=365)),
        (
            {"start": "2026-05-01", "end": "2026-05-01"},
            datetime(2026, 5, 1, tzinfo=UTC),
            datetime(2026, 5, 2, tzinfo=UTC),
        ),
    ],
)
def test_the_period_includes_its_last_day_and_is_never_longer_than_allowed(
    read: Read, period: Tree | None, start: datetime | None, end: datetime
) -> None:
    said = read(provision__period=period).said
    assert (said.period_start, said.period_end) == (start, end)


@pytest.mark.parametrize(
    ("purpose", "kept"),
    [
        ([("TREAT", REASON), ("HMARKT", REASON), ("COC", REASON)], {"TREAT", "COC"}),
        ([("HMARKT", REASON)], set()),
        ([("TREAT", "https://hospital.example/purpose")], set()),
        ([], set()),
    ],
)
def test_only_the_purposes_that_the_terms_list_are_kept(
    read: Read, purpose: list[tuple[str, str]], kept: set[str]
) -> None:
    sent = [{"system": system, "code": code} for code, system in purpose]
    assert {code.code for code in read(provision__purpose=sent or None).said.purposes} == kept


@pytest.mark.parametrize(
    ("nested", "reports"),
    [
        ([REPORT_BACK], True),
        ([REPORT_BACK | {"actor": [actor(f"{BASE}/fhir/Organization/maternity")]}], True),
        ([REPORT_BACK | {"period": {"start": "2026-01-10", "end": "2027-01-10"}}], True),
        ([REPORT_BACK | {"period": {"end": "2026-02-01"}}], False),
        ([REPORT_BACK | {"action": [concept("urn:a", "b")]}], False),
        ([REPORT_BACK | {"type": "deny"}], False),
        ([REPORT_BACK, REPORT_BACK | {"type": "deny"}], False),
        (
            [REPORT_BACK | {"data": [{"meaning": "instance", "reference": {"reference": "Organization/programme-x"}}]}],
            False,
        ),
        (
            [REPORT_BACK | {"data": [{"meaning": "authoredby", "reference": {"reference": "Organization/other"}}]}],
            False,
        ),
        ([{name: value for name, value in REPORT_BACK.items() if name != "actor"}], False),
        ([PARTNER], False),
        (None, False),
    ],
)
def test_reporting_back_needs_a_nested_permit_to_the_hospital_for_what_the_recipient_writes(
    read: Read, nested: list[Tree] | None, reports: bool
) -> None:
    said = read(provision__provision=nested).said
    assert (said.permits, said.may_report_back) == (True, reports)


ROLE_CUSTODIAN = actor("Organization/programme-x", "CST")
TO_BOTH = [actor("Organization/programme-x"), actor("Organization/programme-y")]
MAIN = {"type": "permit", "actor": [actor("Organization/programme-x")]}
TO_ONE_REQUEST = [{"meaning": "instance", "reference": {"reference": "ServiceRequest/9"}}]
HERSELF = {"reference": "Patient/1"}
DEEP = [{"type": "permit", "provision": [{"type": "deny"}]}]


@pytest.mark.parametrize(
    ("elements", "code", "expression"),
    [
        ({"provision__actor": None}, "required", "Consent.provision.actor"),
        ({"provision__actor": [ROLE_CUSTODIAN]}, "required", "Consent.provision.actor"),
        ({"provision__actor": TO_BOTH}, "business-rule", "Consent.provision.actor"),
        (
            {"provision__provision": [{"type": "permit", "actor": TO_BOTH[1:]}]},
            "business-rule",
            "Consent.provision.actor",
        ),
        (
            {
                "organization": None,
                "provision__provision": [{"type": "permit", "actor": [actor("Organization/maternity")]}],
            },
            "business-rule",
            "Consent.provision.actor",
        ),
        ({"provision__actor": [actor("Practitioner/1")]}, "value", "Consent.provision.actor"),
        ({"provision__actor": [actor("https://ehr.example/Organization/1")]}, "value", "Consent.provision.actor"),
        ({"provision": {"provision": [REPORT_BACK]}}, "required", "Consent.provision.actor"),
        ({"provision__provision": DEEP}, "not-supported", "Consent.provision.provision.provision"),
        ({"provision__class": [{"system": "urn:a", "code": "b"}]}, "not-supported", "Consent.provision"),
        ({"provision__action": [concept("urn:a", "b")]}, "not-supported", "Consent.provision"),
        ({"provision__securityLabel": [{"system": "urn:a", "code": "b"}]}, "not-supported", "Consent.provision"),
        ({"provision__data": TO_ONE_REQUEST}, "not-supported", "Consent.provision"),
        ({"provision": {"provision": [MAIN | {"data": TO_ONE_REQUEST}]}}, "not-supported", "Consent.provision"),
        ({"performer": [{"reference": "RelatedPerson/partner"}]}, "business-rule", "Consent.performer"),
        ({"performer": [HERSELF, {"reference": "Patient/2"}]}, "business-rule", "Consent.performer"),
        ({"performer": [{"display": "her husband"}]}, "business-rule", "Consent.performer"),
        ({"verification": [{"verified": False}]}, "business-rule", "Consent.verification"),
        ({"verification": [{"verified": True}, {"verified": False}]}, "business-rule", "Consent.verification"),
        ({"implicitRules": "https://hospital.example/rules"}, "not-supported", "Consent.provision"),
        (
            {"modifierExtension": [{"url": "https://hospital.example/not", "valueBoolean": True}]},
            "not-supported",
            "Consent.provision",
        ),
        (
            {"provision__period": {"start": "2026-06-01T10:00:00Z", "end": "2026-06-01T10:00:00Z"}},
            "invariant",
            "Consent.provision.period",
        ),
        (
            {"provision": nested_form(period={"start": "2026-06"}) | {"period": {"end": "2026-05"}}},
            "invariant",
            "Consent.provision.period",
        ),
        (
            {"scope": concept("http://terminology.hl7.org/CodeSystem/consentscope", "research")},
            "not-supported",
            "Consent.scope",
        ),
        ({"scope": {"coding": [{"code": "patient-privacy"}]}}, "not-supported", "Consent.scope"),
        ({"category": [concept("http://loinc.org", "64292-6")]}, "required", "Consent.category"),
        ({"dateTime": None}, "required", "Consent.dateTime"),
        ({"dateTime": "2026-03-01T12:06:00Z"}, "value", "Consent.dateTime"),
        ({"dateTime": "2026-03-03"}, "value", "Consent.dateTime"),
        ({"provision": None}, "required", "Consent.provision"),
        ({"provision": {"actor": [actor("Organization/programme-x")]}}, "required", "Consent.provision"),
        ({"patient": None}, "required", "Consent.patient"),
        ({"patient": {"reference": "urn:uuid:c757873d-ec9a-4326-a141-556f43239520"}}, "value", "Consent.patient"),
    ],
)
def test_a_permit_that_is_not_plain_is_refused(
    read: Read, elements: dict[str, object], code: str, expression: str
) -> None:
    assert refusal(read, **elements) == (code, expression)


@pytest.mark.parametrize(
    "elements",
    [
        {"performer": None},
        {"performer": [HERSELF | {"display": "herself"}]},
        {"performer": [{"reference": f"{BASE}/fhir/Patient/1"}, {"reference": "Practitioner/midwife"}]},
        {"performer": [{"reference": "Organization/maternity"}]},
        {"verification": [{"verified": True, "verifiedWith": HERSELF}]},
    ],
)
def test_a_permit_is_hers_whoever_of_the_staff_has_heard_it(read: Read, elements: Tree) -> None:
    assert read(**elements) == read()


def test_the_guard_has_refused_a_reversed_period_already(read: Read) -> None:
    with pytest.raises(BadInput) as caught:
        read(provision__period={"start": "2027-01-10", "end": "2026-01-10"})
    assert caught.value.status == 422


def test_she_cannot_have_agreed_later_than_now(read: Read) -> None:
    assert read(dateTime="2026-03-01T12:04:00Z").said.given_at == NOW


def test_a_day_that_has_begun_in_the_east_is_not_the_future(guarded: Guarded, rules: Rules) -> None:
    tree, evening = guarded(PLAIN | {"dateTime": "2026-03-02"}), datetime(2026, 3, 1, 20, tzinfo=UTC)
    message = read_consent(tree, received(tree, b""), terms=rules.consent_terms, base=BASE, now=evening)
    assert message.said.given_at == evening


DENY_X = {"type": "deny", "actor": [actor("Organization/programme-x")]}


@pytest.mark.parametrize(
    ("provision", "recipient"),
    [
        (DENY_X, PROGRAMME),
        ({"type": "deny"}, None),
        ({"type": "deny", "actor": TO_BOTH}, None),
        ({"type": "deny", "actor": [actor("Organization/programme-x", "CST")]}, PROGRAMME),
        ({"type": "deny", "actor": [actor("Organization/programme-x"), actor("RelatedPerson/1")]}, PROGRAMME),
        ({"type": "deny", "provision": [{"type": "permit", "actor": TO_BOTH[:1]}]}, None),
        ({"provision": [DENY_X]}, PROGRAMME),
        ({"type": "deny", "action": [concept("urn:a", "b")], "provision": DEEP}, None),
    ],
)
def test_a_denial_is_about_its_one_organisation_or_about_all(
    read: Read, provision: Tree, recipient: Reference | None
) -> None:
    message = read(provision=provision)
    assert message.recipient == recipient
    assert (message.said.permits, message.said.status) == (False, Status.ACTIVE)
    assert not message.said.gives_permission()


def test_a_denial_of_a_person_says_nothing_about_an_organisation(read: Read) -> None:
    provision = {"type": "deny", "actor": [actor("RelatedPerson/partner")]}
    assert refusal(read, provision=provision) == ("business-rule", "Consent.provision.actor")


@pytest.mark.parametrize(
    ("denial", "permits"),
    [
        ({"type": "deny", "actor": [actor("RelatedPerson/partner")]}, True),
        ({"type": "deny", "actor": [actor("Organization/other")]}, True),
        ({"type": "deny", "actor": [actor("#partner")]}, True),
        ({"type": "deny", "actor": [{"role": {"text": "partner"}, "reference": {"display": "her partner"}}]}, True),
        ({"type": "deny", "purpose": [{"system": REASON, "code": "HMARKT"}]}, True),
        (DENY_X, False),
        ({"type": "deny"}, False),
        ({"type": "deny", "actor": [actor("https://ehr.example/Organization/77")]}, False),
        ({"type": "deny", "actor": [actor("RelatedPerson/partner"), actor("Organization/programme-x")]}, False),
        ({"type": "deny", "purpose": [{"system": REASON, "code": "TREAT"}]}, False),
        (DENY_X | {"purpose": [{"system": REASON, "code": "HMARKT"}]}, True),
    ],
)
def test_a_nested_denial_that_may_concern_the_recipient_takes_the_permission_away(
    read: Read, denial: Tree, permits: bool
) -> None:
    contained = [{"resourceType": "Patient", "id": "partner"}] if "#partner" in str(denial) else None
    message = read(provision__provision=[denial], contained=contained)
    assert message.recipient == PROGRAMME
    assert message.said.permits is permits


def test_a_nested_denial_of_the_hospital_by_its_own_name_does_not_concern_the_recipient(read: Read) -> None:
    hospital = "https://ehr.example/Organization/maternity"
    denial = {"type": "deny", "actor": [actor(hospital)]}
    said = read(organization=[{"reference": hospital}], provision__provision=[denial]).said
    assert (said.permits, said.may_report_back) == (True, False)


def test_a_programme_that_keeps_the_consent_too_is_no_hospital(read: Read) -> None:
    both = [{"reference": "Organization/maternity"}, {"reference": "Organization/programme-x"}]
    said = read(organization=both, provision__provision=[REPORT_BACK, PARTNER]).said
    assert (said.permits, said.may_report_back) == (True, True)
    assert not read(organization=both, provision__provision=[DENY_X]).said.permits
    to_itself = REPORT_BACK | {"actor": [actor("Organization/programme-x")]}
    assert not read(organization=both, provision__provision=[to_itself]).said.may_report_back


def test_the_end_of_a_nested_permit_is_about_its_recipient_and_not_about_the_hospital(read: Read) -> None:
    assert read(status="inactive", provision=nested_form()).recipient == PROGRAMME


ENDED = [Status.INACTIVE, Status.REJECTED, Status.ENTERED_IN_ERROR]


@pytest.mark.parametrize("status", [*ENDED, Status.DRAFT, Status.PROPOSED])
def test_the_same_consent_that_is_not_in_force_names_the_same_recipient(read: Read, status: Status) -> None:
    message = read(status=status.value)
    assert (message.recipient, message.said.status, message.said.given_at) == (PROGRAMME, status, GIVEN)
    assert not message.said.gives_permission()


@pytest.mark.parametrize("status", ENDED)
@pytest.mark.parametrize(
    "elements",
    [
        {"provision": None},
        {"provision__actor": None, "dateTime": None},
        {"provision__actor": TO_BOTH},
        {"provision__provision": DEEP, "provision__actor": None},
        {"scope": {"text": "privacy"}, "category": [{"text": "consent"}]},
        {
            "extension": [
                {
                    "url": "https://peer-referral.example/fhir/StructureDefinition/safe-contact",
                    "extension": [{"url": "window", "extension": [{"url": "day", "valueCode": "noday"}]}],
                }
            ]
        },
    ],
)
def test_the_end_of_a_known_consent_is_taken_in_any_shape(read: Read, status: Status, elements: dict[str, Any]) -> None:
    message = read(status=status.value, target_id="7", **elements)
    assert not message.said.gives_permission()
    assert message.recipient in (None, PROGRAMME)


def test_the_end_of_a_research_consent_is_not_the_end_of_this_one(read: Read) -> None:
    research = concept("http://terminology.hl7.org/CodeSystem/consentscope", "research")
    assert refusal(read, status="inactive", scope=research) == ("not-supported", "Consent.scope")


def test_a_no_that_has_only_a_day_counts_from_its_end_and_a_yes_from_its_beginning(read: Read) -> None:
    no, yes = read(dateTime="2026-02-10", provision=DENY_X).said, read(dateTime="2026-02-10").said
    assert yes.given_at == datetime(2026, 2, 10, tzinfo=UTC)
    assert no.given_at == datetime(2026, 2, 10, 23, 59, 59, 999000, tzinfo=UTC)


def test_a_no_without_a_time_is_kept_without_one(read: Read) -> None:
    assert read(dateTime=None, provision=DENY_X).said.given_at is None
