"""A read discloses: what it shows, what it writes down of that, and what it writes down when there is nothing."""

from functools import partial
from typing import cast

import orjson
import pytest

from service.fhir.door import Door
from service.fhir.reading import READ_TYPES, _show_or_note
from service.fhir.showing import show
from service.fhir.shown import Shown
from service.shared.caller import Caller
from service.shared.ids import new_id
from tests.flow.support import HOUR, Service


def read(service: Service, caller: Caller, type: str, id: str) -> Shown | None:
    """As the door does it, whose rules are all that is asked of it here."""
    work = partial(show, rules=service.rules, type=type, id=id, now=service.now())
    return service.store.read_now(caller, work)


def test_the_first_reading_of_a_version_has_its_own_audit_row_and_repeats_are_counted_by_the_hour(
    service: Service,
) -> None:
    family, offer = service.offered()
    before = len(service.rows("audit"))
    for _ in range(3):
        assert read(service, family.community, "Task", offer.id) is not None
    service.pass_time(HOUR)
    read(service, family.community, "Task", offer.id)
    (row,) = service.rows("audit")[before:]
    assert (row["action"], row["subject"], row["patient_id"]) == ("R", f"Task/{offer.id}", family.woman)
    assert [each["times"] for each in service.rows("disclosure", subject=f"Task/{offer.id}")] == [3, 1]
    service.update(family.community, offer.id, "accepted")
    read(service, family.community, "Task", offer.id)
    assert len(service.rows("audit", action="R")) == 2


@pytest.mark.parametrize("type", READ_TYPES)
def test_looking_for_what_is_not_ones_own_is_written_down_without_what_was_looked_for(
    service: Service, type: str
) -> None:
    class Asked:
        rules = service.rules

    door = cast(Door, Asked)  # the door has nothing else that this needs
    hospital, name = service.hospital(), "jane-doe"
    work = partial(_show_or_note, door=door, type=type, id=name, now=service.now())
    assert service.store.read_now(hospital, work) is None
    row = service.rows("audit")[-1]
    assert (row["subject"], row["outcome"], row["patient_id"]) == (f"{type}/-", "not-found", None)
    assert name not in str(service.rows("audit"))


def test_every_reference_of_a_programmes_view_leads_to_something_in_it(service: Service) -> None:
    family, offer = service.supported()
    waiting, seen = [f"Task/{offer.id}"], set[str]()
    while waiting:
        reference = waiting.pop()
        seen.add(reference)
        shown = read(service, family.community, *reference.split("/"))
        assert shown is not None, reference
        waiting += [each for each in references(orjson.loads(shown.body())) if each not in seen]
    assert {each.partition("/")[0] for each in seen} == {
        "Task", "ServiceRequest", "Patient", "Consent", "Observation", "Organization",
    }  # fmt: skip
    hidden = {family.woman, family.consent, service.referral(family.woman).id}
    assert not hidden & {each.partition("/")[2] for each in seen}


def references(node: object) -> list[str]:
    if isinstance(node, dict):
        own = [node["reference"]] if isinstance(node.get("reference"), str) else []
        return own + [found for child in node.values() for found in references(child)]
    return [found for child in node for found in references(child)] if isinstance(node, list) else []


def test_an_id_of_a_programmes_view_means_nothing_to_anybody_else(service: Service) -> None:
    family, offer = service.supported()
    handles = {
        "Patient": offer.handles.patient,
        "ServiceRequest": offer.handles.service_request,
        "Consent": offer.handles.consent,
        "Observation": offer.handles.observation,
    }
    for type, id in handles.items():
        assert read(service, family.community, type, id) is not None
        for other in (family.hospital, service.community(), service.hospital()):
            assert read(service, other, type, id) is None
        for wrong in set(handles.values()) - {id} | {new_id(), ""}:
            assert read(service, family.community, type, wrong) is None
