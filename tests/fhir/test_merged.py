"""A Patient whose record has become part of another, as its hospital reads it (FHIR R4 Patient.link)."""

import orjson

from service.fhir.showing import show
from service.fhir.shown import Shown
from service.flow.merge_patients import ReceivedMerge, merge_patients
from service.flow.received import Identifier, Received
from service.shared.caller import Caller
from tests.flow.support import FACTS, Service, body

GOES, STAYS = Identifier("urn:mr", "1"), Identifier("urn:mr", "2")
SENT = {
    "resourceType": "Patient",
    "active": True,
    "identifier": [{"system": GOES.system, "value": GOES.value}],
    "link": [{"other": {"display": "A sister record"}, "type": "seealso"}],
}


def _shown(service: Service, hospital: Caller, id: str) -> Shown:
    found = service.read(hospital, lambda tx: show(tx, service.rules, "Patient", id, service.now()))
    assert found is not None
    return found


def test_it_says_that_it_is_in_use_no_more_and_what_has_replaced_it(service: Service) -> None:
    hospital = service.hospital()
    retired = service.register(hospital, FACTS, GOES, content=orjson.dumps(SENT))
    stays = service.register(hospital, FACTS, STAYS, content=b'{"resourceType": "Patient"}')
    ids = [getattr(answer, "id", "") for answer in (retired, stays)]
    before = _shown(service, hospital, ids[0])
    within = service.run(hospital, lambda tx: tx.inbox.archive(Received("ADT^A40", b"MSH"), "accepted"))
    merge = ReceivedMerge(Received("Patient", body(), (STAYS,), STAYS, within=within), FACTS, (GOES,))
    service.run(hospital, lambda tx: merge_patients(tx, service.rules, merge, service.now()))

    after = _shown(service, hospital, ids[0])
    tree = orjson.loads(after.body())
    assert tree["id"] == ids[0]
    assert tree["active"] is False
    assert tree["link"] == [*SENT["link"], {"other": {"reference": f"Patient/{ids[1]}"}, "type": "replaced-by"}]  # type: ignore[misc]
    assert tree["identifier"] == SENT["identifier"]
    assert (before.etag, after.etag) == ("1", "2")
    assert "link" not in orjson.loads(_shown(service, hospital, ids[1]).body())
