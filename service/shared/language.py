"""Language tags (BCP 47) as people and machines write them, in the one form that is compared here."""

import re

_TAG = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*")


def is_primary(tag: str) -> bool:
    """Whether it names a language alone, as `en` does, and no script or region of it, as `en-GB`."""
    return "-" not in tag and _TAG.fullmatch(tag) is not None


def language_tag(written: str) -> str | None:
    """The tag in the case that RFC 5646, section 2.1.1, recommends (en-GB, zh-Hant); None when it is none."""
    written = written.replace("_", "-")
    if _TAG.fullmatch(written) is None:
        return None
    language, *rest = written.lower().split("-")
    cases = {2: str.upper, 4: str.title}
    return "-".join([language, *(cases.get(len(each), str)(each) for each in rest)])
