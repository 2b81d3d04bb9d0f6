"""mappings/hl7v2/outbound.toml, and what a site puts in its place."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from service.delivery.reach import answerless, unheard
from service.hl7v2.write.alert import NOT_NAMED
from service.hl7v2.write.outbound import Asked, Coded, Topic, Version
from service.mappings import load, load_dialects, load_outbound, own_folder
from service.referrals.offer import Ending, OfferState
from service.referrals.referral import OPEN as OPEN_REFERRAL
from service.referrals.referral import REFERRAL_ENDED, REFERRAL_TABLE, ReferralState, ReferralTrigger
from service.screening.instrument import AnswerLinks, Priority, Recorded
from service.shared.caller import OrganisationKind
from service.shared.client import Client
from service.shared.errors import InvalidMappings
from tests.fhir.write.support import COMMUNITY, HOSPITAL, RULES
from tests.hl7v2.write.support import OUTBOUND, RECEIVER

OWN = """
organisation = "hospital-1"
zone = "Europe/London"
approval = {{ by = "Somebody", on = 2026-11-22 }}

[hl7v2.outbound]
{own}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(own_folder(), tmp_path / "mappings"))


def says(folder: Path, own: str) -> None:
    (folder / "sites" / "own.toml").write_text(OWN.format(own=own), encoding="utf-8")


def test_every_topic_has_a_code_of_its_own() -> None:
    assert set(OUTBOUND.codes) == set(Topic)
    assert len({OUTBOUND.topic(each).code for each in Topic}) == len(Topic)


WHY_IT_ENDED = {
    trigger
    for (before, trigger), (after, _) in REFERRAL_TABLE.items()
    if before in OPEN_REFERRAL and after in REFERRAL_ENDED
} | {ReferralTrigger.VOIDED}


@pytest.mark.parametrize("code", sorted({*ReferralState, *OfferState, *Ending, *Priority, *WHY_IT_ENDED, NOT_NAMED}))
def test_every_code_that_is_sent_has_words_for_whoever_reads_it(code: str) -> None:
    assert OUTBOUND.texts.get(code, code) != code


def test_a_site_says_only_what_differs(folder: Path) -> None:
    says(
        folder,
        'version = "2.5.1"\nreceiving_application = "EHR"\ncommit = "AL"\napplication = "NE"\n'
        '[hl7v2.outbound.code.team]\ncode = "T1"\ntext = "Team"\nsystem = "L"\n[hl7v2.outbound.text]\nurgent = "STAT"',
    )
    own = load_outbound(folder)["hospital-1"]
    assert (own.version, own.receiving, own.commit, own.application) == (
        Version.V2_5_1, ("EHR", ""), Asked.ALWAYS, Asked.NEVER,
    )  # fmt: skip
    assert own.topic(Topic.TEAM) == Coded("T1", "Team", "L")
    assert own.topic(Topic.REFERRAL) == OUTBOUND.topic(Topic.REFERRAL)
    assert (own.value("urgent").text, own.value("routine").text) == ("STAT", "Routine")
    assert load_dialects(load(folder), folder)["hospital-1"].zone.tzname(None) is None


@pytest.mark.parametrize(
    ("own", "problem"),
    [
        ('version = "2.3"', "version: is none of 2.5, 2.5.1, 2.6"),
        ('completion = "XX"', "completion: is none of DO, AU, LA"),
        ('commit = "NE"', "asks for no acknowledgement at all"),
        ('commit = "NE"\napplication = "NE"', "asks for no acknowledgement at all"),
        ('application = "SU"', "application: is none of AL, NE"),
        ('code.nothing = { code = "x", text = "x" }', "nothing: is nothing that is sent"),
        ('code.team = { text = "x" }', "team.code: is missing"),
        ('receiving = "x"', "receiving: is not a known key"),
    ],
)
def test_what_cannot_be_right_is_refused(folder: Path, own: str, problem: str) -> None:
    says(folder, own)
    with pytest.raises(InvalidMappings) as refused:
        load_outbound(folder)
    assert problem in "\n".join(refused.value.problems)


def test_a_hospital_that_would_hear_of_no_alert_is_found() -> None:
    tasks_alone = {id: replace(each, record=frozenset({Recorded.ALERT_TASKS})) for id, each in RULES.policies.items()}
    everybody = [HOSPITAL, RECEIVER, COMMUNITY, replace(RECEIVER, active=False)]
    (problem,) = unheard(everybody, replace(RULES, policies=tasks_alone))
    assert RECEIVER.id in problem
    assert unheard(everybody, RULES) == []


def test_a_hospital_that_has_no_way_to_answer_an_alert_is_found() -> None:
    everybody = [HOSPITAL, RECEIVER, COMMUNITY, replace(RECEIVER, active=False)]
    default = RULES.policies["default"]
    silent = replace(RULES, policies={"default": replace(default, answer_link=None)})
    link = replace(default, answer_link=AnswerLinks(default.approval, 24))

    client = Client("client-1", RECEIVER.id, OrganisationKind.HOSPITAL, frozenset({"system/Task.rus"}))
    reader = replace(client, scopes=frozenset({"system/Task.rs"}))
    for useless in ([], [reader], [replace(client, revoked=True)]):
        assert answerless(everybody, useless, silent) == [RECEIVER.id]
    assert answerless(everybody, [client], silent) == []
    assert answerless(everybody, [], replace(RULES, policies={"default": link})) == []
