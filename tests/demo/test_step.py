"""A step as a value: what it says of itself, and that no secret ever gets into one."""

import io

import pytest
from rich.console import Console

from service.demo.er7 import read
from service.demo.narrator import Narrator
from service.demo.step import SIDES, Party, Telling, Told, masked, wire
from service.demo.words import BETWEEN_PEOPLE, TO_THE_ENGINE, took, words_for, words_for_message
from tests.demo.support import ENDING, ER7, STEPS, STORY, WHOLE, call, message, sent

JWT = "eyJhbGciOiJFUzM4NCJ9.eyJzdWIiOiJtZSJ9.c2lnbmF0dXJl"


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        (f"grant_type=a&client_assertion={JWT}&scope=b", "grant_type=a&client_assertion=(masked)&scope=b"),
        ("client_assertion=an.opaque~one&scope=b", "client_assertion=(masked)&scope=b"),
        ('{"access_token": "s3cret-T0ken", "expires_in": 300}', '{"access_token": "(masked)", "expires_in": 300}'),
        ('{"access_token":"s3cret","x":1}', '{"access_token":"(masked)","x":1}'),
        ("Authorization: Bearer s3cret.T0ken", "Authorization: Bearer (masked)"),
        (f"Authorization: DPoP {JWT}", "Authorization: DPoP (masked)"),
        ('{"value":"TEST-000417"}', '{"value":"TEST-000417"}'),
        (
            "OBX|1|TX|link||http://127.0.0.1/answer/s3cret-T0ken|||AA",
            "OBX|1|TX|link||http://127.0.0.1/answer/(masked)|||AA",
        ),
    ],
)
def test_secrets_are_masked_and_nothing_else(said: str, shown: str) -> None:
    assert masked(said.encode()).decode() == shown


def test_of_the_headers_those_are_shown_that_say_something() -> None:
    shown = wire({"authorization": "Bearer s3cret", "user-agent": "x", "if-match": 'W/"1"'}, b"")
    assert shown.headers == ("Authorization: Bearer (masked)", 'If-Match: W/"1"')
    assert not shown.masked
    assert wire({}, b"client_assertion=x").masked


def test_several_calls_alike_are_one_message_that_hides_no_failure() -> None:
    assert message(call(), call()).request == "POST /fhir/Consent?a=<b>&c=1 (2 times)"
    assert message(call(), call("500"), call()).worst.answer == "500"
    assert message(call(), call()).seconds == pytest.approx(0.084)


@pytest.mark.parametrize(("answer", "good"), [("200", True), ("AA", True), ("404", False), ("AR", False), ("", False)])
def test_an_answer_is_good_or_not_whichever_way_it_came(answer: str, good: bool) -> None:
    assert call(answer).good is good


def test_a_step_with_a_problem_has_failed() -> None:
    assert [step.failed for step in STEPS] == [False, True, False]


def test_everybody_has_a_side_and_every_call_of_the_stories_has_words() -> None:
    assert set(SIDES) == set(Party)
    assert words_for(Party.SERVICE, call()) == BETWEEN_PEOPLE["POST", "Consent"]
    assert words_for(Party.RECORD, call()) == "speaks"
    assert words_for_message(read(ER7)) == "speaks"
    assert words_for_message(read(sent("note"))) == TO_THE_ENGINE["MDM^T02", ""]


@pytest.mark.parametrize(("seconds", "shown"), [(0.0412, "41 ms"), (0.9994, "999 ms"), (1.26, "1.3 s")])
def test_times_are_short(seconds: float, shown: str) -> None:
    assert took(seconds) == shown


def test_everything_told_is_kept_in_order_and_heard() -> None:
    heard: list[Told] = []
    telling = Telling((heard.append,))
    for told in WHOLE:
        telling.tell(told)
    assert heard == telling.told == list(WHOLE)
    assert telling.steps == list(STEPS)


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_the_terminal_shows_each_step_with_what_went_wrong_on_eighty_columns(encoding: str) -> None:
    written = io.BytesIO()
    out = io.TextIOWrapper(written, encoding=encoding)
    narrator = Narrator(Console(file=out, width=120))
    for told in WHOLE:
        narrator.show(told)
    out.flush()
    lines = written.getvalue().decode(encoding).splitlines()
    assert max(map(len, lines)) <= 80
    shown = "\n".join(lines)
    for text in (
        STORY.title,
        "It goes wrong",
        "found instead: requested",
        "cut",
        "500",
        "0 of 1 stories",
        "42 ms",
        "PID|1||TEST-1",
        "MSA|AA|",
    ):
        assert text in shown
    assert ENDING.verified is False
