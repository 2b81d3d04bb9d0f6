"""A danger told of another contact, or on another day, is another danger; what comes back or is sent again is not."""

from typing import Any

import pytest

from service.flow.answer import Accepted, Refused
from service.flow.received_update import Named, Part
from service.referrals.contact import ContactOutcome
from service.referrals.escalation import Concern, Said
from service.referrals.offer import Offer
from service.shared.ids import new_id
from tests.flow.support import DAY, HOUR, Service
from tests.flow.test_receive_refused import TOLD, refuse

IN_WORDS, BY_CODE = Said(("Very low today.",)), Said((), frozenset({Concern.HARM_TO_SELF}))
NOTE: dict[str, object] = {"text": "Very low today."}


@pytest.mark.parametrize("said", [IN_WORDS, BY_CODE, Said(attached=True)])
@pytest.mark.parametrize("days", [0, 30])
def test_what_another_contact_tells_is_heard_and_the_same_contact_says_it_once(
    service: Service, said: Said, days: int
) -> None:
    family, offer = service.supported()
    first = service.contact(family.community, offer, said=said, content=b"{}")
    assert isinstance(first, Accepted)
    service.pass_time(days * DAY)
    service.contact(family.community, offer, said=said, content=b"{}")
    service.contact(family.community, offer, ContactOutcome.ATTEMPTED, said=said, target_id=first.id)
    service.contact(family.community, offer, said=said, target_id=first.id, expected_version=9)
    assert service.alerts(family.woman) == ["escalation"]
    service.contact(family.community, offer, said=said)
    assert service.alerts(family.woman) == ["escalation"] * 2


@pytest.mark.parametrize(("said", "alerts"), [(IN_WORDS, [1, 1, 1, 1, 2]), (BY_CODE, [1, 1, 2, 2, 3])])
def test_a_refused_contact_is_heard_anew_after_a_day_and_its_code_at_once_in_another_body(
    service: Service, said: Said, alerts: list[int]
) -> None:
    family, offer = service.offered()
    told = []
    for hours, content in ((0, b"{}"), (0, b"{}"), (0, b'{"n":1}'), (23, b"{}"), (1, b"{}")):
        service.pass_time(hours * HOUR)
        assert isinstance(service.contact(family.community, offer, said=said, content=content), Refused)
        told.append(len(service.alerts(family.woman)))
    assert told == alerts


def test_what_a_refused_task_tells_is_heard_anew_after_a_day_but_not_what_stands_on_it(service: Service) -> None:
    family, offer = service.supported()
    service.update(family.community, offer.id, "accepted", notes=(NOTE,))
    service.pass_time(30 * DAY)
    for text, alerts in (("Very low today.", 1), ("Lower.", 2), ("Lower.", 2)):
        assert refuse(service, family.community, address=offer.id, texts=(text,)) is TOLD
        assert len(service.alerts(family.woman)) == alerts
    service.pass_time(DAY)
    assert refuse(service, family.community, address=offer.id, texts=("Lower.",)) is TOLD
    assert len(service.alerts(family.woman)) == 3


def whole(offer: Offer) -> tuple[Named, ...]:
    """The parts of a Task that comes back as it was read."""
    its = offer.handles
    ids = (its.patient, its.service_request, offer.organisation_id, offer.tenant_id)
    return tuple(Named(part, id, part.name.lower()) for part, id in zip(Part, ids, strict=True))


@pytest.mark.parametrize("parts", range(4))
def test_a_note_in_a_task_that_is_not_whole_is_heard_anew_after_a_day_though_it_stands_there(
    service: Service, parts: int
) -> None:
    family, offer = service.supported()
    for hours, alerts in ((0, 1), (0, 1), (23, 1), (30 * 24, 2), (1, 2), (24, 3)):
        service.pass_time(hours * HOUR)
        service.update(family.community, offer.id, "accepted", named=whole(offer)[:parts], notes=(NOTE,))
        assert len(service.alerts(family.woman)) == alerts, hours
    service.pass_time(30 * DAY)
    service.update(family.community, offer.id, "accepted", named=whole(offer), notes=(NOTE,) * 3)
    assert len(service.alerts(family.woman)) == 3


@pytest.mark.parametrize("element", ["notes", "outputs"])
def test_a_note_that_comes_once_more_than_it_stands_there_was_written_anew(service: Service, element: str) -> None:
    """Of a Task that comes back whole."""
    family, offer = service.supported()
    for sent, alerts in ((1, 1), (1, 1), (2, 2), (2, 2), (1, 2), (3, 3)):
        service.pass_time(30 * DAY)
        written: dict[str, Any] = {element: (NOTE,) * sent}
        service.update(family.community, offer.id, "accepted", named=whole(offer), **written)
        assert len(service.alerts(family.woman)) == (alerts if element == "notes" else 0), sent
    assert [row["content"] for row in service.rows("offer_report")] == [NOTE] * 3


def test_words_for_a_task_that_is_not_there_are_heard_anew_after_a_day(service: Service) -> None:
    family, offer = service.supported()
    for days, alerts in ((0, 1), (0, 1), (1, 2)):
        service.pass_time(days * DAY)
        assert refuse(service, family.community, offer.handles.patient, address=new_id()) is TOLD
        assert len(service.alerts(family.woman)) == alerts
