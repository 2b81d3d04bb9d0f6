"""The page behind an answer link, over HTTP: opening it changes nothing, and it ends its alert once."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html import unescape
from html.parser import HTMLParser
from zoneinfo import ZoneInfo

import pytest

from service.console import answering
from service.fhir.lengths import PERSON
from tests.console.support import GOOD, Desk, serving
from tests.flow.support import FACTS


class Labels(HTMLParser):
    """What a form shows: its controls, and the labels that name them."""

    def __init__(self) -> None:
        super().__init__()
        self.controls: list[dict[str, str | None]] = []
        self.labelled: set[str | None] = set()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "label":
            self.labelled.add(given.get("for"))
        if tag == "input":
            inside = "label" in self.open
            self.controls.append({**given, "named": "yes" if inside else None})
        if tag not in ("input", "meta"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_opening_it_any_number_of_times_changes_nothing(desk: Desk) -> None:
    before = [desk.service.rows(table) for table in ("alert", "answer_link", "inbound_message", "audit")]
    for method in ("GET", "HEAD", "GET"):
        assert desk.ask(method).status_code == 200
    assert [desk.service.rows(table) for table in ("alert", "answer_link", "inbound_message", "audit")] == before


def test_it_names_nobody_and_no_fact(desk: Desk) -> None:
    text = desk.ask().text
    for told in (FACTS.preferred_name, desk.woman, "self-harm", "15", "EPDS", "score"):
        assert str(told).lower() not in re.sub(r"<style>.*?</style>|datetime=\"[^\"]*\"|:\d\d", "", text).lower()
    assert desk.service.rules.alert_text("self-harm-present") in unescape(text)


def test_it_says_until_when_by_the_clocks_of_the_hospital(desk: Desk) -> None:
    rules, zone = desk.service.rules, ZoneInfo("Pacific/Auckland")
    policies = {id: replace(each, zone=zone) for id, each in rules.policies.items()}
    there = replace(desk, application=serving(desk.service, replace(rules, policies=policies)))
    due = desk.alert["due_at"]
    assert isinstance(due, datetime)
    assert f"{due.astimezone(UTC):%Y-%m-%d %H:%M} UTC" in desk.ask().text
    assert f"{due.astimezone(zone):%Y-%m-%d %H:%M} NZDT" in there.ask().text.replace("NZST", "NZDT")


def test_it_stays_with_its_reader_and_needs_no_script(desk: Desk) -> None:
    answer = desk.ask()
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cache-control"] == "no-store"
    assert not re.search(r"<script|src=|href=| on\w+=|style=", answer.text)


def test_every_control_has_its_label_and_the_page_its_language(desk: Desk) -> None:
    text = desk.ask().text
    labels = Labels()
    labels.feed(text)
    assert labels.open == []
    assert '<html lang="en">' in text
    assert len(labels.controls) == 2 + 5
    assert all(each["named"] or each["id"] in labels.labelled for each in labels.controls)
    assert text.count("<h1>") == text.count("<legend>") == text.count("<title>") == 1


def test_an_answer_leads_where_it_says_and_the_link_is_used_up(desk: Desk) -> None:
    assert desk.ask("POST", GOOD).status_code == 200
    assert desk.service.states(desk.woman) == ("offered", ["requested"])
    assert (desk.alert["reviewed_by"], desk.alert["reviewed_by_role"]) == ("M. Test", "Midwife")
    for method, form in (("GET", None), ("POST", GOOD), ("POST", {**GOOD, "answer": "close"})):
        answer = desk.ask(method, form)
        assert answer.status_code == 410
        assert "waits for no answer here" in answer.text
    assert desk.service.states(desk.woman) == ("offered", ["requested"])


def test_who_has_seen_it_is_kept_and_nothing_is_released(desk: Desk) -> None:
    assert desk.ask("POST", {**GOOD, "answer": "seen"}).status_code == 200
    assert (desk.alert["state"], desk.alert["acknowledged_by_role"]) == ("acknowledged", "Midwife")
    assert desk.service.states(desk.woman) == ("in-review", [])


def test_who_has_seen_it_comes_back_by_the_same_link_and_ends_it(desk: Desk) -> None:
    assert "Open this link again" in desk.ask("POST", {**GOOD, "answer": "seen"}).text
    page = desk.ask()
    assert (page.status_code, "somebody saw it" in page.text, 'value="seen"' in page.text) == (200, True, False)
    assert desk.ask("POST", {**GOOD, "answer": "seen"}).status_code == 422
    assert desk.ask("POST", {**GOOD, "name": "S. Second"}).status_code == 200
    assert (desk.alert["acknowledged_by"], desk.alert["reviewed_by"]) == ("M. Test", "S. Second")
    assert desk.service.states(desk.woman) == ("offered", ["requested"])
    assert desk.ask("POST", GOOD).status_code == 410


def test_a_review_that_was_only_seen_is_said_again_when_the_link_is_over(desk: Desk) -> None:
    desk.ask("POST", {**GOOD, "answer": "seen"})
    for hours, rung in ((1, 0), (1, 1), (23, 1), (1, 2)):
        desk.service.chase(timedelta(hours=hours))
        assert (desk.alert["state"], desk.alert["rung"]) == ("acknowledged", rung)
        said = ("Communication", desk.alert["id"], desk.alert["version"]) in desk.service.owed(desk.woman)
        assert said is (rung > 0)
    assert desk.alert["acknowledged_by"] == "M. Test"


@pytest.mark.parametrize("change", [{"name": " "}, {"role": ""}, {"answer": ""}, {"answer": "done"}, {"answer": "x"}])
def test_without_a_name_a_role_and_an_answer_the_form_comes_again(desk: Desk, change: dict[str, str]) -> None:
    answer = desk.ask("POST", {**GOOD, "role": "<b>Midwife", **change})
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text
    assert "<b>" not in answer.text
    assert desk.alert["state"] == "open"
    assert desk.ask("POST", GOOD).status_code == 200


@pytest.mark.parametrize("element", ["name", "role"])
@pytest.mark.parametrize("written", ["M.\x00Test", "M.\x1bTest", "M.\udcffTest"])
def test_what_is_no_text_is_not_kept_as_a_name(desk: Desk, element: str, written: str) -> None:
    answer = desk.ask("POST", {**GOOD, element: written})
    assert answer.status_code == 422
    assert "no letter, digit or sign" in answer.text
    assert desk.alert["state"] == "open"


@pytest.mark.parametrize("element", ["name", "role"])
def test_a_name_and_a_role_are_as_long_as_the_form_lets_them_be(desk: Desk, element: str) -> None:
    for length in (PERSON + 1, 5_000, answering.LONGEST_FORM + 1):
        answer = desk.ask("POST", {**GOOD, element: "é" * length})
        assert answer.status_code == 422
        assert f"at most {PERSON} characters" in answer.text
        assert desk.alert["state"] == "open"
    assert f'maxlength="{PERSON}"' in desk.ask().text
    longest = "𝄞" * PERSON
    assert desk.ask("POST", {**GOOD, "name": longest, "role": longest}).status_code == 200
    assert (desk.alert["reviewed_by"], desk.alert["reviewed_by_role"]) == (longest, longest)


def test_it_is_over_when_its_time_is(desk: Desk) -> None:
    desk.service.pass_time(timedelta(hours=2))
    assert [desk.ask(method, GOOD).status_code for method in ("GET", "POST")] == [410, 410]
    assert desk.alert["state"] == "open"


def test_a_newer_result_asks_for_a_newer_link(desk: Desk) -> None:
    desk.send_a_newer_result()
    first = desk.service.rows("alert", patient_id=desk.woman)[0]
    answer = desk.ask("POST", GOOD)
    assert answer.status_code == 409
    assert "newer" in answer.text
    assert first["state"] == "open"
    assert desk.service.states(desk.woman) == ("in-review", [])


def test_support_does_not_go_on_while_she_cannot_be_reached_and_the_link_stays(unreachable: Desk) -> None:
    for _ in range(2):
        answer = unreachable.ask("POST", GOOD)
        assert answer.status_code == 409
        assert "No safe way to reach her" in answer.text
    assert unreachable.service.states(unreachable.woman) == ("on-hold", ["held-by-service"])
    assert unreachable.service.alert(unreachable.woman, "safe-contact-withdrawn")["state"] == "open"


@pytest.mark.parametrize("token", ["x", "A" * 43, "../livez", "%00"])
def test_another_token_is_not_known(desk: Desk, token: str) -> None:
    assert desk.ask(address=f"/answer/{token}").status_code == 404


def test_only_the_hash_of_a_token_is_kept(desk: Desk) -> None:
    token = desk.address.rpartition("/")[2]
    assert len(token) == 43
    assert token not in str([desk.service.rows(table) for table in ("answer_link", "alert", "audit", "delivery")])
    desk.ask("POST", GOOD)
    assert token not in str(desk.service.rows("inbound_message"))


def test_nobody_may_ask_too_often(desk: Desk) -> None:
    statuses = {desk.ask().status_code for _ in range(2 * answering.PER_MINUTE + 1)}  # in two minutes at most
    assert statuses == {200, 429}
