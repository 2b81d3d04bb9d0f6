"""One page: its frame, its style and the headers that keep it to itself."""

import base64
import hashlib
from collections.abc import Mapping
from html import escape

from fastapi import Response

STYLE = (
    "body{font:1.125rem/1.5 system-ui,sans-serif;margin:0;color:#1a1a1a;background:#fff}"
    "main{max-width:40rem;margin:0 auto;padding:1.5rem}"
    "h1{font-size:1.5rem}label,legend{font-weight:600}"
    "fieldset{border:1px solid #595959;margin:1rem 0;padding:.75rem 1rem}"
    "fieldset label{display:block;font-weight:400;padding:.4rem 0}"
    "input[type=text]{display:block;width:100%;box-sizing:border-box;font:inherit;padding:.5rem;margin:.25rem 0 1rem;"
    "border:2px solid #404040}"
    "button{font:inherit;font-weight:600;padding:.6rem 1.2rem;color:#fff;background:#003d7a;border:0}"
    "input:focus-visible,button:focus-visible{outline:3px solid #b35900;outline-offset:2px}"
    ".problem{border-left:.4rem solid #a30000;padding:.5rem 1rem}"
)
_DIGEST = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_DIGEST}'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex, nofollow",
}


def page(title: str, content: str, status: int = 200) -> Response:
    """`title` is text, `content` is HTML already."""
    heading = escape(title)
    document = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{heading}</title><style>{STYLE}</style></head>"
        f"<body><main><h1>{heading}</h1>{content}</main></body></html>"
    )
    return Response(document, status, HEADERS, "text/html; charset=utf-8")


def paragraph(text: str) -> str:
    return f"<p>{escape(text)}</p>"
