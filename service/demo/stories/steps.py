"""What happens in more than one story, each step read back from the side that received it."""

from collections.abc import Sequence
from datetime import timedelta

from service.demo.checks import problems_after_acceptance, problems_before_acceptance
from service.demo.client import Exchange
from service.demo.people import answered, consent, due_date, epds_items, epds_total, identifier_of, patient
from service.demo.programme import Offer, Programme
from service.demo.record import Resource
from service.demo.record_stage import RecordStage
from service.demo.stage import Stage
from service.demo.step import Party, Side
from service.demo.women import screening

NO_MORE_THAN_NEEDED = "district and language, and no name, number, record or score"


async def register(stage: RecordStage) -> None:
    """Her chart is in the hospital's own record already; now the service hears of her."""
    name = stage.person.preferred
    stage.chart_id = stage.record.record.create(patient(stage.person))[0].id
    stage.heard = len(stage.record.journal)
    meaning = f"{name} is booked at St Test's Maternity. The service has to know of whom a result speaks."
    async with stage.step(f"The hospital registers {name} with the service", meaning):
        sent = patient(stage.person)
        path = f"Patient?identifier={identifier_of(sent)}"
        stage.patient_id = await stage.send("PUT", path, sent, "/fhir/Patient?identifier=(her number)")
        held = await stage.held_by_service(f"Patient/{stage.patient_id}")
        problems = differences(sent, held, "identifier", "name")
        stage.insist(Side.SERVICE, "the service holds her under her hospital number", *problems)


async def agree(stage: RecordStage, *programmes: Programme) -> None:
    """To each of these; within a step."""
    hospital = stage.hospital.identity.organisation_id
    for number, programme in enumerate(programmes, start=1):
        theirs = programme.client.identity.organisation_id
        given = stage.now - timedelta(minutes=30) + timedelta(seconds=number)
        sent = consent(stage.person, stage.patient_id, hospital, theirs, given, number)
        held = await stage.held_by_service(f"Consent/{await stage.send('POST', 'Consent', sent)}")
        problems = differences(sent, held, "status", "dateTime", "provision", "extension")
        stage.insist(Side.SERVICE, "the service holds her consent with its safe-contact rules", *problems)


async def agree_to_one(stage: RecordStage) -> None:
    meaning = (
        f"{stage.person.preferred} wants peer support. She names one programme, lets it report back, "
        "and says which telephone may be rung, when, and that no message may be left."
    )
    async with stage.step("She agrees to one programme, and says how she may be reached safely", meaning):
        await agree(stage, stage.programme)


async def send_result(stage: RecordStage, answers: Sequence[int]) -> None:
    """Her due date, the ten items and the total; within a step."""
    held = screening(stage.person, answers, stage.now - timedelta(minutes=20))
    due = due_date(stage.person, stage.patient_id, held.at)
    await stage.send("POST", "Observation", due, "/fhir/Observation (due date)")
    resources = [*epds_items(held, stage.patient_id), epds_total(held, stage.patient_id)]
    calls = [await _sent_result(stage, resource) for resource in resources]
    stage.tell(Party.HOSPITAL, *calls[:-1], words="sends the ten items", as_sent="/fhir/Observation (item)")
    stage.tell(Party.HOSPITAL, calls[-1], words="sends the total", as_sent="/fhir/Observation (total)")
    problems = [
        problem
        for sent, call in zip(resources, calls, strict=True)
        for problem in differences(
            sent, await stage.held_by_service(f"Observation/{call.resource_id}"), "effectiveDateTime", "valueInteger"
        )
    ]
    stage.insist(Side.SERVICE, "the service holds ten items and their total, all of one instant", *problems)


def of_result(answers: Sequence[int]) -> str:
    return f"total {sum(answers)}, self-harm item {answers[-1]}"


