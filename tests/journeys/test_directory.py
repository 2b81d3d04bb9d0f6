"""The directory as both sides read it, and what a hospital learns and says of a referral that waits."""

from typing import Any

import pytest

from service.demo.record import Resource
from service.parts import open_office
from tests.journeys.support import Party, World, wait_until

OURS = "https://peer-referral.example/fhir"
SAFE_CONTACT = f"{OURS}/StructureDefinition/safe-contact"
SUPPORT_NEEDS = f"{OURS}/StructureDefinition/support-needs"


def found(party: Party, query: str) -> list[Resource]:
    bundle = party.must(200)("GET", query)
    assert bundle["meta"]["lastUpdated"]
    return [entry["resource"] for entry in bundle.get("entry", ())]


def names(party: Party, query: str) -> list[str]:
    return [each["name"] for each in found(party, query)]


def describe(world: World, party: Party, **said: Any) -> str:
    """Another programme of this party's organisation, for a district that nobody lives in."""
    described = {
        "organisation": party.identity.organisation_id,
        "active": True,
        "model": "group",
        "modes": ["meeting"],
        "languages": ["so"],
        "interpreters": False,
        "districts": ["Nowhere"],
        "stages": ["postnatal"],
        "places": 3,
    }
    lines = (f"{name} = {value!r}\n".replace("True", "true").replace("False", "false")
             for name, value in {**described, **said}.items())  # fmt: skip
    file = world.service.folder / "another.toml"
    file.write_text("".join(lines))
    with open_office(world.service.settings()) as office:
        return office.import_programme(file).id


@pytest.fixture(scope="module")
def groups(world: World) -> dict[str, str]:
    """Name -> id of two more programmes, one of them not active."""
    return {
        "Nowhere Group": describe(world, world.other_programme, name="Nowhere Group", access=["step-free"]),
        "Closed Group": describe(world, world.other_programme, name="Closed Group", active=False),
    }


def test_a_hospital_finds_every_active_programme_and_an_organisation_its_own(
    world: World, groups: dict[str, str]
) -> None:
    own = world.programme.identity.organisation_id
    assert names(world.hospital, "HealthcareService?_sort=name") == ["Nowhere Group", "Test Borough Parent Circle"]
    assert names(world.programme, f"HealthcareService?organization={own}") == ["Test Borough Parent Circle"]
    assert names(world.programme, f"HealthcareService?_id={groups['Nowhere Group']}") == []
    assert names(world.other_programme, "HealthcareService?_sort=-name") == ["Nowhere Group", "Closed Group"]
    assert names(world.other_programme, "HealthcareService?active=false") == ["Closed Group"]


@pytest.mark.parametrize(
    ("query", "there"),
    [
        ("service-type=group", True),
        (f"service-type={OURS}/CodeSystem/programme-model|group,online", True),
        ("service-type=http://elsewhere.example|group", False),
        ("characteristic=meeting&characteristic=step-free", True),
        ("characteristic=meeting&characteristic=sight", False),
        ("language=so", True),
        ("language=en", False),
        ("district=nowhere", True),
        ("district=Testborough", False),
        ("name=nowh", True),
        ("name=group", False),
        ("active=true", True),
    ],
)
def test_a_search_narrows(world: World, groups: dict[str, str], query: str, there: bool) -> None:
    assert ("Nowhere Group" in names(world.hospital, f"HealthcareService?{query}")) is there


def test_a_programme_is_read_by_whoever_may_find_it(world: World, groups: dict[str, str]) -> None:
    path = f"HealthcareService/{groups['Nowhere Group']}"
    answer = world.hospital.ask("GET", path)
    assert answer.status_code == 200
    assert answer.json()["providedBy"]["reference"] == world.other_programme.organisation
    assert world.hospital.ask("GET", path, If_None_Match=answer.headers["etag"]).status_code == 304
    assert world.programme.ask("GET", path).status_code == 404
    assert world.other_programme.ask("GET", path).status_code == 200


