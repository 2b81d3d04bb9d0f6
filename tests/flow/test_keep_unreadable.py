"""A body that could not be understood is kept; what a hospital told in it of risk is heard all the same."""

from collections.abc import Sequence

import pytest

from service.flow.keep_unreadable import Recognised, Salvaged, Unreadable, keep_unreadable
from service.flow.received import Identifier, Reference
from service.shared.caller import Caller
from service.shared.ids import new_id
from tests.flow.support import NOW, Service, piece, scores

AN_INSTRUMENT, RISK = Recognised.AN_INSTRUMENT, Recognised.A_CRITICAL_ANSWER


def keep(service: Service, caller: Caller, results: Sequence[Salvaged], of: str = "") -> None:
    unreadable = Unreadable(new_id(), b"sealed", of or new_id(), "structure", results)
    service.run(caller, lambda tx: keep_unreadable(tx, service.rules, unreadable, service.now()))


def codes(service: Service, caller: Caller) -> list[tuple[str, str | None]]:
    return [(row["code"], row["patient_id"]) for row in service.rows("alert", tenant_id=caller.organisation_id)]


CODES = [(AN_INSTRUMENT, "unreadable-result"), (RISK, "unreadable-risk")]


@pytest.mark.parametrize(("recognised", "code"), CODES)
def test_a_hospital_hears_of_a_result_that_could_not_be_read(
    service: Service, recognised: Recognised, code: str
) -> None:
    hospital = service.hospital()
    keep(service, hospital, [Salvaged(recognised)])
    assert codes(service, hospital) == [(code, None)]


def test_nobody_hears_of_what_holds_no_result(service: Service) -> None:
    hospital = service.hospital()
    keep(service, hospital, [Salvaged(Recognised.NOTHING)])
    assert codes(service, hospital) == []


@pytest.mark.parametrize(("recognised", "code"), [(AN_INSTRUMENT, "unreadable-result"), (RISK, "self-harm-present")])
def test_where_it_is_certain_whose_a_result_is_it_is_heard_as_hers(
    service: Service, recognised: Recognised, code: str
) -> None:
    family = service.family()
    service.result(family.hospital, family.woman, piece(15, scores(15)), effective=NOW)
    hers = Salvaged(recognised, [Reference("Patient", family.woman)] * 2)
    keep(service, family.hospital, [hers])
    assert codes(service, family.hospital) == [(code, family.woman)]
    harmed = recognised is RISK
    assert service.states(family.woman) == (("in-review", ["cancelled"]) if harmed else ("offered", ["requested"]))
    assert len(service.rows("screening_result")) == 1


@pytest.mark.parametrize(
    "subjects",
    [["hers", "another's"], ["hers", "nobody's"], ["of another hospital"], ["of another type"]],
    ids=" and ".join,
)
def test_where_it_is_not_certain_nobody_is_named(service: Service, subjects: list[str]) -> None:
    family, stranger = service.family(), service.family()
    named = {
        "hers": Reference("Patient", family.woman),
        "another's": Reference("Patient", service.woman(family.hospital)),
        "nobody's": Reference("Patient", new_id()),
        "of another hospital": Reference("Patient", stranger.woman),
        "of another type": Reference("Group", family.woman),
    }
    keep(service, family.hospital, [Salvaged(RISK, [named[each] for each in subjects])])
    assert codes(service, family.hospital) == [("unreadable-risk", None)]
    assert codes(service, stranger.hospital) == []


def test_each_woman_is_told_of_and_those_whom_nobody_knows_once(service: Service) -> None:
    family = service.family()
    women = [family.woman, service.woman(family.hospital)]
    results = [Salvaged(RISK, [Reference("Patient", each)]) for each in (*women, new_id(), new_id())]
    keep(service, family.hospital, [*results, Salvaged(AN_INSTRUMENT)])
    expected = [*(("self-harm-present", each) for each in women), ("unreadable-risk", None)]
    assert sorted(codes(service, family.hospital), key=str) == sorted(expected, key=str)


@pytest.mark.parametrize("hers", [True, False])
def test_the_same_body_is_told_of_once_and_another_anew(service: Service, hers: bool) -> None:
    family = service.family()
    result = Salvaged(RISK, [Reference("Patient", family.woman)] if hers else [])
    for body_sent in ("one", "one", "one", "another"):
        keep(service, family.hospital, [result], body_sent)
    told = ("self-harm-present", family.woman) if hers else ("unreadable-risk", None)
    assert codes(service, family.hospital) == [told] * 2


UNNAMED_EVENT = ("unnamed-event", None)


@pytest.mark.parametrize("known", [True, False])
def test_a_loss_pauses_contact_where_it_is_certain_whose_it_is_once_for_each_body(
    service: Service, known: bool
) -> None:
    family = service.family()
    service.result(family.hospital, family.woman, piece(15, scores(15)), effective=NOW)
    subject = Reference("Patient", family.woman if known else new_id())
    loss = Salvaged(Recognised.NOTHING, [subject], safety_event=True)
    for body_sent in ("one", "one", "another"):
        keep(service, family.hospital, [loss], body_sent)
    assert service.states(family.woman) == (("on-hold", ["cancelled"]) if known else ("offered", ["requested"]))
    assert codes(service, family.hospital) == ([("safety-event", family.woman)] * 2 if known else [UNNAMED_EVENT])


def test_the_losses_of_two_whom_nobody_knows_are_told_of_each(service: Service) -> None:
    hospital = service.hospital()
    named = [Reference("Patient", identifier=Identifier("urn:hospital", each)) for each in ("W8", "W9")]
    keep(service, hospital, [Salvaged(Recognised.NOTHING, [each], safety_event=True) for each in named])
    assert [each["topic"] for each in service.rows("alert")] == ["W8 (urn:hospital)", "W9 (urn:hospital)"]


@pytest.mark.parametrize("of", ["nobody", "two"])
def test_a_loss_of_which_nobody_can_tell_whose_it_is_is_urgent_once(service: Service, of: str) -> None:
    family = service.family()
    two = [Reference("Patient", each) for each in (family.woman, service.woman(family.hospital))]
    loss = Salvaged(Recognised.NOTHING, two if of == "two" else [], safety_event=True)
    for _ in range(2):
        keep(service, family.hospital, [loss, loss], "one")
    assert codes(service, family.hospital) == [UNNAMED_EVENT]
    assert (service.rows("alert")[0]["topic"] is None) is (of == "nobody")
