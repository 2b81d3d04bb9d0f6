"""The page at /docs, which shows the OpenAPI document and needs nothing from elsewhere."""

from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import FileResponse, Response
from starlette.exceptions import HTTPException
from swagger_ui_bundle import swagger_ui_path

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_SAFE = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "max-age=3600"}
_OWN = Path(__file__).with_name("page")
_ASSETS = {
    "start.js": _OWN / "start.js",
    "swagger-ui.css": swagger_ui_path / "swagger-ui.css",
    "swagger-ui-bundle.js": swagger_ui_path / "swagger-ui-bundle.js",
    "favicon-32x32.png": swagger_ui_path / "favicon-32x32.png",
}


def add_page(application: FastAPI) -> None:
    application.add_api_route("/docs", _page, include_in_schema=False)
    application.add_api_route("/docs/assets/{name}", _asset, include_in_schema=False)


async def _page() -> Response:
    return FileResponse(_OWN / "index.html", headers={"Content-Security-Policy": _POLICY, **_SAFE})


async def _asset(name: str) -> Response:
    if name not in _ASSETS:
        raise HTTPException(404)
    return FileResponse(_ASSETS[name], headers=_SAFE)
