"""What a hospital's own file in mappings/sites/ says of its forms and of its record, in a service that runs."""

import json
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

from service.demo.people import Person
from service.demo.record import Resource
from service.mappings import own_folder
from tests.journeys.bundles import bundle, entry, form, name
from tests.journeys.support import POSITIVE, World, wait_until

QUESTIONNAIRE = "https://st-test.example/Questionnaire/wellbeing"
IN_DANGER = (*POSITIVE[:-1], 1)
# Each of them is taken once and left out once.
CHOICES = ({"Communication", "Task"}, {"AlertTask", "ServiceRequest", "DocumentReference"})


def decide(world: World, folder: Path, record: Iterable[str]) -> None:
    """Let the hospital's file say this, and the service read it."""
    written = f"""
        organisation = "{world.hospital.identity.organisation_id}"
        approval = {{ by = "Test Lead", on = 2026-11-22 }}
        record = {json.dumps(sorted(record))}
        [[form]]
        instrument = "epds"
        questionnaire = "{QUESTIONNAIRE}"
        items = {json.dumps([f"w{number}" for number in range(1, 11)])}
        total = "sum"
    """
    (folder / "sites" / "st-test.toml").write_text(written, encoding="utf-8")
    world.service.stop()
    world.service.start()


def wellbeing(patient_id: str, answers: tuple[int, ...]) -> Resource:
    questions = [{"linkId": f"w{n}", "answer": [{"valueInteger": score}]} for n, score in enumerate(answers, start=1)]
    total = {"linkId": "sum", "answer": [{"valueDecimal": sum(answers)}]}
    page = [{"linkId": "page", "item": questions}, total]
    return form(f"Patient/{patient_id}", item=page, questionnaire=f"{QUESTIONNAIRE}|2")


LABEL = """
    [[label]]
    system = "https://circle.example/offer-type"
    code = "42"
    displays = ["Peer support, one to one"]
    by = "Test Lead"
    on = 2026-11-22
"""


def labelled(display: str) -> Resource:
    """As a programme's software writes it on each Task."""
    coding = {"system": "https://circle.example/offer-type", "code": "42", "display": display}
    return {"reasonCode": {"coding": [coding], "text": display}}


def written(world: World, *women: Person) -> set[str]:
    """What the record holds about them, as `record` calls it."""
    found = set()
    for kind in ("Communication", "ServiceRequest", "Task", "DocumentReference"):
        for her in (each for woman in women for each in world.record.record.search("Patient", number_of(woman))):
            held = [each.resource for each in world.record.record.search(kind, [("patient", her.id)])]
            found |= {"AlertTask" if is_alert(each) else kind for each in held}
    return found


def number_of(woman: Person) -> list[tuple[str, str]]:
    return [("identifier", "|".join(woman.identifier))]


def is_alert(resource: Resource) -> bool:
    return resource["resourceType"] == "Task" and bool(resource["code"]["coding"][0]["code"] == "clear-review")


def told(world: World, patient_id: str) -> list[str]:
    """What its Tasks about her are for, the first first."""
    return codes(world.tasks(f"patient={patient_id}&_sort=_lastUpdated", world.hospital))


def codes(tasks: Iterable[Resource]) -> list[str]:
    meant = [each["reasonCode"] if "reasonCode" in each else each["code"] for each in tasks]
    return [each["coding"][0]["code"] for each in meant]


def test_a_hospitals_own_form_decides_and_its_record_gets_what_it_takes(
    new_world: Callable[..., World], tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(own_folder(), tmp_path / "mappings"))
    world = new_world(mappings_folder=str(folder))
    (folder / "labels.toml").write_text(LABEL, encoding="utf-8")
    women = []
    for takes in CHOICES:
        decide(world, folder, takes)
        person, patient_id = world.register()
        world.agree(person, patient_id)
        in_danger, her_id = world.register()
        women.append((person, in_danger))
        world.hospital.must(201)("POST", "QuestionnaireResponse", wellbeing(patient_id, POSITIVE))
        world.hospital.must(201)("POST", "QuestionnaireResponse", wellbeing(her_id, IN_DANGER))
        (offer,) = world.tasks("status=requested")
        accepted = offer | {"status": "accepted"} | labelled("Peer support, one-to-one")
        accepted = world.programme.must(200)("PUT", f"Task/{offer['id']}", accepted)
        assert told(world, patient_id) == ["fulfill"]
        assert told(world, her_id) == ["self-harm-present"]
        wait_until(lambda takes=takes, women=women[-1]: written(world, *women) >= takes, f"{takes} is in the record")  # type: ignore[misc]
    assert [written(world, *each) for each in women] == list(CHOICES)


def renamed(sent: Resource, canonical: str | None) -> Resource:
    return {key: value for key, value in {**sent, "questionnaire": canonical}.items() if value is not None}


def test_a_hospitals_own_form_is_heard_also_where_it_is_refused(
    new_world: Callable[..., World], tmp_path: Path
) -> None:
    """Under another name, under none, and cut."""
    folder = Path(shutil.copytree(own_folder(), tmp_path / "mappings"))
    world = new_world(mappings_folder=str(folder))
    decide(world, folder, {"AlertTask"})

    def refused(path: str, sent: Resource | bytes, status: int = 422) -> None:
        assert world.hospital.ask("POST", path, sent).status_code == status

    for canonical in (f"{QUESTIONNAIRE}-2", QUESTIONNAIRE.replace("https", "http"), None):
        women = [world.register()[1] for _ in range(4)]
        alone, transaction, batch = (renamed(wellbeing(each, IN_DANGER), canonical) for each in women[:3])
        refused("QuestionnaireResponse", alone)
        refused("", bundle(entry(name(), transaction)))
        refused("", bundle(entry(name(), batch), type="batch"), 200)
        refused("QuestionnaireResponse", renamed(wellbeing(women[3], POSITIVE), canonical))
        assert [told(world, each) for each in women] == [*[["self-harm-present"]] * 3, ["unreadable-result"]]

    refused("QuestionnaireResponse", json.dumps(wellbeing("1", IN_DANGER)).encode()[:-2], 400)
    assert codes(world.tasks("_count=100", world.hospital)).count("unreadable-risk") == 1
