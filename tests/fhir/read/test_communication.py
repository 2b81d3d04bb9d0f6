"""Whatever a programme sends is read: its words, its concerns, and whom it may be about."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.fhir.lengths import SHOWN
from service.fhir.read.communication import lenient, read_communication, read_refused, read_unreadable
from service.flow.keep_unreadable import Unreadable
from service.flow.receive_communication import ReceivedCommunication
from service.flow.receive_unreadable import UnreadableWords
from service.flow.received import Identifier
from service.referrals.escalation import Concern, Said
from service.referrals.offer import display_of
from service.screening.instrument import Priority

Tree = dict[str, Any]
BASE = "https://referral.example"
OURS = "https://peer-referral.example/fhir"
ID = "019aa000-0000-7000-8000-00000000f00d"


def read(tree: object) -> ReceivedCommunication:
    sent = json.dumps(tree).encode()
    return read_communication(lenient(sent), sent, base=BASE)


def test_a_communication_as_the_standard_has_it_is_read() -> None:
    message = read({
        "resourceType": "Communication",
        "identifier": [{"system": "urn:programme", "value": "1"}],
        "status": "completed",
        "priority": "routine",
        "subject": {"reference": "Patient/h2"},
        "about": [{"reference": "Task/t1"}],
        "sent": "2026-11-18T10:31:00Z",
        "sender": {"reference": "Organization/x"},
        "reasonCode": [{"coding": [{"system": f"{OURS}/CodeSystem/concern", "code": "getting-worse"}]}],
        "payload": [{"contentString": "She sounded very low."}, {"contentString": "Ring me."}],
    })  # fmt: skip
    assert message.received.identifiers == (Identifier("urn:programme", "1"),)
    assert message.naming.ids == {"h2", "t1"}
    assert message.said == Said(
        ("She sounded very low.", "Ring me."), frozenset({Concern.GETTING_WORSE}), Priority.ROUTINE
    )


@pytest.mark.parametrize(
    "tree",
    [
        {"payload": [{"contentString": "She cries."}]},
        {"payload": {"contentString": "She cries."}},
        {"payload": "She cries."},
        {"payload": ["She cries."]},
        {"note": [{"text": " She cries. "}]},
        {"message": "She cries."},
        {"resourceType": "Flag", "code": {"text": "She cries."}},
        {"reasonCode": [{"coding": [{"display": "She cries."}]}]},
        {"contained": [{"deep": {"deeper": {"valueString": "She cries."}}}]},
        {"text": {"status": "generated", "div": "<div>She cries.</div>"}},
        ["She cries."],
        "She cries.",
        {"payload": [{"contentString": "She cries."}], "text": {"div": "<div>Generated</div>"}},
        {"identifier": [{"value": "1"}], "status": "x", "sent": "now", "comment": "She cries."},
    ],
)
def test_words_are_found_under_whatever_name(tree: object) -> None:
    assert read(tree).said.texts == ("She cries.",)


@pytest.mark.parametrize(
    "tree",
    [
        {"about": [{"reference": "Task/t1"}]},
        {"about": {"reference": "Task/t1"}},
        {"about": ["Task/t1"]},
        {"focus": "Task/t1/_history/3.1"},
        {"basedOn": [{"reference": f"{BASE}/fhir/Task/t1"}]},
        {"about": [{"reference": "Patient/t1"}]},
        {"made-up": {"deep": [{"reference": "Task/t1"}]}},
    ],
)
def test_whom_it_is_about_is_found_however_it_is_named(tree: Tree) -> None:
    assert read(tree).naming.ids == {"t1"}


@pytest.mark.parametrize(
    "tree",
    [
        {"about": [{"identifier": {"system": f"{OURS}/identifier/offer", "value": ID}}]},
        {"payload": [{"contentString": f"Task/{ID} is in danger: she said so."}]},
        {"payload": [{"contentString": f"The woman of patient/{ID.upper()}, I think"}]},
        {"note": [{"text": f"{BASE}/fhir/Task/{ID}?x=1"}]},
        {"text": {"div": f"<p>See <b>{ID}</b></p>"}},
        {"id": ID},
    ],
)
def test_an_id_is_found_wherever_it_stands(tree: Tree) -> None:
    assert read(tree).naming.ids == {ID}


@pytest.mark.parametrize(
    "tree",
    [
        {"about": [{"reference": f"https://elsewhere.example/fhir/Task/{ID}"}]},
        {"sender": {"reference": f"Organization/{ID}"}},
        {"payload": [{"contentString": f"{ID}0 x{ID} {ID}-1"}]},
    ],
)
def test_what_another_server_keeps_or_no_offer_is_known_by_names_nobody(tree: Tree) -> None:
    assert read(tree).naming.ids == set()


@pytest.mark.parametrize(
    ("priority", "called"),
    [("routine", "routine"), ("urgent", "urgent"), ("asap", "urgent"), ("stat", "urgent"), ("low", None), (7, None)],
)
def test_how_urgent_it_calls_itself(priority: object, called: str | None) -> None:
    assert read({"priority": priority}).said.called == called


@pytest.mark.parametrize(
    "sent",
    [
        b'{"payload": [{"contentString": "\\ud800"}]}',
        b'{"payload": [{"contentString": "\\u0000\\u0007"}]}',
        b'\xef\xbb\xbf{"payload": "\x01"}',
        '{"payload": "ä"}'.encode("utf-16"),
        '{"payload": "ä"}'.encode("latin-1"),
        b'{"payload": 1e400, "note": NaN}',
    ],
)
def test_what_a_careful_parser_refuses_is_read_and_can_be_kept(sent: bytes) -> None:
    tree = lenient(sent)
    assert tree is not None
    for text in read_communication(tree, sent, base=BASE).said.texts:
        text.encode()
        assert "\x00" not in text


@pytest.mark.parametrize("sent", [b"", b"{", b"\xff\xfe\xfa", b"[" * 100_000, b"She cries.", b"null"])
def test_what_is_no_json_is_none(sent: bytes) -> None:
    assert lenient(sent) is None


def test_long_words_are_cut_where_they_are_shown() -> None:
    (text,) = read({"payload": [{"contentString": "a" * SHOWN}, {"contentString": "b" * SHOWN}]}).said.texts
    assert len(text) == SHOWN
    assert "Cut here" in text


def test_what_is_no_text_is_said_to_be_there() -> None:
    message = read({"payload": [{"contentAttachment": {"contentType": "image/png", "data": "AAAA"}}]})
    assert (message.said.texts, message.said.attached) == ((), True)


@pytest.mark.parametrize(
    "identifier",
    [{"system": "urn:x"}, {"system": 1, "value": 2}, {"system": "urn:x", "value": "a\x00"}, "x", [["x"]], None,
     {"system": "urn:x", "value": "v" * 256}],
)  # fmt: skip
def test_an_identifier_of_another_form_names_nothing(identifier: object) -> None:
    assert read({"identifier": identifier}).received.identifiers == ()


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(
        st.sampled_from(["payload", "about", "reference", "identifier", "system", "value", "coding", "priority"])
        | st.text(),
        inner,
    ),
)  # fmt: skip


@given(JSON)
def test_nothing_that_is_json_is_too_odd_to_be_read(tree: object) -> None:
    message = read(tree) if tree is not None else None
    if message is not None:
        assert all(text.encode() and "\x00" not in text for text in message.said.texts)


@pytest.mark.parametrize(
    ("tree", "displays"),
    [
        ({"about": [{"display": "Referral 1A2B"}]}, {"Referral 1A2B"}),
        ({"subject": {"identifier": {"value": "referral 1a2b"}}}, {"Referral 1A2B"}),
        ({"payload": [{"contentString": "I worry about Referral 1A2B, please ring."}]}, {"Referral 1A2B"}),
        ({"payload": "Referral 1A2B or Referral 00FF"}, {"Referral 1A2B", "Referral 00FF"}),
        (
            {"about": [{"reference": "Task/t1", "display": "Referral 1A2B"}], "payload": "Referral 00FF told me."},
            {"Referral 1A2B", "Referral 00FF"},
        ),
        ({"payload": "Referral 1A2BC, referral made, Referral  x1A2B, MyReferral 1A2B"}, set()),
        ({"payload": ["A referral", "1A2B"]}, set()),
        ({"payload": "referral-1a2b"}, {"Referral 1A2B"}),
        ({"payload": "REFERRAL_1A2B"}, {"Referral 1A2B"}),
        ({"payload": "Referral1a2b"}, {"Referral 1A2B"}),
        ({"payload": "the referral (1A2B)"}, {"Referral 1A2B"}),
        ({"payload": "Referral no. 1A2B"}, {"Referral 1A2B"}),
        ({"payload": "Referral Number: 1A2B"}, {"Referral 1A2B"}),
        ({"payload": "Referral \u2013 1A2B"}, {"Referral 1A2B"}),
        ({"text": {"div": "<p>Referral&nbsp;<b>1A2B</b></p>"}}, {"Referral 1A2B"}),
        ({"about": ["Task/t1"], "payload": [{"contentString": "She cried."}]}, set()),
        (["Referral 1A2B", {"display": 7, "identifier": [7, None, {"value": 7}]}], {"Referral 1A2B"}),
    ],
)
def test_what_calls_a_referral_as_we_display_it_is_found_where_it_names_and_in_words(
    tree: object, displays: set[str]
) -> None:
    assert read(tree).naming.displays == displays


def test_the_display_of_an_offer_is_what_is_found() -> None:
    display = display_of("019aa000-0000-7000-8000-00000000f00d")
    assert read({"about": [{"display": display}]}).naming.displays == {display}


def test_words_under_a_member_that_stands_twice_are_all_heard_each_once() -> None:
    sent = b"""{"payload": [{"contentString": "She cries."}, {"contentString": "She cries."}], "priority": "routine",
        "about": {"reference": "Task/t1"}, "payload": [{"contentString": "She cries.", "contentString": "Ring me."}],
        "priority": "urgent", "about": [{"reference": "Task/t2"}]}"""
    message = read_communication(lenient(sent), sent, base=BASE)
    assert message.said == Said(("She cries.", "Ring me."), called=None)
    assert message.said.urgency is Priority.URGENT
    assert message.naming.ids == {"t1", "t2"}


@pytest.mark.parametrize(
    ("sent", "named", "said"),
    [
        (f'{{"about": [{{"reference": "Task/{ID}"}}], "payload": "x"'.encode(), True, None),
        (f"I worry about {ID.upper()}.".encode(), True, Said((f"I worry about {ID.upper()}.",))),
        (f"{BASE}/fhir/Task/{ID}/_history/3".encode("utf-16"), True, None),
        (f"{ID}0 x{ID} {ID}-1".encode(), False, None),
        (b"She cries.", False, Said(("She cries.",))),
        (b" ", False, Said()),
        (bytes(range(128, 256)), False, Said(attached=True)),
    ],
)
def test_what_is_no_json_is_read_as_mere_text(sent: bytes, named: bool, said: Said | None) -> None:
    message = read_unreadable(Unreadable(ID, b"", "", ""), sent)
    assert message.words.naming.ids == ({ID} if named else set())
    assert said in (None, message.words.said)


def test_a_handle_in_what_is_no_json_is_found() -> None:
    message = read_unreadable(Unreadable(ID, b"", "", ""), b'{"about": "Referral 1a2b"')
    assert message.words.naming.displays == {"Referral 1A2B"}


ADDRESS = ID


def refused(sent: object) -> UnreadableWords:
    body = sent if isinstance(sent, bytes) else json.dumps(sent).encode()
    return read_refused(Unreadable(ID, b"", "", ""), body, base=BASE, labels={}, address=ADDRESS)


@pytest.mark.parametrize(
    "tree",
    [
        {"note": [{"text": "Ring me."}]},
        {"note": {"text": "Ring me."}},
        {"note": "Ring me."},
        {"made-up": {"deep": ["Ring me."]}},
        {"modifierExtension": [{"url": "http://x.example", "valueString": "Ring me."}]},
        {"instantiatesUri": "Ring me."},
        {"contained": [{"deep": {"note": [{"text": "Ring me."}]}}]},
        {"statusReason": {"text": "Ring me.", "coding": 7}},
        {"statusReason": {"text": "Ring me.", "coding": None}},
        {"statusReason": {"text": "Ring me.", "coding": [{"system": [], "code": {}}]}},
        ["Ring me."],
        "Ring me.",
    ],
)
def test_what_is_written_in_a_refused_body_is_found_wherever_it_stands(tree: object) -> None:
    found = refused(tree)
    assert (found.words.said.texts, found.is_json, found.address) == (("Ring me.",), True, ADDRESS)


def bundle(words: str, **asked: str) -> dict[str, Any]:
    request = {"method": "POST", "url": "Communication", "ifNoneExist": "identifier=urn:x|m-1", "ifMatch": 'W/"3"'}
    resource = {"resourceType": "Communication", "meta": {"source": "#x"}, "payload": [{"contentString": words}]}
    entry = {"fullUrl": f"urn:uuid:{ID}", "resource": resource, "request": request | asked, "search": {"mode": "match"}}
    link = [{"relation": "self", "url": f"{BASE}/fhir"}]
    return {"resourceType": "Bundle", "type": "batch", "link": link, "entry": [entry]}


def test_of_a_bundle_no_word_of_its_program_is_said() -> None:
    assert refused(bundle("Ring me.")).words.said.texts == ("Ring me.",)
    assert refused(bundle("", method="Ring me.")).words.said.texts == ("Ring me.",)
    assert refused(bundle("")).words.said.texts == ()


@pytest.mark.parametrize("tree", [[], {}, 7, {"status": "accepted"}, {"note": []}, {"note": [{"text": " "}]}, b" "])
def test_where_nobody_wrote_anything_in_a_refused_body_nothing_is_said(tree: object) -> None:
    assert refused(tree).words.said.texts == ()


def test_only_labels_in_a_refused_body_are_routine() -> None:
    found = refused({"type": {"text": "Walk"}})
    assert (found.words.said.texts, found.words.said.urgency) == (("Walk",), Priority.ROUTINE)


def test_a_refused_body_that_is_no_json_is_its_words() -> None:
    found = refused(b"She wants to die.")
    assert (found.words.said.texts, found.is_json, found.address) == (("She wants to die.",), False, ADDRESS)
