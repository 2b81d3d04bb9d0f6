"""What somebody wrote in a refused body is found, and so is whom it may be about."""

import json
from typing import Any

import pytest

from service.fhir.recognise import words
from service.flow.received import Reference

BASE = "https://referral.example"
ADDRESS = Reference("Task", "7")
NOTE = {"text": "She sounded very low today."}


@pytest.mark.parametrize(
    ("tree", "written"),
    [
        ({"note": [NOTE]}, [NOTE]),
        ({"note": NOTE}, [NOTE]),
        ({"note": "She sounded very low today."}, ["She sounded very low today."]),
        ({"note": [NOTE["text"], {"x": 1}]}, [NOTE["text"]]),
        ({"statusReason": {"text": "She asked us to stop."}}, [{"text": "She asked us to stop."}]),
        ({"payload": [{"contentString": "Ring me."}]}, [{"contentString": "Ring me."}]),
        ({"contained": [{"deep": {"note": [NOTE]}}]}, [NOTE]),
    ],
)
def test_what_was_written_is_found_in_whatever_form(tree: dict[str, Any], written: list[object]) -> None:
    found = words(json.dumps(tree).encode(), ADDRESS, BASE)
    assert found is not None
    assert (found.written, found.about) == (written, [ADDRESS])


@pytest.mark.parametrize(
    "body", [b'{"note": [{"text": "cut off', b'{"note": ' + b"[" * 3000, b'{"note": [{"text": "\xff"}]}']
)
def test_what_is_no_json_holds_words_where_it_says_so(body: bytes) -> None:
    found = words(body, ADDRESS, BASE)
    assert found is not None
    assert found.written == ["note"]


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'"note"x'[:0], b'{"status": "accepted"}', b'{"note": []}', b'{"note": [{"text": " "}]}']
)
def test_where_nobody_wrote_anything_there_are_no_words(body: bytes) -> None:
    assert words(body, ADDRESS, BASE) is None


def test_whom_it_may_be_about_is_the_address_first_and_then_every_reference() -> None:
    tree = {"note": [NOTE], "for": {"reference": f"{BASE}/fhir/Patient/h2"}, "focus": {"reference": "#x"}}
    found = words(json.dumps(tree).encode(), None, BASE)
    assert found is not None
    assert found.about == [Reference("Patient", "h2")]
    many = [{"reference": f"Patient/{number}"} for number in range(1_000)]
    found = words(json.dumps({"note": [NOTE], "for": many}).encode(), ADDRESS, BASE)
    assert found is not None
    assert len(found.about) == 21
