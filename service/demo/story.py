"""Story one: a positive screening result travels the whole loop, each step read back from the side that received it."""

from datetime import UTC, datetime, timedelta

from rich.console import Console

from service.demo.authority import TrustedClient
from service.demo.cast import new_key
from service.demo.checks import problems_after_acceptance, problems_before_acceptance, problems_of_the_loop
from service.demo.client import CallFailed, Exchange, Identity, SmartClient, connection
from service.demo.hospital import SERVICE_SCOPE, HospitalRecord
from service.demo.narrator import Narrator
from service.demo.people import (
    consent,
    due_date,
    epds_items,
    epds_total,
    identifier_of,
    patient,
    positive_screening,
)
from service.demo.programme import Offer, Programme
from service.demo.record import Resource
from service.demo.stage import SERVICE_CLIENT_ID, NotVerified, Stage

WARD_SCOPE = "system/Patient.rs system/ServiceRequest.rs system/Task.rs system/Communication.rs"
TITLE = "Story one: a positive result becomes peer support, and her record hears of it"


async def play(
    service_url: str,
    hospital: Identity,
    programme: Identity,
    record: HospitalRecord,
    console: Console,
    patience: float = 20.0,
) -> bool:
    """Play it against the running service at `service_url` (scheme, host and port). True if every step was verified.

    The service knows `hospital` and `programme` already, with `record.base` as the hospital's FHIR endpoint; `record`
    is being served and holds nothing about the woman yet. `patience` is how many seconds a step may take to show on the
    receiving side. A step that fails ends the story with one line; nothing is raised for it.
    """
    service_url = service_url.rstrip("/")
    narrator = Narrator(console)
    narrator.open(TITLE, "Everybody in it is invented.", f"service {service_url}/fhir", f"record  {record.base}")
    record.trust(TrustedClient(SERVICE_CLIENT_ID, SERVICE_SCOPE, jwks_url=f"{service_url}/.well-known/jwks.json"))
    async with connection() as http:
        service = f"{service_url}/fhir"
        stage = Stage(
            narrator=narrator,
            hospital=SmartClient(service, hospital, http),
            programme=Programme(SmartClient(service, programme, http)),
            ward=SmartClient(record.base, _ward(record), http),
            record=record,
            patience=patience,
        )
        failure = await _failure(stage)
    if failure:
        narrator.failed(failure)
    else:
        narrator.close()
    return not failure


async def _failure(stage: Stage) -> str:
    """Why the story could not go on, nothing when it came to its end."""
    try:
        await _perform(stage)
    except (CallFailed, NotVerified) as failure:
        return str(failure)
    except (KeyError, IndexError, TypeError, AttributeError, ValueError) as failure:
        return f"an answer has another shape than expected ({type(failure).__name__} {failure})"
    return ""


def _ward(record: HospitalRecord) -> Identity:
    """The hospital's own reader of its record, with a key that is used for nothing else."""
    ward = Identity("", "ward", WARD_SCOPE, new_key())
    record.trust(TrustedClient(ward.client_id, ward.scope, jwks={"keys": [ward.key.as_dict(private=False)]}))
    return ward


async def _perform(stage: Stage) -> None:
    stage.chart_id = stage.record.record.create(patient(stage.person))[0].id
    stage.heard = len(stage.record.journal)
    await _prove_identity(stage)
    await _register(stage)
    await _agree(stage)
    await _find_inbox_empty(stage)
    await _screen(stage)
    await _refer(stage)
    offer = await _look_before_accepting(stage)
    offer = await _accept(stage, offer)
    await _keep_contact(stage, offer)
    await _complete(stage, offer)
    await _look_back(stage)


async def _prove_identity(stage: Stage) -> None:
    stage.narrator.step("Hospital and programme prove with signed assertions who they are")
    stage.tell("hospital", "service", await stage.hospital.token())
    stage.tell("programme", "service", await stage.programme.client.token())


async def _register(stage: Stage) -> None:
    stage.narrator.step(f"The hospital registers {stage.person.preferred} with the service")
    sent = patient(stage.person)
    path = f"Patient?identifier={identifier_of(sent)}"
    stage.patient_id = await stage.send("PUT", path, sent, "/fhir/Patient?identifier=(her number)")
    held = await stage.held_by_service(f"Patient/{stage.patient_id}")
    stage.insist("the service holds her under her hospital number", *_differences(sent, held, "identifier", "name"))


async def _agree(stage: Stage) -> None:
    stage.narrator.step("She agrees to one programme, and says how she may be reached safely")
    organisations = stage.hospital.identity.organisation_id, stage.programme.client.identity.organisation_id
    sent = consent(stage.person, stage.patient_id, *organisations, stage.now - timedelta(minutes=30))
    held = await stage.held_by_service(f"Consent/{await stage.send('POST', 'Consent', sent)}")
    problems = _differences(sent, held, "status", "dateTime", "provision", "extension")
    stage.insist("the service holds her consent with its safe-contact rules", *problems)


