"""The copy of an alert's Task in the hospital's record, which a clinician may answer where she works."""

import hashlib
from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta

import httpx
import orjson

from service.delivery.channel import Copy, NotRead
from service.fhir.outcome import BadInput
from service.fhir.read import common
from service.fhir.read.alert import read_answer
from service.fhir.survey import Tree
from service.fhir.terms import ALERT_ID
from service.fhir.visit import HEADERS, Stop, Visit, carries, json_of
from service.fhir.write.alert import ALERT_STATUS
from service.flow.answer_alert import ReceivedAnswer
from service.flow.received import Identifier
from service.referrals.alert import Alert, AlertState
from service.referrals.delivery import DeliveryTrigger
from service.security.outgoing import Outgoing

NOT_ANSWERED = ALERT_STATUS[AlertState.OPEN]
HEARD_SOON = timedelta(seconds=20)


async def refresh_copy(visit: Visit, alert: Alert, id: str, resource: Tree) -> None:
    """Bring the copy to what the alert is now, but never over an answer that was not heard yet."""
    copy = json_of(await visit.ask("GET", f"Task/{id}"))
    if not carries(copy, "Task", Identifier(ALERT_ID, alert.id)):
        raise Stop(DeliveryTrigger.REFUSED_FOR_GOOD, "another-resource")
    if is_to_be_heard(alert, copy):
        raise Stop(DeliveryTrigger.TRY_AGAIN, "answered-in-the-record", HEARD_SOON)
    if _says(copy, resource):
        return
    version = _meta(copy).get("versionId")
    condition = {"If-Match": f'W/"{version}"'} if version else {}
    try:
        await visit.ask("PUT", f"Task/{id}", condition, orjson.dumps({**resource, "id": id}))
    except Stop as stop:
        if stop.outcome != "http-412":
            raise
        raise Stop(DeliveryTrigger.TRY_AGAIN, "changed-in-the-record") from stop


def is_to_be_heard(alert: Alert, copy: Tree) -> bool:
    """Whether the copy holds an answer. What is over needs none, unless it contradicts, and what was refused is not
    asked again."""
    if version_of(copy) == alert.copy_seen:
        return False
    if alert.state is AlertState.RESOLVED:
        answer = _answer(copy, alert.id)
        return answer is not None and alert.is_contradicted_by(answer.outcome)
    return copy.get("status") not in (NOT_ANSWERED, ALERT_STATUS[alert.state])


def version_of(copy: Tree) -> str:
    """A name for exactly this content, also in a record that counts no versions."""
    version = _meta(copy).get("versionId")
    return str(version) if version else hashlib.sha256(orjson.dumps(copy, option=orjson.OPT_SORT_KEYS)).hexdigest()


async def read_copies(record: Outgoing, alert_ids: Mapping[str, str], since: datetime | None) -> tuple[Copy, ...]:
    """By `_id`, and `_lastUpdated` when only newer ones are wanted. Anything that is not one of these Tasks is left.

    A record may give fewer at once than it has. What did not come is asked for again until nothing does: the rest it
    has no more, or nothing new of it. Its links to a next page are not followed, which may lead anywhere.
    """
    copies, wanted = list[Copy](), dict(alert_ids)
    while wanted:
        came = await _read_some(record, wanted, since)
        if not came:
            break
        for id, resource in came.items():
            alert_id = wanted.pop(id)
            if carries(resource, "Task", Identifier(ALERT_ID, alert_id)):
                copies.append(Copy(alert_id, version_of(resource), _changed_at(resource), _answer(resource, alert_id)))
    return tuple(copies)


async def _read_some(record: Outgoing, wanted: Collection[str], since: datetime | None) -> dict[str, Tree]:
    """Those of the wanted ids that one page holds. Raises NotRead when it holds none, and there is another page."""
    query = {"_id": ",".join(sorted(wanted)), "_count": str(len(wanted))}
    if since is not None:
        query["_lastUpdated"] = f"ge{since.astimezone(UTC).isoformat(timespec='milliseconds')}"
    response = await record.request("GET", f"Task?{httpx.QueryParams(query)}", headers=HEADERS)
    if not response.is_success:
        raise NotRead(refused=response.status_code in (400, 403, 404, 405))
    try:
        bundle = json_of(response)
    except Stop as stop:
        raise NotRead from stop
    found = [each["resource"] for each in _objects(bundle, "entry") if isinstance(each.get("resource"), dict)]
    came = {each["id"]: each for each in found if isinstance(each.get("id"), str) and each["id"] in wanted}
    if not came and any(each.get("relation") == "next" for each in _objects(bundle, "link")):
        raise NotRead
    return came


def _objects(bundle: Tree, name: str) -> list[Tree]:
    """What is odd among them must not keep an answer beside it from being heard."""
    held = bundle.get(name)
    return [each for each in held if isinstance(each, dict)] if isinstance(held, list) else []


def _answer(resource: Tree, alert_id: str) -> ReceivedAnswer | None:
    if resource.get("status") == NOT_ANSWERED:
        return None
    body = orjson.dumps(resource)
    received = common.received({"resourceType": "Task"}, body, target_id=alert_id)
    try:
        return read_answer(resource, received)
    except (BadInput, AttributeError, TypeError, KeyError):
        # Whatever it says, it is no answer: the step refuses it, and the copy is put right.
        return ReceivedAnswer(received, alert_id, None)


def _meta(resource: Tree) -> Tree:
    meta = resource.get("meta")
    return meta if isinstance(meta, dict) else {}


def _changed_at(resource: Tree) -> datetime | None:
    try:
        changed = datetime.fromisoformat(_meta(resource)["lastUpdated"])
    except (KeyError, TypeError, ValueError):
        return None
    return changed if changed.tzinfo else None


def _says(copy: Tree, resource: Tree) -> bool:
    return all(copy.get(name) == value for name, value in resource.items())
