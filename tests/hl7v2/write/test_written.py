"""The messages that a hospital gets, and that none leaves which is not what the standard says."""

from dataclasses import replace
from datetime import timedelta

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.delivery.channel import Parcel
from service.hl7v2.placer import as_identifier
from service.hl7v2.segments import Message, read
from service.hl7v2.write.alert import NOT_NAMED
from service.hl7v2.write.build import Draft, NotValid, build
from service.hl7v2.write.fields import LINE_WIDTH, lines
from service.hl7v2.write.message import NotNamed
from service.hl7v2.write.outbound import Asked, Coded, Completion, Topic, Version
from service.referrals.contact import Engagement
from service.referrals.offer import OfferState
from service.referrals.referral import ReferralState
from service.shared.ids import new_id
from tests.fhir.write.support import NUMBER, PROGRAMME, REFERRAL
from tests.hl7v2.write.support import (
    ABOUT_NOBODY,
    ALERTING,
    DIALECT,
    ELSEWHERE,
    GOLDEN,
    NOTED,
    OFFERED,
    OUTBOUND,
    PARCELS,
    REFERRED,
    SUPPORTED,
    UNTOLD,
    draft,
    readable,
    written,
)


def observed(message: Message) -> dict[str, str]:
    """OBX-5 by OBX-3; of several with one code the last."""
    return {obx.text(3): obx.text(5) for obx in message.named("OBX")}


def sent(parcel: Parcel) -> Message:
    return read(written(parcel))


@pytest.mark.parametrize("name", PARCELS)
def test_what_is_sent_is_the_golden_file(name: str) -> None:
    assert readable(written(PARCELS[name])) == (GOLDEN / f"{name}.hl7").read_text(encoding="utf-8")


def test_every_golden_file_is_compared() -> None:
    assert {path.stem for path in GOLDEN.iterdir()} == set(PARCELS)


@pytest.mark.parametrize("version", Version)
@pytest.mark.parametrize("name", PARCELS)
def test_each_is_valid_in_each_version(name: str, version: Version) -> None:
    message = read(written(PARCELS[name], replace(OUTBOUND, version=version)))
    assert message.header.text(12) == version
    named = [obx.text(21) for obx in message.named("OBX")]
    assert all(named) if version is Version.V2_6 else not any(named)
    assert len(set(named)) == len(named) or version is not Version.V2_6


@pytest.mark.parametrize("state", ReferralState)
def test_a_referral_in_every_state_is_valid(state: ReferralState) -> None:
    parcel = replace(REFERRED, referral=REFERRAL._replace(state=state))
    assert observed(sent(parcel))["referral-status"] == state.value


@pytest.mark.parametrize("state", OfferState)
def test_an_offer_in_every_state_is_valid(state: OfferState) -> None:
    assert OFFERED.offer is not None
    parcel = replace(OFFERED, offer=OFFERED.offer._replace(state=state))
    assert observed(sent(parcel))["offer-status"] == state.value


def test_what_the_programme_says_of_the_time_with_her_is_sent_only_where_she_allows_it() -> None:
    told, untold = observed(sent(SUPPORTED)), observed(sent(UNTOLD))
    assert set(untold) == {"programme", "offer-status", "respond-by"}
    assert set(told) - set(untold) == {
        "offer-reason", "programme-status", "contact-attempts", "sessions-attended", "last-contact", "ending",
    }  # fmt: skip


def test_why_it_was_declined_is_said_although_nobody_has_met_her() -> None:
    assert OFFERED.offer is not None
    declined = OFFERED.offer._replace(state=OfferState.REJECTED, status_reason="At capacity")
    assert observed(sent(replace(OFFERED, offer=declined)))["offer-reason"] == "At capacity"


def test_a_status_is_final_at_first_and_a_correction_as_soon_as_the_record_has_one() -> None:
    control = sent(REFERRED).header.text(10)
    again = replace(REFERRED, first_told=control)
    later = replace(REFERRED, first_told="ANOTHER-MESSAGE")
    in_doubt = replace(REFERRED, may_have_said_else=True)
    for parcel, expected in ((REFERRED, "F"), (again, "F"), (later, "C"), (in_doubt, "C")):
        message = sent(parcel)
        order = message.first("OBR")
        assert order is not None
        assert [order.text(25), *(obx.text(11) for obx in message.named("OBX"))] == [expected, expected]


def test_an_update_has_the_names_of_what_it_replaces() -> None:
    before, after = sent(OFFERED), sent(SUPPORTED)
    names = [{obx.text(3): (obx.text(4), obx.text(21)) for obx in each.named("OBX")} for each in (before, after)]
    assert {key: names[1][key] for key in ("programme", "offer-status")} == {
        key: names[0][key] for key in ("programme", "offer-status")
    }
    orders = [each.first("OBR") for each in (before, after)]
    assert {(order.text(3), order.raw(29)) for order in orders if order} == {
        (OFFERED.delivery.resource_id, f"^{REFERRAL.id}&PEER-REFERRAL")
    }


