"""Narrative made safe to show: only the XHTML that FHIR allows (R4, section 2.7.0.2), nothing active or fetched."""

import re
from xml.etree import ElementTree as ET

import nh3

_TAGS = {
    "a", "abbr", "acronym", "address", "b", "big", "blockquote", "br", "caption", "cite", "code", "col",
    "colgroup", "dd", "dfn", "div", "dl", "dt", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "i", "img",
    "kbd", "li", "ol", "p", "pre", "q", "samp", "small", "span", "strong", "sub", "sup", "table", "tbody", "td",
    "tfoot", "th", "thead", "tr", "tt", "ul", "var",
}  # fmt: skip
_ATTRIBUTES = {
    "*": {"class", "dir", "id", "lang", "title"},
    "a": {"href", "name"},
    "col": {"align", "span", "valign", "width"},
    "colgroup": {"align", "span", "valign", "width"},
    "img": {"alt", "height", "src", "width"},
    "ol": {"start", "type"},
    "table": {"border", "cellpadding", "cellspacing", "summary", "width"},
    "td": {"align", "colspan", "headers", "rowspan", "scope", "valign"},
    "th": {"abbr", "align", "colspan", "headers", "rowspan", "scope", "valign"},
}
_VOID = re.compile(r'<((?:br|hr|img|col)(?: [\w:-]+="[^"]*")*)>')


def _attribute(_tag: str, name: str, value: str) -> str | None:
    """An image shows what the resource itself holds; one fetched from elsewhere would tell who reads it."""
    if name == "src":
        return value if value.startswith(("#", "data:image/")) else None
    return None if value.startswith("data:") else value


_CLEANER = nh3.Cleaner(
    tags=_TAGS,
    clean_content_tags={"script", "style"},
    attributes=_ATTRIBUTES,
    attribute_filter=_attribute,
    url_schemes={"http", "https", "mailto", "tel", "data"},
    link_rel=None,
)


def clean(div: str) -> str | None:
    """The narrative's div with only what FHIR allows; None where no well-formed div with something to show is left."""
    if "<!DOCTYPE" in div.upper() or "<!ENTITY" in div.upper():
        return None
    xhtml = _VOID.sub(r"<\1/>", _CLEANER.clean(div)).replace("&nbsp;", "&#160;").strip()
    try:
        root = ET.fromstring(xhtml)  # noqa: S314 - freshly written by the cleaner, which leaves no DTD and no entity
    except ET.ParseError:
        return None
    if root.tag != "div" or not ("".join(root.itertext()).strip() or root.find(".//img") is not None):
        return None
    return xhtml.replace("<div", '<div xmlns="http://www.w3.org/1999/xhtml"', 1)
