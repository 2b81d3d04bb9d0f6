"""HL7 v2 as the simulated engine reads and writes it, and the file in which the infirmary says what its codes mean."""

import shutil
from pathlib import Path

import pytest

from service.demo import infirmary
from service.demo.er7 import END, START, NotRead, lines, read, segment, text, written
from service.mappings import load, load_dialects, load_outbound, own_folder
from tests.demo.support import ER7


def test_a_message_is_read_with_or_without_its_frame() -> None:
    message = read(ER7)
    assert message == read(ER7.removeprefix(START).removesuffix(END))
    assert (message.type, message.control) == ("ADT^A04", "<M&1>")
    assert [message.first("PID").text(5, part) for part in (1, 2, 3)] == ["Test", "Testine", ""]
    assert (message.first("MSH").text(11), message.first("ZZZ").text(4), message.named("OBX")) == ("P", "", [])


@pytest.mark.parametrize("body", [b"", b"PID|1\r", b"MSH|^~#&|A\r", START + END, b"\xff\xfe", b"MSH\r"])
def test_what_does_not_begin_as_a_message_is_not_read(body: bytes) -> None:
    with pytest.raises(NotRead):
        read(body)


@pytest.mark.parametrize("value", ["a|b^c&d~e\\f", "\\F\\", "plain", "Zoë", ""])
def test_a_value_comes_back_as_it_was_written(value: str) -> None:
    message = read(written(segment("MSH", {3: text(value), 9: "ADT^A04"}), segment("PID", {5: f"x^{text(value)}"})))
    assert message.first("MSH").text(3) == value
    assert message.first("PID").text(5, 2) == value


def test_fields_stand_at_their_numbers() -> None:
    assert segment("PID", {1: "1", 3: "x"}) == "PID|1||x"
    assert read(written(segment("MSH", {3: "A", 9: "ADT^A04", 10: "M1"}))).control == "M1"


def test_each_segment_is_a_line_for_a_reader() -> None:
    assert lines(ER7) == ["MSH|^~\\&|MATERNITY|SAMPLE|||20261122||ADT^A04|<M&1>|P|2.5.1", "PID|1||TEST-1||Test^Testine"]
    assert lines(b'{"resourceType":"Patient"}') == []


def test_the_service_takes_the_infirmarys_file(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(own_folder(), tmp_path / "mappings"))
    (folder / "sites" / "infirmary.toml").write_text(infirmary.site_file("hers", "theirs"), encoding="utf-8")
    rules = load(folder)
    dialect, outbound = load_dialects(rules, folder)["hers"], load_outbound(folder)["hers"]
    assert dialect.authorities == {(infirmary.AUTHORITY, "MR"): infirmary.NUMBER}
    assert dialect.codes.consents["PEER-SUPPORT"].organisation_id == "theirs"
    assert outbound.receiving == ("ENGINE", infirmary.FACILITY)
    assert rules.policy("hers").answer_link is not None
