from collections.abc import Callable
from datetime import date, time
from typing import Any

import pytest

from service.consent.safe_contact import Channel, Mode, Permission, SafeContact, TextContent, Window, safe_channel
from service.fhir.outcome import BadInput
from service.fhir.read.safe_contact import read_safe_contact
from service.fhir.terms import SAFE_CONTACT

Tree = dict[str, Any]
Guarded = Callable[[Tree], Tree]
NUMBER = "+44 7700 900123"
ZONE: Tree = {"url": "timezone", "valueCode": "Europe/London"}


def channel(mode: str, permission: str, value: str | None = NUMBER) -> Tree:
    said = [{"url": "mode", "valueCode": mode}, {"url": "permission", "valueCode": permission}]
    return {"url": "channel", "extension": said + ([{"url": "value", "valueString": value}] if value else [])}


def window(days: tuple[str, ...] = ("mon",), start: str | None = "09:00:00", end: str | None = "12:00:00") -> Tree:
    hours = [{"url": url, "valueTime": at} for url, at in (("from", start), ("to", end)) if at is not None]
    return {"url": "window", "extension": [{"url": "day", "valueCode": day} for day in days] + hours}


@pytest.fixture
def read(guarded: Guarded) -> Callable[..., SafeContact | None]:
    def reading(*parts: Tree, times: int = 1) -> SafeContact | None:
        said = {"url": SAFE_CONTACT, "extension": list(parts)}
        return read_safe_contact(guarded({"resourceType": "Patient", "extension": [said] * times}))

    return reading


def test_nothing_said_is_nothing_known() -> None:
    assert read_safe_contact({"resourceType": "Consent"}) is None
    other = {"url": "https://hospital.example/contact", "extension": [channel("voice", "allow")]}
    assert read_safe_contact({"resourceType": "Consent", "extension": [other]}) is None


def test_all_that_she_said_is_read(read: Callable[..., SafeContact | None]) -> None:
    said = read(
        channel("voice", "allow"),
        channel("sms", "deny"),
        channel("in-person", "unknown", None),
        {"url": "voicemail", "valueCode": "allow"},
        {"url": "text-content", "valueCode": "neutral"},
        {"url": "withhold-number", "valueBoolean": False},
        {"url": "caller-description", "valueString": "the library"},
        window(("wed", "mon")),
        window(("sat",), "10:30:00", "11:00:00"),
        ZONE,
        {"url": "code-word", "valueString": "marigold"},
        {"url": "review-by", "valueDate": "2026-04-01"},
    )
    assert said == SafeContact(
        channels=(
            Channel(Mode.VOICE, Permission.ALLOW, NUMBER),
            Channel(Mode.SMS, Permission.DENY, NUMBER),
            Channel(Mode.IN_PERSON, Permission.UNKNOWN, None),
        ),
        voicemail=Permission.ALLOW,
        text_content=TextContent.NEUTRAL,
        withhold_number=False,
        caller_description="the library",
        windows=(Window(("mon", "wed"), time(9), time(12)), Window(("sat",), time(10, 30), time(11))),
        timezone="Europe/London",
        code_word="marigold",
        review_by=date(2026, 4, 1),
    )


@pytest.mark.parametrize(
    "parts",
    [
        [],
        [{"url": "voicemail", "valueCode": "perhaps"}],
        [{"url": "voicemail", "valueCode": "unknown"}],
        [{"url": "voicemail", "valueCode": "allow"}, {"url": "voicemail", "valueCode": "deny"}],
        [{"url": "voicemail", "valueBoolean": True}],
        [{"url": "text-content", "valueCode": "everything"}],
        [{"url": "withhold-number", "valueString": "false"}],
    ],
)
def test_what_is_not_said_or_not_understood_is_denied(
    read: Callable[..., SafeContact | None], parts: list[Tree]
) -> None:
    assert read(channel("pigeon", "allow"), *parts) == SafeContact(channels=())


@pytest.mark.parametrize("permission", ["maybe", None])
def test_a_way_whose_permission_is_not_understood_is_denied(
    read: Callable[..., SafeContact | None], permission: str | None
) -> None:
    said = [{"url": "permission", "valueCode": permission}] if permission else []
    told = read({"url": "channel", "extension": [{"url": "mode", "valueCode": "voice"}, *said]})
    assert told == SafeContact((Channel(Mode.VOICE, Permission.DENY),))


