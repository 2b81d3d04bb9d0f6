import json
from pathlib import Path

import orjson
import pytest

from service.fhir.guard import parse
from service.fhir.raw import instant, patch

EXAMPLES = sorted((Path(__file__).parent / "examples").glob("*.json"))
STAMP = 1_767_225_600_123


def test_decimals_and_large_numbers_stay_as_written() -> None:
    received = b'{"resourceType":"Observation","valueQuantity":{"value":1.10},"component":[%s]}' % b",".join(
        b'{"valueQuantity":{"value":%s}}' % each for each in (b"123456789012345678.5", b"1E+2", b"-0.0", b"9" * 40)
    )
    served = patch(received, id="1", version=1, stamp_ms=STAMP)
    for written in (b":1.10}", b":123456789012345678.5}", b":1E+2}", b":-0.0}", b":" + b"9" * 40 + b"}"):
        assert written in served


def test_id_and_meta_are_ours_and_the_rest_of_meta_stays() -> None:
    received = b'{"id":"theirs","resourceType":"Task","meta":{"versionId":"9","tag":[{"code":"x"}]},"status":"draft"}'
    served = patch(received, id="ours", version=3, stamp_ms=STAMP)
    assert served == (
        b'{"resourceType":"Task","id":"ours","meta":{"versionId":"3","tag":[{"code":"x"}],'
        b'"lastUpdated":"2026-01-01T00:00:00.123Z"},"status":"draft"}'
    )


def test_references_in_the_map_are_replaced_wherever_they_stand_and_no_other() -> None:
    received = orjson.dumps(
        {
            "resourceType": "Task",
            "for": {"reference": "Patient/theirs", "display": "Patient/theirs"},
            "focus": {"reference": "ServiceRequest/theirs"},
            "note": [{"authorReference": {"reference": "Patient/theirs"}, "text": "Patient/theirs"}],
        }
    )
    served = json.loads(patch(received, id="1", version=1, stamp_ms=0, references={"Patient/theirs": "Patient/ours"}))
    assert served["for"] == {"reference": "Patient/ours", "display": "Patient/theirs"}
    assert served["focus"] == {"reference": "ServiceRequest/theirs"}
    assert served["note"] == [{"authorReference": {"reference": "Patient/ours"}, "text": "Patient/theirs"}]


def test_narrative_is_cleaned_in_the_resource_and_in_what_it_contains() -> None:
    bad, lost = "<div>kept<script>alert(1)</script></div>", "<div><script>alert(1)</script></div>"
    received = orjson.dumps(
        {
            "resourceType": "Observation",
            "text": {"status": "generated", "div": bad},
            "code": {"text": "<div>as sent</div>"},
            "contained": [{"resourceType": "Patient", "text": {"status": "generated", "div": lost}, "id": "p"}],
        }
    )
    served = json.loads(patch(received, id="1", version=1, stamp_ms=0))
    assert served["text"]["div"] == '<div xmlns="http://www.w3.org/1999/xhtml">kept</div>'
    assert served["contained"] == [{"resourceType": "Patient", "id": "p"}]
    assert served["code"] == {"text": "<div>as sent</div>"}


@pytest.mark.parametrize("example", EXAMPLES, ids=[each.stem for each in EXAMPLES])
def test_what_was_received_is_served_whole_and_passes_the_guard_again(example: Path) -> None:
    received = json.loads(example.read_bytes())
    served = parse(patch(example.read_bytes(), id="ours", version=1, stamp_ms=STAMP), example.stem)
    for each in (received, served):
        each.pop("id", None)
        each.pop("meta", None)
    assert served == received


@pytest.mark.parametrize("stamp", [0, 1, 999, 1_767_225_600_001, 2**31 * 1000 + 7])
def test_an_instant_keeps_each_millisecond(stamp: int) -> None:
    assert instant(stamp).endswith(f".{stamp % 1000:03d}Z")