def test_an_organisation_finds_itself_and_a_hospital_those_that_run_programmes(world: World) -> None:
    assert [each["id"] for each in found(world.programme, "Organization")] == [world.programme.identity.organisation_id]
    communities = {each.identity.organisation_id for each in (world.programme, world.other_programme)}
    assert {each["id"] for each in found(world.hospital, "Organization?type=cg")} == communities
    assert [each["id"] for each in found(world.hospital, "Organization?type=prov")] == [
        world.hospital.identity.organisation_id
    ]
    system, value = "https://parent-circle.example/organisation", "parent-circle"
    (one,) = found(world.hospital, f"Organization?identifier={system}|{value}")
    assert one["id"] == world.programme.identity.organisation_id
    assert found(world.hospital, f"Organization?identifier={system}|other") == []


@pytest.mark.parametrize("kind", ["Organization", "HealthcareService"])
def test_a_parameter_is_never_passed_over_in_silence(world: World, kind: str) -> None:
    unknown = world.hospital.ask("GET", f"{kind}?colour=blue")
    assert unknown.status_code == 400
    assert "colour" in unknown.text
    assert world.hospital.ask("GET", f"{kind}?colour=blue", Prefer="handling=lenient").status_code == 200
    for malformed in ("_count=0", "_count=1001", "_sort=colour", "active=perhaps", "name="):
        assert world.hospital.ask("GET", f"{kind}?{malformed}").status_code == 400


def test_the_next_page_of_a_lenient_search_needs_no_word_of_it(world: World, groups: dict[str, str]) -> None:
    first = world.hospital.ask("GET", "HealthcareService?_count=1&colour=blue", Prefer="handling=lenient").json()
    (link,) = [each["url"] for each in first["link"] if each["relation"] == "next"]
    assert world.hospital.ask("GET", link).status_code == 200


def test_pages_follow_each_other_and_belong_to_who_asked(world: World, groups: dict[str, str]) -> None:
    first = world.hospital.must(200)("GET", "HealthcareService?_count=1&_sort=-name")
    (link,) = [each["url"] for each in first["link"] if each["relation"] == "next"]
    second = world.hospital.must(200)("GET", link)
    pages = [[entry["resource"]["name"] for entry in page["entry"]] for page in (first, second)]
    assert pages == [["Test Borough Parent Circle"], ["Nowhere Group"]]
    assert [each["relation"] for each in second["link"]] == ["self"]
    assert world.other_hospital.ask("GET", link).status_code == 404
    assert world.hospital.ask("GET", link.replace("HealthcareService", "Organization")).status_code == 404


# A referral that waits


def waiting(world: World, **said: object) -> tuple[Any, str, Resource]:
    """A woman who was not asked yet, her id, and the request for her consent that the clinic finds."""
    person, patient_id = world.register()
    if said:
        known = world.hospital.must(200)("GET", f"Patient/{patient_id}")
        known["extension"] = [*known.get("extension", ()), said]
        world.hospital.must(200)("PUT", f"Patient/{patient_id}", known)
    world.screen(patient_id)
    (alert,) = world.tasks(f"patient={patient_id}", world.hospital)
    return person, patient_id, alert


def test_the_clinic_is_told_which_programmes_fit_here_and_in_its_record(world: World) -> None:
    person, _, alert = waiting(world)
    (programme,) = found(world.programme, "HealthcareService")
    assert alert["code"]["coding"][0]["code"] == "obtain-consent"
    assert [each["valueReference"] for each in alert["input"]] == [
        {"reference": f"HealthcareService/{programme['id']}", "display": programme["name"]}
    ]
    wait_until(lambda: bool(world.in_record("Communication", person)), "the clinic is asked in its record")
    (message,) = world.in_record("Communication", person)
    assert [each["contentString"] for each in message["payload"]][1:] == [programme["name"]]


def placement(party: Party, referral: str) -> list[dict[str, list[Any]]]:
    """Of the newest placement, each programme's parts by their name."""
    parameters = party.must(200)("GET", f"{referral}/$placement")
    assert parameters["resourceType"] == "Parameters"
    parts = parameters["parameter"][-1]["part"]
    return [by_name(part["part"]) for part in parts if part["name"] == "programme"]


