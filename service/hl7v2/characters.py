"""Character sets as messages name them (HL7 v2.5.1, MSH-18 and table 0211)."""

import re

# Table 0211 without the sets of which a character may hold a delimiter's byte, and what engines write instead.
# Blanks, hyphens, slashes and underscores stand for each other. UNICODE alone has been withdrawn, and means UTF-8.
_CODECS = {
    **dict.fromkeys(("ASCII", "US ASCII", "ISO IR6", "ISO IR 6"), "ascii"),
    **dict.fromkeys(("UNICODE UTF 8", "UNICODE UTF8", "UNICODE", "UTF 8", "UTF8"), "utf-8"),
    **dict.fromkeys(("LATIN1", "LATIN 1", "ISO IR100", "ISO IR 100"), "iso8859-1"),
    **dict.fromkeys(("WINDOWS 1252", "CP1252", "CP 1252"), "cp1252"),
    **{
        f"{standard} {part}": f"iso8859-{part}"
        for standard in ("8859", "ISO 8859", "ISO8859")
        for part in (*range(1, 10), 15)
    },
}
_SEPARATORS = re.compile(r"[\s/_-]+")


def codec_of(named: str) -> str | None:
    """How a character set is read that MSH-18 names; None for one that is not known here."""
    return _CODECS.get(_SEPARATORS.sub(" ", named.strip().upper()))