def test_an_update_takes_back_what_is_so_no_more_and_leaves_what_was_told_while_she_allowed_it() -> None:
    assert SUPPORTED.offer is not None
    nothing_more = SUPPORTED.offer._replace(status_reason=None, business_status=None)
    engagement = Engagement(attempts=0, sessions=0, last_contact=None)
    withdrawn = {"offer-reason", "programme-status", "last-contact", "respond-by"}
    for parcel, expected in (
        (replace(SUPPORTED, offer=nothing_more, engagement=engagement), withdrawn),
        (replace(SUPPORTED, offer=nothing_more, engagement=engagement, first_told=None), set()),
        (UNTOLD, {"respond-by"}),
    ):
        lines = sent(parcel).named("OBX")
        assert {obx.text(3) for obx in lines if (obx.text(11), obx.raw(5)) == ("D", "")} == expected
        assert all(obx.raw(5) for obx in lines if obx.text(11) != "D")


def test_two_offers_of_a_referral_are_told_apart() -> None:
    assert OFFERED.offer is not None
    other = replace(OFFERED, offer=OFFERED.offer._replace(id=new_id()))
    (first, *_), (second, *_) = sent(OFFERED).named("OBX"), sent(other).named("OBX")
    assert first.text(4) != second.text(4)
    assert first.text(21) != second.text(21)


def test_what_says_the_same_has_the_same_control_id_and_all_else_another() -> None:
    delivery, referral = REFERRED.delivery, REFERRED.referral
    assert referral is not None
    again = replace(REFERRED, delivery=replace(delivery, attempts=7, last_outcome="no-answer"))
    others = (
        replace(REFERRED, delivery=replace(delivery, id=new_id())),
        replace(REFERRED, delivery=replace(delivery, owed_at=delivery.owed_at + timedelta(seconds=1))),
        replace(REFERRED, referral=referral._replace(state=ReferralState.SUPPORTED)),
    )
    assert written(again) == written(REFERRED)
    ids = [sent(each).header.text(10) for each in (REFERRED, *others)]
    assert len(set(ids)) == len(ids)
    assert {len(each) for each in ids} == {20}


def test_she_is_named_as_the_hospital_names_her_and_by_nothing_else() -> None:
    pid = sent(REFERRED).first("PID")
    assert pid is not None
    assert pid.raw(3) == "TEST-000417^^^ST TEST^MR~9990000018^^^&2.16.840.1.113883.2.1.4.1&ISO"
    assert pid.raw(5) == "^^^^^^U"


@pytest.mark.parametrize("parcel", [REFERRED, OFFERED, NOTED], ids=["referral", "offer", "note"])
def test_no_status_is_written_of_a_woman_whom_the_hospital_could_not_recognise(parcel: Parcel) -> None:
    with pytest.raises(NotNamed):
        written(replace(parcel, identifiers=(ELSEWHERE,)))


def test_an_alert_of_such_a_woman_is_written_under_her_order_and_says_that_she_is_not_named() -> None:
    message, named = sent(replace(ALERTING, identifiers=(ELSEWHERE,))), sent(ALERTING)
    order = message.first("OBR")
    assert order is not None
    assert (message.first("PID"), order.raw(2)) == (None, "ORD-4711^MATERNITY^2.999.3^ISO")
    assert observed(message) == observed(named) | {"patient": NOT_NAMED}
    assert "patient" not in observed(sent(ABOUT_NOBODY))


def test_a_site_may_call_everything_otherwise() -> None:
    own = replace(
        OUTBOUND,
        receiving=("EHR", "ST TEST"),
        commit=Asked.ALWAYS,
        application=Asked.NEVER,
        codes={Topic.REFERRAL_STATUS: Coded("REF^1", "Peer & support", "L")},
        texts={},
    )
    message = read(written(REFERRED, own))
    (obx,) = message.named("OBX")
    assert [message.header.text(number) for number in (5, 6, 15, 16)] == ["EHR", "ST TEST", "AL", "NE"]
    assert [obx.text(3, part) for part in (1, 2, 3)] == ["REF^1", "Peer & support", "L"]
    assert [obx.text(5, part) for part in (1, 2, 3)] == ["offered", "offered", "99PEER"]


def test_a_note_says_what_its_text_says_line_by_line() -> None:
    message = read(written(NOTED, replace(OUTBOUND, completion=Completion.AUTHENTICATED)))
    assert " ".join(obx.text(5) for obx in message.named("OBX")) == NOTED.note_text
    document = message.first("TXA")
    assert document is not None
    assert document.text(17) == "AU"