async def _find_inbox_empty(stage: Stage) -> None:
    stage.narrator.step("The programme looks into its inbox")
    tasks, call = await stage.programme.poll()
    stage.tell("programme", "service", call, as_sent="/fhir/Task?owner=(me)")
    stage.insist("the inbox is empty", *(f"a Task is there ({task['status']})" for task in tasks))
    mark = () if stage.programme.high_mark else ("Bundle.meta.lastUpdated is missing",)
    stage.insist("the answer says from when to ask the next time", *mark)


async def _screen(stage: Stage) -> None:
    screening = positive_screening(stage.now - timedelta(minutes=20))
    stage.narrator.step(f"The hospital sends her EPDS: total {screening.total}, self-harm item {screening.answers[9]}")
    due = due_date(stage.person, stage.patient_id, screening.at)
    await stage.send("POST", "Observation", due, "/fhir/Observation (due date)")
    resources = [*epds_items(screening, stage.patient_id), epds_total(screening, stage.patient_id)]
    calls = [await _sent_result(stage, resource) for resource in resources]
    seconds = sum(call.seconds for call in calls[:-1])
    first = calls[0]
    stage.narrator.said(
        "hospital", "service", "POST", first.url, first.status, seconds, len(calls) - 1, "/fhir/Observation (item)"
    )
    stage.tell("hospital", "service", calls[-1], as_sent="/fhir/Observation (total)")
    problems = [
        problem
        for sent, call in zip(resources, calls, strict=True)
        for problem in _differences(
            sent, await stage.held_by_service(f"Observation/{call.resource_id}"), "effectiveDateTime", "valueInteger"
        )
    ]
    stage.insist("the service holds ten items and their total, all of one instant", *problems)


async def _sent_result(stage: Stage, resource: Resource) -> Exchange:
    headers = {"If-None-Exist": f"identifier={identifier_of(resource)}"}
    return (await stage.hospital.request("POST", "Observation", resource, headers)).must_be(201)


async def _refer(stage: Stage) -> None:
    stage.narrator.step("The service refers her and writes it into the hospital's record")
    await stage.record_shows("active", ["requested"])


async def _look_before_accepting(stage: Stage) -> Offer:
    stage.narrator.step("The programme polls for what is new, and sees no more than it needs")
    tasks, call = await stage.programme.poll()
    stage.tell("programme", "service", call, as_sent="/fhir/Task?owner=(me)&_lastUpdated=gt..")
    found = [task["status"] for task in tasks]
    stage.insist("one new Task, requested", *([] if found == ["requested"] else [f"found instead: {found}"]))
    offer = await _look(stage, tasks[0]["id"])
    problems = problems_before_acceptance(offer, stage.person)
    stage.insist("district and language, and no name, number, record or score", *problems)
    return offer


async def _accept(stage: Stage, offer: Offer) -> Offer:
    stage.narrator.step("The programme accepts")
    stage.tell("programme", "service", await stage.programme.answer(offer, "accepted"))
    await stage.record_shows("active", ["accepted"])
    stage.narrator.step("The programme sees whom to ring, and how")
    offer = await _look(stage, offer.task["id"])
    problems = problems_after_acceptance(offer, stage.person)
    stage.insist("her preferred name and one safe number with its rules, still no record", *problems)
    return offer


async def _keep_contact(stage: Stage, offer: Offer) -> None:
    stage.narrator.step("A volunteer rings her; the programme records the contact")
    begun = datetime.now(UTC)
    stage.tell("programme", "service", await stage.programme.record_contact(offer, begun, datetime.now(UTC)))
    await stage.record_shows("active", ["accepted", "in-progress"], contacts=1)


async def _complete(stage: Stage, offer: Offer) -> None:
    stage.narrator.step("The support comes to its planned end")
    current = await stage.programme.look_into(offer.task["id"])
    stage.tell("programme", "service", current.reads[0])
    stage.tell("programme", "service", await stage.programme.answer(current, "completed"))
    await stage.record_shows("completed", ["completed"], contacts=1)


async def _look_back(stage: Stage) -> None:
    stage.narrator.step("The ward looks back over its record")
    women = await stage.ward.request("GET", f"Patient?identifier={identifier_of(patient(stage.person))}")
    kinds = {"Patient": [entry["resource"] for entry in women.must_be(200).body.get("entry", ())]}
    kinds |= {kind: await stage.charted(kind) for kind in ("ServiceRequest", "Task", "Communication")}
    histories = {kind: [await _history(stage, kind, one["id"]) for one in found] for kind, found in kinds.items()}
    stage.narrator.chronicle("Her record", [one for kind in histories.values() for each in kind for one in each])
    stage.insist("one woman, one referral, one offer, no alert, every step in order", *problems_of_the_loop(histories))


async def _look(stage: Stage, task_id: str) -> Offer:
    offer = await stage.programme.look_into(task_id)
    for call in offer.reads:
        stage.tell("programme", "service", call)
    return offer


async def _history(stage: Stage, kind: str, identity: str) -> list[Resource]:
    bundle = (await stage.ward.request("GET", f"{kind}/{identity}/_history")).must_be(200).body
    return [entry["resource"] for entry in bundle.get("entry", ())][::-1]


def _differences(sent: Resource, held: Resource, *elements: str) -> list[str]:
    kind = sent["resourceType"]
    return [
        f"{kind}.{element} differs from what was sent" for element in elements if held.get(element) != sent[element]
    ]
