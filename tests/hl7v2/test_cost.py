"""What a message costs: statements of its unit, and time that grows no faster than its length."""

import time

import pytest

from service import mappings
from service.flow.rules import DEFAULT_SITE
from service.hl7v2.frame import Frame
from service.hl7v2.look import look
from service.hl7v2.understand import understand
from tests.counting import count
from tests.flow.support import NOW, Service, load_rules
from tests.hl7v2.doors import MSH, OBR, PID
from tests.hl7v2.ward import Ward

LONG = 1_000_000
SECONDS = 20


@pytest.mark.parametrize(
    ("answers", "most"), [((1, 0, 1, 0, 0, 0, 1, 0, 0, 0), 10), ((1, 2, 2, 2, 2, 2, 2, 1, 1, 0), 22)]
)
def test_a_result_of_a_known_woman_needs_no_more_statements_than_it_did(
    service: Service, answers: tuple[int, ...], most: int
) -> None:
    ward = Ward(service)
    ward.add_programme()
    for woman in ("W1", "W2"):
        assert ward.tells("A08", *ward.agrees(woman)) == "AA"
    ward.answers("W1", answers)
    assert count(lambda: ward.answers("W2", answers)) <= most


MOVED, MERGED = (MSH.format(control="M1").replace("ORU^R01", each) for each in ("ADT^A43", "ADT^A40"))
MERGE = f"{PID}\rOBX|1|NM|X||1||||||F\rMRG|W2^^^HOSP&1.2.3&ISO^MR"
LONG_ONES = {
    "identifiers": MSH.format(control="M1") + "\rPID|1||" + "X~" * (LONG // 2),
    "codes that are not known": "\r".join(
        (MSH.format(control="M1"), PID, OBR, *["OBX|1|NM|X||1||||||F"] * (LONG // 22))
    ),
    "records that are moved": "\r".join((MOVED, *[PID] * (LONG // 80))),
    "records that are merged": "\r".join((MERGED, *[MERGE] * (LONG // 120))),
    "women": "\r".join((MSH.format(control="M1"), *[f"{PID}\r{OBR}\rOBX|1|NM|X||1||||||F"] * (LONG // 200))),
    "answers": MSH.format(control="M1") + f"\r{PID}\r{OBR}\rOBX|1|NM|X||" + "1~" * (LONG // 2),
}


@pytest.mark.parametrize("name", LONG_ONES)
def test_the_longest_message_of_many_small_things_is_read_in_time(name: str) -> None:
    rules = load_rules()
    dialect, body = mappings.load_dialects(rules)[DEFAULT_SITE], LONG_ONES[name].encode()
    began = time.process_time()
    understand(look(Frame(body)), dialect, rules, NOW)
    assert time.process_time() - began < SECONDS