@pytest.mark.parametrize("mode", ["phone", "Voice"])
def test_what_is_denied_of_a_way_that_is_not_known_is_denied_of_every_way(
    read: Callable[..., SafeContact | None], mode: str
) -> None:
    everywhere = {Channel(each, Permission.DENY, NUMBER) for each in Mode}
    said = read(channel("voice", "allow"), channel(mode, "deny"))
    assert said is not None
    assert set(said.channels) == {Channel(Mode.VOICE, Permission.ALLOW, NUMBER)} | everywhere
    assert safe_channel(said, date(2026, 3, 1)) is None


def test_a_denial_of_two_ways_at_once_is_one_of_every_way(read: Callable[..., SafeContact | None]) -> None:
    both = channel("voice", "deny", None)
    both["extension"].append({"url": "mode", "valueCode": "sms"})
    assert safe_channel(read(channel("post", "allow", "1 Test Street"), both), date(2026, 3, 1)) is None


@pytest.mark.parametrize(
    "malformed",
    [
        window(()),
        window(("mon", "funday")),
        window(start=None),
        window(end=None),
        window(start="12:00:00", end="09:00:00"),
        window(start="09:00:00", end="09:00:00"),
        window(start="23:59:60"),
        {"url": "window", "extension": [{"url": "day", "valueCode": "mon"}, {"url": "from", "valueString": "nine"}]},
        {"url": "window", "extension": [*window()["extension"], {"url": "to", "valueTime": "18:00:00"}]},
        {"url": "window", "extension": [{"url": "day", "valueCoding": {"code": "mon"}}, *window(())["extension"]]},
        {"url": "window", "extension": [*window(end=None)["extension"], {"url": "to", "valueString": "23:00+02:00"}]},
        {"url": "window", "valueString": "mornings"},
        {"url": "never-mention", "valueString": "the baby"},
        {"url": "window", "extension": [*window()["extension"], {"url": "not-before", "valueDate": "2026-04-01"}]},
        {
            "url": "channel",
            "extension": [*channel("sms", "allow")["extension"], {"url": "ask-for", "valueString": "J"}],
        },
        {"url": "review-by", "valueString": "soon"},
        {"url": "review-by", "valueQuantity": {"value": 3}},
        {"url": "review-by", "valueInteger": 2026},
    ],
)
def test_a_window_a_review_or_a_part_that_cannot_be_told_is_refused(
    read: Callable[..., SafeContact | None], malformed: Tree
) -> None:
    with pytest.raises(BadInput) as caught:
        read(channel("voice", "allow"), ZONE, malformed)
    assert caught.value.status == 422
    assert caught.value.issues[0].expression == "Patient.extension"


def test_two_agreements_at_once_are_refused(read: Callable[..., SafeContact | None]) -> None:
    with pytest.raises(BadInput):
        read(channel("voice", "allow"), times=2)


@pytest.mark.parametrize(
    ("sent", "day"),
    [
        ([{"valueDate": "2026-04"}], date(2026, 4, 1)),
        ([{"valueDateTime": "2026-04-02T10:00:00Z"}], date(2026, 4, 2)),
        ([{"valueDate": "2026-05-01"}, {"valueDate": "2026-04-01"}], date(2026, 4, 1)),
    ],
)
def test_an_agreement_is_reviewed_on_the_first_day_that_may_be_meant(
    read: Callable[..., SafeContact | None], sent: list[Tree], day: date
) -> None:
    said = read(*({"url": "review-by", **each} for each in sent))
    assert said is not None
    assert said.review_by == day


@pytest.mark.parametrize("zones", [[], [{"url": "timezone", "valueCode": "Mars/Base"}], [ZONE, ZONE]])
def test_windows_in_no_one_zone_that_is_known_are_refused(
    read: Callable[..., SafeContact | None], zones: list[Tree]
) -> None:
    assert read(window(), ZONE) is not None
    with pytest.raises(BadInput):
        read(window(), *zones)
