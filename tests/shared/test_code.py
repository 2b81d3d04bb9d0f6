import pytest

from service.shared.code import LOINC, SNOMED, Code, has_right_check_digit

RIGHT = [
    *(Code(LOINC, code) for code in ("99046-5", "71354-5", "44261-6", "44250-9", "44260-8", "11778-8")),
    *(Code(SNOMED, code) for code in ("450320001", "720433000", "758711000000105", "461481000124109", "410606002")),
]


@pytest.mark.parametrize("code", RIGHT, ids=str)
def test_published_codes_have_right_check_digits(code: Code) -> None:
    assert has_right_check_digit(code)


@pytest.mark.parametrize("code", RIGHT, ids=str)
def test_one_mistyped_digit_or_two_swapped_ones_are_caught(code: Code) -> None:
    text = code.code
    for n in (place for place, character in enumerate(text) if character.isdigit()):
        for digit in set("0123456789") - {text[n]}:
            assert not has_right_check_digit(Code(code.system, text[:n] + digit + text[n + 1 :]))
        following = text[n + 1 : n + 2]
        # The mod 10 digit cannot see 09 and 90 swapped (a known limit of it); Verhoeff sees every swap.
        unseen = code.system == LOINC and {text[n], following} == {"0", "9"}
        if following.isdigit() and following != text[n] and not unseen:
            assert not has_right_check_digit(Code(code.system, text[:n] + following + text[n] + text[n + 2 :]))


@pytest.mark.parametrize("code", ["", "99046", "99046-", "-5", "99046-55", "9904a-5", "\u0669-\u0665"])
def test_what_is_no_loinc_code_at_all_is_caught(code: str) -> None:
    assert not has_right_check_digit(Code(LOINC, code))


def test_systems_without_check_digits_and_answer_codes_pass() -> None:
    assert has_right_check_digit(Code("https://peer-referral.example/fhir/CodeSystem/epds-item", "1"))
    assert has_right_check_digit(Code(LOINC, "LA6568-5"))