def by_name(parts: list[Resource]) -> dict[str, list[Any]]:
    told: dict[str, list[Any]] = {}
    for part in parts:
        told.setdefault(part["name"], []).append(next(value for name, value in part.items() if name != "name"))
    return told


def test_the_hospital_alone_reads_why_each_programme_was_chosen_or_passed_over(
    world: World, groups: dict[str, str]
) -> None:
    wish = {"url": SUPPORT_NEEDS, "extension": [{"url": "wish", "valueCode": "one-to-one"}]}
    person, patient_id, alert = waiting(world, **wish)
    referral = alert["focus"]["reference"]
    best, *others = placement(world.hospital, referral)
    assert (best["verdict"], best["in-favour"]) == (["consent-needed"], ["wish-met", "language-spoken", "own-district"])
    assert [each["verdict"] for each in others if groups["Nowhere Group"] in str(each)] == [["district-not-served"]]

    world.agree(person, patient_id)
    assert placement(world.hospital, referral)[0]["verdict"] == ["chosen"]
    for stranger in (world.programme, world.other_programme, world.other_hospital):
        assert stranger.ask("GET", f"{referral}/$placement").status_code == 404
    (task,) = [each for each in world.tasks() if each["status"] == "requested"][-1:]
    assert world.programme.ask("GET", f"{task['focus']['reference']}/$placement").status_code == 404
    told = world.programme.must(200)("GET", task["focus"]["reference"])
    assert wish in told["extension"]


def test_a_safe_way_said_of_the_request_lets_the_referral_go_on(world: World) -> None:
    person, patient_id, alert = waiting(world)
    nothing_of_it = [{"url": "https://st-test.example/form", "valueString": "2026"}]
    world.agree(person, patient_id, extension=nothing_of_it)
    referral = world.hospital.must(200)("GET", alert["focus"]["reference"])

    def offers() -> list[Resource]:
        return world.tasks(f"patient={patient_id}&code=fulfill", world.hospital)

    assert offers() == []

    way = [{"url": "mode", "valueCode": "voice"}, {"url": "permission", "valueCode": "allow"}]
    channel = {"url": "channel", "extension": [*way, {"url": "value", "valueString": person.safe_number}]}
    said = referral | {"extension": [{"url": SAFE_CONTACT, "extension": [channel]}]}
    assert world.programme.ask("PUT", f"ServiceRequest/{referral['id']}", said).status_code in (403, 404)
    assert world.other_hospital.ask("PUT", f"ServiceRequest/{referral['id']}", said).status_code == 404
    answer = world.hospital.must(200)("PUT", f"ServiceRequest/{referral['id']}", said)
    assert (answer["id"], answer["status"]) == (referral["id"], "active")
    assert [each["status"] for each in offers()] == ["requested"]

    # Its record has made a copy of the referral its own, and sends that to end it.
    own = {
        "identifier": [{"system": "https://st-test.example/order", "value": "7"}],
        "requester": {"display": "Test Midwife Marlow"},
        "orderDetail": [{"text": "Twice a week"}],
        "priority": "asap",
    }
    path, named = f"ServiceRequest/{referral['id']}", {(f"ServiceRequest.{each}",) for each in own}
    refused = world.hospital.must(422)("PUT", path, answer | own)
    assert {tuple(each["expression"]) for each in refused["issue"]} == named
    assert world.hospital.must(200)("GET", path) == answer
    ended = world.hospital.ask("PUT", path, answer | own | {"status": "revoked"}, If_Match='W/"1"')
    assert (ended.status_code, ended.json()["resourceType"]) == (200, "OperationOutcome")
    assert {(*each["expression"],) for each in ended.json()["issue"] if each["severity"] == "warning"} == named
    assert [each["status"] for each in offers()] == ["cancelled"]
    now = world.hospital.ask("GET", path)
    assert (now.json()["status"], now.json()["requester"]) == ("revoked", answer["requester"])
    assert now.headers["etag"] == ended.headers["etag"]
    as_it_is = world.hospital.ask("PUT", path, answer | own | {"status": "revoked"}, Prefer="return=representation")
    assert as_it_is.json() == now.json()
    assert world.hospital.must(200)("PUT", path, answer | {"status": "revoked"}) == now.json()
