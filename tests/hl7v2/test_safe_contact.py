"""How she may safely be reached, in the site's own codes: the newest word counts, and what is not known to be safe is
not."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from service.hl7v2.frame import Fault, Frame
from tests.flow.support import HOUR, Service
from tests.hl7v2.doors import changed, mended
from tests.hl7v2.ward import Ward, con, cx, merge, message, pid

AT = "20260520"
NUMBER, OTHER = "+44 7700 900123", "+44 7700 900456"
ORDER = "OBR|1||C1^MAT|ASKED|||20260520||||||||||||||||||{}"


def obx(code: str, value: str, at: str = "", status: str = "F") -> str:
    return f"OBX|1|ST|{code}^x^L||{value}||||||{status}|||{at}"


def phone(value: str, status: str = "F") -> str:
    return obx("PHONE", value, status=status)


YES = [pytest.param(con("A", AT), id="CON"), pytest.param(obx("PEER", "Y", AT), id="an observation")]


@pytest.fixture
def ward(service: Service) -> Ward:
    return Ward(service)


def offered(ward: Ward, yes: str, *said: str) -> None:
    """She is offered after these were said."""
    ward.add_programme()
    assert ward.tells("A08", pid(), yes, *said) == "AA"
    ward.positive()
    assert ward.state() == ("offered", ["requested"])


def supported(ward: Ward, yes: str, *said: str) -> None:
    offered(ward, yes, *said)
    ward.service.update(ward.community, ward.offers()[0].id, "accepted")
    assert ward.state() == ("supported", ["accepted"])


def channel(ward: Ward) -> object:
    """What the programme is shown."""
    (view,) = ward.service.disclose(ward.community, *ward.offers(), type="ServiceRequest")
    return view.channel and view.channel.value


def known(ward: Ward) -> dict[str, object]:
    (woman,) = ward.rows("patient")
    safe: dict[str, object] = woman["safe_contact"]
    return safe


@pytest.mark.parametrize("yes", YES)
@pytest.mark.parametrize(
    "said", [[phone("N")], [phone('""')], [phone("")], [phone(NUMBER, "D")], [phone(NUMBER, "X")], []]
)
def test_a_way_that_is_taken_back_beside_the_same_yes_pauses_support_once(
    ward: Ward, yes: str, said: list[str]
) -> None:
    supported(ward, yes, phone(NUMBER))
    for _ in range(2):
        assert ward.tells("A08", pid(), yes, *said) == "AA"
    assert ward.state() == ("on-hold", ["held-by-service"])
    assert ward.alerts() == ["safe-contact-withdrawn"]


def test_before_a_programme_has_accepted_the_offer_is_taken_back(ward: Ward) -> None:
    offered(ward, con("A", AT), phone(NUMBER))
    ward.tells("A08", pid(), con("A", AT), phone("N"))
    assert ward.state() == ("placing", ["cancelled"])
    assert ward.alerts() == ["no-safe-contact"]


@pytest.mark.parametrize("yes", YES)
def test_another_number_beside_the_same_yes_is_the_one_that_is_shown(ward: Ward, yes: str) -> None:
    supported(ward, yes, phone(NUMBER))
    assert channel(ward) == NUMBER
    ward.tells("A08", pid(), yes, phone(OTHER))
    assert (ward.state()[0], channel(ward), ward.alerts()) == ("supported", OTHER, [])


def test_a_way_that_the_clinic_finds_out_later_lets_an_offer_be_made(ward: Ward) -> None:
    ward.add_programme()
    ward.tells("A08", pid(), con("A", AT))
    ward.positive()
    assert ward.state() == ("placing", [])
    ward.tells("A08", pid(), con("A", AT), phone(NUMBER))
    assert ward.state() == ("offered", ["requested"])
    (asked,) = ward.rows("alert", code="no-safe-contact")
    assert asked["state"] == "resolved"


def test_a_clinic_that_was_asked_for_her_yes_is_not_asked_again_for_a_number(ward: Ward) -> None:
    ward.add_programme()
    ward.positive()
    ward.tells("A08", pid(), phone(NUMBER))
    assert ward.alerts() == ["consent-needed"]
    ward.tells("A08", pid(), con("A", AT), phone(NUMBER))
    assert ward.state() == ("offered", ["requested"])


@pytest.mark.parametrize(
    ("type", "event", "order"), [("ADT", "A08", []), ("ORU", "R01", [ORDER.format("F")]), ("ADT", "A02", [])]
)
@pytest.mark.parametrize("said", [phone("N"), phone(NUMBER, "D"), phone(NUMBER, "W"), obx("VOICEMAIL", "N")])
def test_said_without_a_yes_it_counts_as_well(ward: Ward, type: str, event: str, order: list[str], said: str) -> None:
    supported(ward, con("A", AT), phone(NUMBER))
    assert ward.tells(event, pid(), *order, said, type=type) == "AA"
    assert ward.state()[0] == "on-hold"
    assert ward.alerts() == ["safe-contact-withdrawn"]


def test_its_code_counts_in_either_case(ward: Ward) -> None:
    supported(ward, con("A", AT), phone(NUMBER))
    ward.tells("A08", pid(), obx("phone", "N"))
    assert ward.state()[0] == "on-hold"


def test_a_number_in_a_document_that_is_not_finished_is_not_said_and_a_no_is(ward: Ward) -> None:
    supported(ward, con("A", AT), phone(NUMBER))
    document = "TXA|1|CN|TX|20260601|||||||||||||DI"
    ward.tells("T02", pid(), document, phone(OTHER), type="MDM")
    assert channel(ward) == NUMBER
    ward.tells("T02", pid(), document, phone("N"), type="MDM")
    assert ward.state()[0] == "on-hold"


def test_another_number_said_without_a_yes_is_the_one_that_is_shown(ward: Ward) -> None:
    supported(ward, con("A", AT), phone(NUMBER))
    ward.tells("R01", pid(), ORDER.format("F"), phone(OTHER), type="ORU")
    assert (ward.state()[0], channel(ward)) == ("supported", OTHER)


@pytest.mark.parametrize(
    "said",
    [
        [phone(OTHER, "P")],
        [phone(OTHER, "N")],
        [ORDER.format("I"), phone(OTHER, "")],
        [ORDER.format(""), phone(OTHER, "")],
    ],
    ids=["not final", "not asked", "only ordered", "nobody says how far it counts"],
)
def test_what_does_not_count_yet_is_not_said(ward: Ward, said: list[str]) -> None:
    supported(ward, con("A", AT), phone(NUMBER))
    ward.tells("A08", pid(), *said)
    assert (ward.state()[0], channel(ward)) == ("supported", NUMBER)


@pytest.mark.parametrize("status", "XYZD")
def test_it_is_taken_back_with_its_order(ward: Ward, status: str) -> None:
    supported(ward, con("A", AT), phone(NUMBER))
    ward.tells("R01", pid(), ORDER.format(status), phone(NUMBER, ""), type="ORU")
    assert ward.state()[0] == "on-hold"


def test_a_replay_undoes_no_newer_word(ward: Ward) -> None:
    supported(ward, con("A", AT), phone(NUMBER))
    ward.tells("A08", pid(), con("A", AT), phone(OTHER), con("A", AT, code="OTHER"))
    ward.tells("A08", pid(), con("A", AT), phone(NUMBER))
    (mistaken,) = ward.rows("inbound_message", disposition="partly")
    ward.hospital.messages().replay(mistaken["id"])
    assert channel(ward) == NUMBER


OLD, NEW, NOW = "20260501", "20260525090000+0000", "20260601115900+0000"


@pytest.mark.parametrize("type", ["ADT", "ORU"])
def test_an_older_number_that_comes_later_changes_nothing_and_is_told_to_a_clinic_that_waits_for_one(
    ward: Ward, type: str
) -> None:
    supported(ward, con("A", AT), phone(NUMBER))
    ward.tells("A08", pid(), obx("PHONE", "N", NEW))
    assert ward.state() == ("on-hold", ["held-by-service"])
    order = [ORDER.format("F").replace(AT, OLD)] if type == "ORU" else []
    told = obx("PHONE", NUMBER, "" if order else OLD)
    assert ward.tells("R01" if order else "A08", pid(), *order, told, type=type) == "AA OBX^1 206 W"
    assert (ward.state(), channel(ward)) == (("on-hold", ["held-by-service"]), None)
    assert ward.alerts() == ["not-all-used", "safe-contact-withdrawn"]


def test_an_older_number_is_told_to_nobody_while_another_is_known(ward: Ward) -> None:
    supported(ward, con("A", AT), obx("PHONE", NUMBER, NEW))
    assert ward.tells("A08", pid(), obx("PHONE", OTHER, OLD)) == "AA"
    assert (channel(ward), ward.alerts()) == (NUMBER, [])


def test_no_new_offer_is_made_by_an_older_number(ward: Ward) -> None:
    offered(ward, con("A", AT), phone(NUMBER))
    ward.tells("A08", pid(), obx("PHONE", "N", NEW))
    ward.tells("A08", pid(), obx("PHONE", NUMBER, OLD))
    assert ward.state() == ("placing", ["cancelled"])
    ward.tells("A08", pid(), obx("PHONE", OTHER, NOW))
    assert ward.state() == ("offered", ["cancelled", "requested"])


def test_an_older_no_that_comes_later_changes_nothing_either(ward: Ward) -> None:
    supported(ward, con("A", AT), obx("PHONE", NUMBER, NEW))
    ward.tells("A08", pid(), obx("PHONE", "N", OLD))
    assert (ward.state()[0], channel(ward), ward.alerts()) == ("supported", NUMBER, [])


def test_the_same_number_said_once_more_is_newer_than_a_no_that_comes_late(ward: Ward) -> None:
    supported(ward, con("A", AT), obx("PHONE", NUMBER, OLD))
    ward.tells("A08", pid(), obx("PHONE", NUMBER, NOW))
    ward.tells("A08", pid(), obx("PHONE", "N", NEW))
    assert (ward.state()[0], channel(ward)) == ("supported", NUMBER)


@pytest.mark.parametrize("yes", YES)
def test_a_yes_repeated_without_the_ways_is_as_old_as_it_was(ward: Ward, yes: str) -> None:
    supported(ward, yes, obx("PHONE", NUMBER, NEW))
    for _ in range(2):
        assert ward.tells("A08", pid(), yes) == "AA"
    assert (ward.state()[0], channel(ward), ward.alerts()) == ("supported", NUMBER, [])


@pytest.mark.parametrize("said", [con("A", NEW), obx("PEER", "Y", NEW)], ids=["CON", "an observation"])
def test_a_newer_yes_without_the_ways_takes_them_back_until_a_number_of_its_time(ward: Ward, said: str) -> None:
    supported(ward, con("A", AT), phone(NUMBER))
    ward.tells("A08", pid(), said)
    assert ward.state()[0] == "on-hold"
    assert ward.tells("A08", pid(), obx("PHONE", NUMBER, OLD)) == "AA OBX^1 206 W"
    assert ward.tells("A08", pid(), obx("PHONE", NUMBER, NEW)) == "AA"
    assert channel(ward) == NUMBER


def test_of_two_yeses_without_the_ways_the_newer_counts(ward: Ward) -> None:
    supported(ward, con("A", AT), obx("PHONE", NUMBER, "20260522"))
    ward.tells("A08", pid(), con("A", AT), con("A", NEW, code="CLOSED"))
    assert ward.state()[0] == "on-hold"


@pytest.mark.parametrize("yes", [con("A", AT), obx("PEER", "Y", AT)], ids=["CON", "an observation"])
@pytest.mark.parametrize("order", [[], [ORDER.format("A")]], ids=["P", "in a partial order"])
@pytest.mark.parametrize("at", ["", AT, OLD])
def test_a_number_that_is_not_final_is_nothing_yet_beside_a_yes(
    ward: Ward, yes: str, order: list[str], at: str
) -> None:
    supported(ward, con("A", AT), obx("PHONE", NUMBER, AT))
    said = obx("PHONE", NUMBER, at, "" if order else "P")
    assert ward.tells("A08", pid(), yes, *order, said) == "AA"
    assert (ward.state()[0], channel(ward), ward.alerts()) == ("supported", NUMBER, [])


@pytest.mark.parametrize("value", ['""', "", "ask first"])
def test_what_is_not_final_and_no_number_takes_the_place_of_none_beside_a_yes(ward: Ward, value: str) -> None:
    supported(ward, con("A", AT), obx("PHONE", NUMBER, AT))
    ward.tells("A08", pid(), con("A", AT), obx("PHONE", value, AT, "P"))
    assert ward.state()[0] == "on-hold"


def test_a_no_that_is_not_final_denies_its_way_alone_beside_an_older_yes(ward: Ward) -> None:
    supported(ward, con("A", AT), obx("PHONE", NUMBER, NEW), obx("MAIL", "tessie@mail.example", NEW))
    ward.tells("A08", pid(), con("A", AT), phone("N", "P"))
    assert (ward.state()[0], channel(ward)) == ("supported", "tessie@mail.example")


@pytest.mark.parametrize("said", [phone("N"), phone('""'), phone(NUMBER, "D"), obx("PHONE", "N", "20260601")])
def test_a_no_without_a_time_counts_from_now_and_one_of_a_day_from_its_end(ward: Ward, said: str) -> None:
    supported(ward, con("A", AT), obx("PHONE", NUMBER, "20260601"))
    ward.tells("A08", pid(), said)
    assert ward.state()[0] == "on-hold"
    ward.tells("A08", pid(), obx("PHONE", NUMBER, "20260601"))
    assert channel(ward) is None


@pytest.mark.parametrize("at", ["", "soon", "20270101"], ids=["none", "unreadable", "to come"])
def test_a_number_of_which_nobody_knows_whether_it_is_older_is_not_used_and_told(ward: Ward, at: str) -> None:
    supported(ward, con("A", AT), obx("PHONE", NUMBER, NEW))
    for _ in range(2):
        assert ward.tells("A08", pid(), obx("PHONE", OTHER, at)) == "AA OBX^1^14 206 W"
    assert (channel(ward), ward.alerts()) == (NUMBER, ["not-all-used"])
    assert ward.tells("A08", pid(), obx("PHONE", NUMBER, at)) == "AA"


def test_what_such_a_word_denies_is_denied(ward: Ward) -> None:
    supported(ward, con("A", AT), obx("PHONE", NUMBER, NEW), obx("MAIL", "tessie@mail.example", NEW))
    ward.tells("A08", pid(), phone("N"), obx("MAIL", "tessie@other.example"))
    assert channel(ward) == "tessie@mail.example"
    ward.tells("A08", pid(), obx("PHONE", NUMBER, NEW), obx("MAIL", "tessie@mail.example", NEW))
    assert channel(ward) == "tessie@mail.example"


def test_beside_something_newer_an_older_number_is_given_no_more_than_alone(ward: Ward) -> None:
    supported(ward, con("A", AT), phone(NUMBER))
    ward.tells("A08", pid(), obx("PHONE", "N", NEW))
    ward.tells("A08", pid(), obx("PHONE", NUMBER, OLD), obx("MAIL", "tessie@mail.example", NOW))
    assert channel(ward) == "tessie@mail.example"


def test_of_one_time_another_number_is_a_correction_and_a_no_stands(ward: Ward) -> None:
    supported(ward, con("A", AT), obx("PHONE", NUMBER, NEW))
    assert ward.tells("A08", pid(), obx("PHONE", OTHER, NEW, "C")) == "AA"
    assert channel(ward) == OTHER
    ward.tells("A08", pid(), obx("PHONE", "N", NEW))
    assert ward.tells("A08", pid(), obx("PHONE", OTHER, NEW)) == "AA OBX^1 206 W"
    assert (ward.state()[0], channel(ward)) == ("on-hold", None)


@pytest.mark.parametrize("said", [phone("N"), obx("PHONE", "N", NEW)], ids=["without a time", "with a time"])
def test_a_no_of_a_message_that_was_refused_counts_when_that_is_replayed(ward: Ward, said: str) -> None:
    supported(ward, con("A", AT), phone(NUMBER))
    assert ward.hospital.told(changed(message("A08", pid(), said), 11, "T")).startswith("AR")
    (refused,) = ward.rows("unreadable_message")
    mended(ward.hospital, **ward.hospital.habits, tests_are_taken=True).messages().replay(refused["id"])
    assert (known(ward)["channels"], channel(ward)) == ([["voice", "deny", None]], None)


def test_a_no_that_is_replayed_was_said_when_it_came(ward: Ward) -> None:
    supported(ward, con("A", AT), phone(NUMBER))
    ward.hospital.told(changed(message("A08", pid(), phone("N")), 12, "9.9"))
    ward.service.pass_time(HOUR)
    ward.tells("A08", pid(), obx("PHONE", OTHER, "20260601123000+0000"))
    (refused,) = ward.rows("unreadable_message")
    ward.hospital.messages().replay(refused["id"])
    assert channel(ward) == OTHER


@pytest.mark.parametrize("status", ["P", "R", "I", "O", "N", "S", "Z"])
def test_what_takes_a_way_away_counts_however_final_it_is(ward: Ward, status: str) -> None:
    supported(ward, con("A", AT), phone(NUMBER), obx("MAIL", "tessie@mail.example"))
    ward.tells("A08", pid(), phone("N", status), obx("VOICEMAIL", "N", status=status))
    assert (ward.state()[0], channel(ward)) == ("supported", "tessie@mail.example")
    ward.tells("A08", pid(), obx("MAIL", "N", status=status))
    assert ward.state()[0] == "on-hold"


_TWICE = [
    pytest.param([obx("PHONE", "N", NEW), obx("PHONE", NUMBER, OLD)], False, id="a no, and an older number"),
    pytest.param([obx("PHONE", "N", OLD), obx("PHONE", NUMBER, NEW)], True, id="an older no, and a number"),
    pytest.param([phone("N"), phone(NUMBER)], False, id="a no and a number"),
    pytest.param([phone(NUMBER), phone(OTHER)], False, id="two numbers"),
    pytest.param([phone(NUMBER), phone(NUMBER)], True, id="one number twice"),
    pytest.param([phone(NUMBER), obx("REVIEW", "20260501"), obx("REVIEW", "20270301")], False, id="two reviews"),
]


@pytest.mark.parametrize(("said", "safe"), _TWICE)
@pytest.mark.parametrize("turned", [False, True])
def test_of_what_is_said_twice_the_newest_counts_and_else_it_is_denied(
    ward: Ward, said: list[str], safe: bool, turned: bool
) -> None:
    ward.tells("A08", pid(), con("A", AT), *(reversed(said) if turned else said))
    ward.add_programme()
    ward.positive()
    assert ward.state()[0] == ("offered" if safe else "placing")


@pytest.mark.parametrize("turned", [False, True])
def test_a_yes_ends_at_the_first_of_two_days_and_one_no_reports_nothing_back(ward: Ward, turned: bool) -> None:
    said = [obx("UNTIL", "20260610"), obx("UNTIL", "20270301"), obx("REPORT", "N"), obx("REPORT", "Y")]
    ward.tells("A08", pid(), con("A", AT), *(reversed(said) if turned else said))
    (consent,) = ward.rows("consent")
    assert (str(consent["period_end"])[:10], consent["may_report_back"]) == ("2026-06-11", False)


_SAFE = [
    *[("PHONE", each) for each in ("+441632960111", "(01632) 960111", "01632 960111 x12", "^" * 11 + NUMBER)],
    ("MAIL", "tessie@mail.example"),
    ("MAIL", "^^^tessie@mail.example"),
    ("POST", "1 Test Street"),
    ("MEET", "Y"),
    ("MEET", "Room 3"),
]
_NOT_SAFE = [("PHONE", each) for each in ("N", "no", "No.", "FALSE", "0", '""', "")]
_UNKNOWN = [
    *[("PHONE", each) for each in ("NOT SAFE", "UNSAFE", "none", "U", "unknown", "DENY", "ask first", "Y", "1234")],
    ("PHONE", "+44 1632 960111 (husband may answer)"),
    ("MAIL", "ask first"),
    ("POST", "not safe"),
    ("MEET", "not safe"),
]


@pytest.mark.parametrize(("code", "value"), _SAFE)
def test_a_number_or_an_address_is_a_way(ward: Ward, code: str, value: str) -> None:
    offered(ward, con("A", AT), obx(code, value))


@pytest.mark.parametrize(("code", "value"), [*_NOT_SAFE, *_UNKNOWN])
def test_what_is_none_is_no_way_and_told_where_nobody_can_tell_what_it_is(ward: Ward, code: str, value: str) -> None:
    told = "AA OBX^1^5 102 W" if (code, value) in _UNKNOWN else "AA"
    assert ward.tells("A08", pid(), con("A", AT), obx(code, value)) == told
    ward.add_programme()
    ward.positive()
    assert ward.state() == ("placing", [])


@pytest.mark.parametrize(
    ("answer", "allowed", "told"),
    [
        *[(each, True, "AA") for each in ("Y", "y", "YES", "true", "1")],
        *[(each, False, "AA") for each in ("N", "NO", "n", "0", "")],
        *[(each, False, "AA OBX^2^5 102 W") for each in ("U", "UNKNOWN", "NEVER", "DENY", "refused", "Nein")],
    ],
)
def test_a_question_is_allowed_by_a_yes_alone(ward: Ward, answer: str, allowed: bool, told: str) -> None:
    assert ward.tells("A08", pid(), con("A", AT), phone(NUMBER), obx("VOICEMAIL", answer)) == told
    assert known(ward)["voicemail"] == ("allow" if allowed else "deny")
    assert ward.tells("A08", pid("W2"), con("A", AT), phone(NUMBER), obx("REPORT", answer)) == told
    (consent,) = ward.rows("consent", patient_id=ward.woman("W2"))
    assert consent["may_report_back"] is allowed


def test_of_a_review_that_cannot_be_read_nobody_knows_whether_it_is_overdue(ward: Ward) -> None:
    assert ward.tells("A08", pid(), con("A", AT), phone(NUMBER), obx("REVIEW", "soon")) == "AA OBX^2^5 102 W"
    ward.add_programme()
    ward.positive()
    assert ward.state() == ("placing", [])


def test_a_programme_stops_to_report_back_when_the_same_yes_allows_it_no_more(ward: Ward) -> None:
    supported(ward, con("A", AT), phone(NUMBER))
    for _ in range(2):
        ward.tells("A08", pid(), con("A", AT), phone(NUMBER), obx("REPORT", "N"))
    (consent,) = ward.rows("consent")
    assert (consent["may_report_back"], consent["version"]) == (False, 2)
    assert ward.state()[0] == "supported"


@pytest.mark.parametrize("said", [obx("REPORT", "N"), obx("UNTIL", "20260601")])
def test_what_is_said_of_a_yes_is_told_where_there_is_none(ward: Ward, said: str) -> None:
    supported(ward, con("A", AT), phone(NUMBER))
    assert ward.tells("A08", pid(), said) == "AA OBX^1 100 W"
    assert (ward.state()[0], ward.alerts()) == ("supported", ["not-all-used"])


def test_a_site_without_codes_for_it_says_nothing_of_it(ward: Ward) -> None:
    ward.hospital.habits["codes"] = replace(ward.hospital.habits["codes"], details={})
    ward.sends(message("A08", pid(), con("A", AT)))
    (woman,) = ward.rows("patient")
    assert woman["safe_contact"] is None


REFUSED = [
    pytest.param(lambda body: changed(body, 12, "9.9"), id="another version"),
    pytest.param(lambda body: body + b"and a line break\r", id="a line that is no segment"),
    pytest.param(lambda body: b"BHS|^~\\&|EHR\r" + body + b"BTS|1\r", id="a batch"),
    pytest.param(lambda body: Frame(body, Fault.CUT_SHORT), id="cut short"),
]
Spoil = Callable[[bytes], bytes | Frame]


@pytest.mark.parametrize("spoil", REFUSED)
@pytest.mark.parametrize(
    ("said", "paused"),
    [
        ([phone("N")], True),
        ([phone('""')], True),
        ([phone(NUMBER, "D")], True),
        ([phone(OTHER)], True),
        ([con("A", AT)], True),
        ([phone(NUMBER), obx("MAIL", "N")], False),
        ([phone(NUMBER), obx("MAIL", "tessie@example.org")], False),
        ([], False),
    ],
    ids=["no", "deleted", "taken back", "another number", "none beside a yes", "the same", "more", "nothing"],
)
def test_what_is_no_longer_safe_in_a_message_that_is_refused_pauses_contact_until_somebody_has_looked(
    ward: Ward, said: list[str], paused: bool, spoil: Spoil
) -> None:
    supported(ward, con("A", AT), phone(NUMBER))
    before = known(ward)
    for _ in range(2):
        assert ward.hospital.told(spoil(message("A08", pid(), *said))).startswith("AR")
    assert ward.state() == (("on-hold", ["held-by-service"]) if paused else ("supported", ["accepted"]))
    assert ward.alerts() == ["unreadable-refusal"] * paused
    assert known(ward) == before


@pytest.mark.parametrize(
    "whose", [pid("W2"), pid(born="19850505"), "PID|1||W1^^^ELSEWHERE"], ids=["unknown", "may be another's", "unusable"]
)
def test_what_is_safe_for_nobody_who_is_certain_calls_nobody_in_a_message_that_is_refused(
    ward: Ward, whose: str
) -> None:
    supported(ward, con("A", AT), phone(NUMBER))
    assert ward.hospital.told(changed(message("A08", whose, phone("N")), 12, "9.9")).startswith("AR")
    assert (ward.state(), ward.alerts()) == (("supported", ["accepted"]), [])


@pytest.mark.parametrize("retired", ["W1", "W2"])
@pytest.mark.parametrize(
    ("said", "safe"),
    [
        (obx("MAIL", "N", OLD), True),
        (obx("MEET", "N", OLD), True),
        (obx("PHONE", "N", OLD), False),
        (obx("PHONE", OTHER, OLD), False),
        (obx("MAIL", "N", NOW), False),
        (obx("MAIL", "N"), False),
    ],
    ids=["mail", "to meet", "her own way", "another number", "newer", "counts from when it came"],
)
def test_in_a_merge_an_older_no_to_a_way_that_she_never_gave_takes_no_other_way(
    ward: Ward, said: str, safe: bool, retired: str
) -> None:
    supported(ward, con("A", AT), obx("PHONE", NUMBER, NEW))
    ward.tells("A08", pid("W2"), said)
    assert ward.sends(merge(retired, into="W2" if retired == "W1" else "W1")) == "AA"
    assert ward.state()[0] == ("supported" if safe else "on-hold")
    assert ward.alerts() == ["records-merged", *([] if safe else ["safe-contact-withdrawn"])]


@pytest.mark.parametrize("event", ["A40", "A24", "A44"])
@pytest.mark.parametrize("said", [phone("N"), phone('""'), phone(NUMBER, "W")], ids=["no", "deleted", "taken back"])
def test_what_is_not_safe_for_one_of_two_records_is_told_as_a_no_is(ward: Ward, event: str, said: str) -> None:
    supported(ward, con("A", AT), phone(NUMBER))
    told = [pid(), f"MRG|{cx('W1')}", said, obx("PHONE", OTHER, NOW)]
    assert "OBX^1 204 W" in ward.tells(event, *told)
    assert ward.alerts().count("unnamed-refusal") == 1
    assert known(ward)["channels"] == [["voice", "allow", NUMBER]]


@pytest.mark.parametrize(("event", "type"), [("A08", "ADT"), ("R01", "ORU"), ("A24", "ADT")])
def test_what_is_not_safe_in_the_record_of_a_baby_is_told_as_a_no_is(ward: Ward, event: str, type: str) -> None:
    supported(ward, con("A", AT), phone(NUMBER))
    ward.tells(event, pid("B1", born="20260530", _21=cx("W1")), ORDER.format("F"), phone("N"), type=type)
    assert ward.alerts().count("unnamed-refusal") == 1
    ward.tells(event, pid("B1", born="20260530", _21=cx("W1")), ORDER.format("F"), phone(NUMBER), type=type)
    assert ward.alerts().count("unnamed-refusal") == 1