AGAINST_THE_STANDARD = {
    "without the number of her": ("PID", 3, ""),
    "without what was ordered": ("OBR", 4, ""),
    "without the status of an observation": ("OBX", 11, ""),
    "with a word for a number": ("OBX", 1, "one"),
    "with a time that is none": ("OBR", 7, "yesterday"),
    "of a field that there is not": ("PID", 77, "x"),
    "in a version that there is not": ("MSH", 12, "2.55"),
    "of a structure that there is not": ("MSH", 9, "ORU^R01^ORU_R99"),
}


@pytest.mark.parametrize("what", AGAINST_THE_STANDARD)
def test_a_message_that_is_not_valid_is_a_defect(what: str) -> None:
    name, number, value = AGAINST_THE_STANDARD[what]
    drafts = [
        Draft(each.name, {**each.fields, number: value} if each.name == name else each.fields)
        for each in draft(REFERRED)
    ]
    with pytest.raises(NotValid):
        build(drafts)


@pytest.mark.parametrize("value", ["a\\.br\\b", "a\nb", "two\rlines", "half an \\escape", "A|C"])
def test_what_hl7apy_would_write_otherwise_is_a_defect_too(value: str) -> None:
    *others, obx = draft(REFERRED)
    with pytest.raises(NotValid):
        build([*others, Draft("OBX", {**obx.fields, 2: "TX", 5: value})])


def test_a_segment_of_another_message_is_a_defect_too() -> None:
    with pytest.raises(NotValid):
        build([*draft(REFERRED), Draft("ZZZ", {1: "1"})])


ANYTHING = st.text(st.characters(codec="utf-8"), max_size=300)


@settings(max_examples=25)
@given(said=ANYTHING)
def test_whatever_a_programme_wrote_arrives_as_it_stands(said: str) -> None:
    assert ALERTING.escalation is not None
    assert ALERTING.escalation.said is not None
    escalation = replace(ALERTING.escalation, said=replace(ALERTING.escalation.said, texts=(said,)))
    message = sent(replace(ALERTING, escalation=escalation))
    arrived = [obx.text(5) for obx in message.named("OBX") if obx.text(3) == "alert-message"]
    assert [word for line in lines(said) for word in plain(line)] == [
        word for line in arrived[3:-1] for word in plain(line)
    ]


def plain(line: str) -> list[str]:
    """Its words, as far as they can be seen."""
    return "".join(each if each.isprintable() else " " for each in line).split()


@given(said=ANYTHING)
def test_lines_lose_nothing_and_are_no_wider_than_a_record_can_show(said: str) -> None:
    found = lines(said)
    assert "".join("".join(found).split()) == "".join(said.split())
    assert all(len(line) <= LINE_WIDTH for line in found)


def test_words_stay_whole_unless_one_alone_is_longer_than_a_line() -> None:
    assert lines("so-called " * 9) == ("so-called " * 7 + "so-called", "so-called")
    assert lines("この方は昨日から様子がおかしい。" * 10) == ("この方は昨日から様子がおかしい。" * 5,) * 2


@pytest.mark.parametrize("version", Version)
def test_a_reason_is_one_observation_however_long_it_is(version: Version) -> None:
    assert OFFERED.offer is not None
    reason = "She has asked us not to ring any more. " * 30
    declined = OFFERED.offer._replace(state=OfferState.REJECTED, status_reason=reason)
    message = read(written(replace(OFFERED, offer=declined), replace(OUTBOUND, version=version)))
    assert [obx.text(5) for obx in message.named("OBX") if obx.text(3) == "offer-reason"] == [reason.strip()]


LONG = "SAMPLE INFIRMARY MATERNITY ORDER COMMUNICATION"


@pytest.mark.parametrize("version", Version)
def test_the_hospitals_own_names_go_back_as_it_writes_them_however_long_they_are(version: Version) -> None:
    parcel = replace(ALERTING, observations=(orjson.dumps({"identifier": [as_identifier("ORD-4711", LONG)]}),))
    outbound = replace(OUTBOUND, version=version, receiving=(LONG, LONG))
    dialect = replace(DIALECT, authorities={(LONG, "MR"): NUMBER.system})
    message = read(build(draft(parcel, outbound, dialect)))
    pid, order = message.first("PID"), message.first("OBR")
    assert pid is not None
    assert order is not None
    assert (pid.raw(3), order.raw(2)) == (f"TEST-000417^^^{LONG}^MR", f"ORD-4711^{LONG}")
    assert [message.header.text(number) for number in (5, 6)] == [LONG, LONG]


def test_a_name_cannot_break_out_of_its_field() -> None:
    name = "A|B^C~D\\E&F\rOBX|99|TX|x||y"
    message = sent(replace(OFFERED, programme=replace(PROGRAMME, name=name)))
    assert observed(message)["programme"] == "A|B^C~D\\E&F OBX|99|TX|x||y"
    assert len(list(message.named("OBX"))) == 3
    assert NUMBER.value not in observed(message).values()
