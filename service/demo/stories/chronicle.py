"""All that the hospital's record holds about her in the end, version by version."""

import base64

from service.demo.people import identifier_of, patient
from service.demo.record import Resource
from service.demo.record_stage import RecordStage
from service.demo.step import Chronicle, Entry

FROM_THE_SERVICE = ("ServiceRequest", "Task", "Communication", "DocumentReference")
Histories = dict[str, list[list[Resource]]]
"""By type, each resource's versions, oldest first."""


async def her_record(stage: RecordStage) -> Histories:
    """As the ward reads it over HTTP. Raises CallFailed."""
    women = await stage.ward.request("GET", f"Patient?identifier={identifier_of(patient(stage.person))}")
    kinds = {"Patient": [entry["resource"] for entry in women.must_be(200).body.get("entry", ())]}
    kinds |= {kind: await stage.charted(kind) for kind in FROM_THE_SERVICE}
    return {kind: [await _history(stage, kind, one["id"]) for one in found] for kind, found in kinds.items()}


def chronicle(histories: Histories) -> Chronicle:
    versions = [one for kind in histories.values() for each in kind for one in each]
    ordered = sorted(versions, key=lambda one: str(one["meta"]["lastUpdated"]))
    return Chronicle("Her record", tuple(_entry(one) for one in ordered))


async def _history(stage: RecordStage, kind: str, identity: str) -> list[Resource]:
    bundle = (await stage.ward.request("GET", f"{kind}/{identity}/_history")).must_be(200).body
    return [entry["resource"] for entry in bundle.get("entry", ())][::-1]


def _entry(resource: Resource) -> Entry:
    meta = resource["meta"]
    told = [*(_output(output) for output in resource.get("output", ())), *_written(resource)]
    at, version = str(meta["lastUpdated"])[11:23], f"v{meta['versionId']}"
    return Entry(at, str(resource["resourceType"]), version, str(resource.get("status", "on file")), ", ".join(told))


def _output(output: Resource) -> str:
    kind = next((coding.get("code", "?") for coding in output.get("type", {}).get("coding", ())), "?")
    value = next((value for name, value in output.items() if name.startswith("value")), "?")
    return f"{kind} {str(value)[:16]}"


def _written(resource: Resource) -> list[str]:
    """What a clinician reads in a message or a note."""
    notes = [base64.b64decode(one["attachment"]["data"]).decode() for one in resource.get("content", ())]
    said = [one["contentString"] for one in resource.get("payload", ()) if "contentString" in one]
    return [" ".join(text.split()) for text in (*said, *notes)]
