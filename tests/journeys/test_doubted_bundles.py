"""A transaction that names a woman who is known, and says of her what contradicts that: who hears of what is in it."""

import json
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from service.demo.people import Person, consent, patient
from tests.journeys.bundles import Resource, about, bundle, entry, name, number_of
from tests.journeys.support import World, epds, total
from tests.journeys.test_bundles import RISK, alerts, send


def stillbirth(about_whom: str) -> Resource:
    coded = {"coding": [{"system": "http://snomed.info/sct", "code": "237364002"}]}
    return {**about(total("-", 3), about_whom), "code": coded, "status": "preliminary"}


BESIDE: dict[str, tuple[list[str], Callable[[World, Person, str], list[Resource]]]] = {
    "a loss": (["unnamed-event"], lambda world, person, woman: [entry(name(), stillbirth(woman))]),
    "a loss that cannot be read": (
        ["unnamed-event"],
        lambda world, person, woman: [entry(name(), stillbirth(woman) | {"status": "finalish"})],
    ),
    "a no": (["unnamed-refusal"], lambda world, person, woman: [entry(name(), refusal_of(world, person, woman))]),
    "a risk": (["unreadable-risk"], lambda world, person, woman: [entry(name(), about(epds("-", RISK), woman))]),
    "nothing": ([], lambda world, person, woman: []),
}
TOLD = ("unnamed-event", "unnamed-refusal", "unreadable-risk")


def refusal_of(world: World, person: Person, woman: str) -> Resource:
    organisations = world.hospital.identity.organisation_id, world.programme.identity.organisation_id
    return about(consent(person, "-", *organisations, datetime.now(UTC)), woman, "patient") | {"status": "inactive"}


@pytest.mark.parametrize(("condition", "dies"), [(True, False), (False, True)])
@pytest.mark.parametrize("beside", BESIDE)
def test_a_transaction_whose_patient_may_be_another_is_refused_and_what_it_tells_goes_to_a_person(
    world: World, beside: str, dies: bool, condition: bool
) -> None:
    person, her, offer = world.offered()
    before = {each: len(alerts(world, each)) for each in TOLD}
    woman, asked = name(), {"ifNoneExist": f"identifier={number_of(person)}"} if condition else {}
    another = patient(person) | {"birthDate": "1971-01-31"} | ({"deceasedBoolean": True} if dies else {})
    codes, make = BESIDE[beside]
    entries = [entry(woman, another, **asked), *make(world, person, woman)]
    for _ in range(2):
        assert send(world, bundle(*entries)).status_code == (422 if "read" in beside else 409)
    (now,) = world.tasks(f"_id={offer['id']}")
    doubted = "read" not in beside
    assert (now["status"] == "cancelled") is doubted
    assert len([each for each in alerts(world, "identity-conflict") if her in json.dumps(each)]) == doubted
    assert not [each for each in alerts(world, "safety-event") if her in json.dumps(each)]
    told = {*codes, *(["unnamed-event"] if dies else [])}
    assert {each for each in TOLD if len(alerts(world, each)) > before[each]} == told


@pytest.mark.parametrize("condition", [True, False])
def test_a_transaction_about_her_as_she_is_known_is_hers(world: World, condition: bool) -> None:
    person, her, offer = world.offered()
    before = {each: len(alerts(world, each)) for each in TOLD}
    woman, asked = name(), {"ifNoneExist": f"identifier={number_of(person)}"} if condition else {}
    sent = bundle(entry(woman, patient(person), **asked), entry(name(), stillbirth(woman)))
    assert send(world, sent).status_code == 200
    (now,) = world.tasks(f"_id={offer['id']}")
    assert now["status"] == "cancelled"
    assert len([each for each in alerts(world, "safety-event") if her in json.dumps(each)]) == 1
    assert {each: len(alerts(world, each)) for each in TOLD} == before


@pytest.mark.parametrize("hers", [True, False])
@pytest.mark.parametrize("dies", [True, False])
def test_what_an_update_of_her_that_is_refused_tells_is_hers_only_by_her_own_birth_date(
    world: World, dies: bool, hers: bool
) -> None:
    person, her, offer = world.offered()
    before = len(alerts(world, "unnamed-event"))
    woman, other = name(), name()
    said = patient(person) | ({} if hers else {"birthDate": "1971-01-31"}) | {"deceasedBoolean": dies}
    update = entry(woman, said, "PUT", f"Patient?identifier={number_of(person)}")
    told = about(total("-", 3), woman) if dies else stillbirth(woman)
    wrong = entry(other, about(total("-", 3), woman) | {"status": "finalish"})
    assert send(world, bundle(update, entry(name(), told), wrong)).status_code == 422
    (now,) = world.tasks(f"_id={offer['id']}")
    assert (now["status"] == "cancelled") is hers
    assert len([each for each in alerts(world, "safety-event") if her in json.dumps(each)]) == hers
    assert len(alerts(world, "unnamed-event")) == before + (not hers)


@pytest.mark.parametrize("permits", [True, False])
def test_a_no_that_may_be_either_of_two_womens_is_told(world: World, permits: bool) -> None:
    (person, first, _), (other, second) = world.offered(), world.register()
    before = len(alerts(world, "unnamed-refusal"))
    sent = refusal_of(world, person, f"Patient/{first}") | {"status": "active" if permits else "inactive"}
    sent["patient"]["identifier"] = dict(zip(("system", "value"), other.identifier, strict=True))
    sent["performer"] = [sent["patient"]]
    assert world.hospital.ask("POST", "Consent", sent).status_code == 409
    assert [code for code in ("identity-conflict",) for each in alerts(world, code) if second in json.dumps(each)]
    assert len(alerts(world, "unnamed-refusal")) == before + (not permits)