async def poll(stage: Stage, programme: Programme, expected: Sequence[str]) -> list[Resource]:
    """The tasks that are new to the programme, which must be of these statuses; within a step."""
    since = "&_lastUpdated=gt.." if programme.high_mark else ""
    tasks, call = await programme.poll()
    stage.tell(programme.party, call, as_sent=f"/fhir/Task?owner=(me){since}")
    found = [task["status"] for task in tasks]
    text = f"one new Task, {expected[0]}" if expected else "nothing is new"
    stage.insist(Side.PROGRAMME, text, *([] if found == list(expected) else [f"found instead: {', '.join(found)}"]))
    return tasks


async def look(stage: Stage, programme: Programme, task_id: str) -> Offer:
    """The offer and all that it leads to; within a step."""
    offer = await programme.look_into(task_id)
    for call in offer.reads:
        stage.tell(programme.party, call)
    return offer


async def look_before_accepting(stage: Stage, programme: Programme) -> Offer:
    """The one new offer; within a step."""
    tasks = await poll(stage, programme, ["requested"])
    offer = await look(stage, programme, tasks[0]["id"])
    stage.insist(Side.PROGRAMME, NO_MORE_THAN_NEEDED, *problems_before_acceptance(offer, stage.person))
    return offer


async def accept(stage: RecordStage, programme: Programme, offer: Offer, *earlier: str) -> Offer:
    """`earlier` are the statuses of offers to others. Two steps: it accepts, and sees whom to ring."""
    meaning = "A volunteer is free. The hospital's record hears that the programme has taken it on."
    async with stage.step("The programme accepts", meaning):
        await say_yes(stage, programme, offer)
        await stage.record_shows("active", *earlier, "accepted")
    return await see_whom_to_ring(stage, programme, offer)


async def say_yes(stage: Stage, programme: Programme, offer: Offer) -> None:
    """Within a step."""
    stage.tell(programme.party, await programme.answer(offer, "accepted"), words="says yes")


async def see_whom_to_ring(stage: Stage, programme: Programme, offer: Offer) -> Offer:
    """A step."""
    meaning = (
        f"Only now does the programme learn that she is called {stage.person.preferred}, and the one number that is "
        "safe to ring, with its hours. Still no surname, no address, no record, no score."
    )
    async with stage.step("The programme sees whom to ring, and how", meaning):
        offer = await look(stage, programme, offer.task["id"])
        text = "her preferred name and one safe number with its rules, still no record"
        stage.insist(Side.PROGRAMME, text, *problems_after_acceptance(offer, stage.person))
    return offer


async def alert_tasks(stage: RecordStage, code: str) -> list[Resource]:
    """What the service asks of the maternity team about her, of this code, as the hospital reads it there."""
    bundle = await stage.held_by_service(f"Task?patient=Patient/{stage.patient_id}")
    found = [entry["resource"] for entry in bundle.get("entry", ())]
    return [one for one in found if one["resourceType"] == "Task" and code in _codes(one.get("code", {}))]


async def acknowledge(stage: RecordStage, code: str) -> None:
    """A clinician says that the one alert of this code has been seen; within a step."""
    (alert,) = await alert_tasks(stage, code)
    reference, sent = f"Task/{alert['id']}", answered(alert, "accepted", "acknowledged")
    call = await stage.hospital.request("PUT", reference, sent)
    stage.tell(Party.CLINICIAN, call, words="has seen it")
    call.must_be(200)
    held = await stage.held_by_service(reference)
    stage.insist(Side.SERVICE, "the service holds that it was acknowledged", *differences(sent, held, "status"))


def differences(sent: Resource, held: Resource, *elements: str) -> list[str]:
    """Which of these elements are not held as they were sent."""
    kind = sent["resourceType"]
    return [
        f"{kind}.{element} differs from what was sent" for element in elements if held.get(element) != sent[element]
    ]


def _codes(concept: Resource) -> list[str]:
    return [coding.get("code", "") for coding in concept.get("coding", ())]


async def _sent_result(stage: RecordStage, resource: Resource) -> Exchange:
    headers = {"If-None-Exist": f"identifier={identifier_of(resource)}"}
    return (await stage.hospital.request("POST", "Observation", resource, headers)).must_be(200, 201)
