"""A code in a code system, and the check digits that catch a mistyped one before it decides anything."""

from typing import NamedTuple

LOINC = "http://loinc.org"
SNOMED = "http://snomed.info/sct"
OURS = "https://peer-referral.example/fhir"
"""What every code system, identifier and extension of this project's own hangs under."""


class Code(NamedTuple):
    """FHIR Coding reduced to what identifies it. `system` is never empty: a code without a system matches nothing."""

    system: str
    code: str

    def __str__(self) -> str:
        return f"{self.system}|{self.code}"


def has_right_check_digit(code: Code) -> bool:
    """Whether a LOINC (mod 10) or SNOMED CT (Verhoeff) code can exist; anything without such a digit passes.

    LOINC answers and lists (LA…, LL…) end in a digit of another scheme, which is not checked. Sources: LOINC Users'
    Guide, appendix "Calculating mod 10 check digits"; SNOMED CT Release File Specification, appendix "Check-digit".
    """
    if code.system == LOINC and not code.code.startswith(("LA", "LL")):
        digits, hyphen, check = code.code.partition("-")
        return bool(hyphen) and _is_digits(digits + check) and len(check) == 1 and _mod_10(digits) == int(check)
    if code.system == SNOMED:
        return _is_digits(code.code) and 6 <= len(code.code) <= 18 and _verhoeff(code.code) == 0
    return True


def _is_digits(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _mod_10(digits: str) -> int:
    """Every second digit, from the right and starting with the last, is doubled and its own digits are added."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        total += sum(divmod(int(digit) * 2, 10)) if place % 2 == 0 else int(digit)
    return -total % 10


_PERMUTATION = (1, 5, 7, 6, 2, 8, 3, 0, 9, 4)


def _verhoeff(digits: str) -> int:
    """Zero when the last digit is the right check digit: products in the dihedral group of order ten."""
    check = 0
    for place, character in enumerate(reversed(digits)):
        digit = int(character)
        for _ in range(place % 8):
            digit = _PERMUTATION[digit]
        check = _product(check, digit)
    return check


def _product(left: int, right: int) -> int:
    """The group of turns (0 to 4) and reflections (5 to 9) of a pentagon."""
    if left < 5:
        return (left + right) % 5 + (5 if right >= 5 else 0)
    return (left - right) % 5 + (0 if right >= 5 else 5)
