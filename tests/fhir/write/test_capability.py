import asyncio
from pathlib import Path

import pytest

from service import wiring
from service.fhir import listing, search
from service.fhir.capability import DEFINED, SERVED, Served, capability
from service.parts import prepare
from service.security.scopes import HOSPITAL, PROGRAMME, Interaction, allows
from service.settings import Settings

STATEMENT = capability("https://service.example", "1.2.3")
LETTERS = {
    "create": Interaction.CREATE,
    "read": Interaction.READ,
    "update": Interaction.UPDATE,
    "search-type": Interaction.SEARCH,
}
# Where each interaction is asked for, below /fhir.
PLACES = {
    "create": ("POST", "{type}"),
    "read": ("GET", "{type}/{{id}}"),
    "search-type": ("GET", "{type}"),
    "update": ("PUT", "{type}/{{id}}"),
}
# These shape the answer and have no type.
OF_THE_RESULT = {"_count", "_format", "_include", "_sort"}


def test_clients_see_r4_and_where_tokens_come_from() -> None:
    assert STATEMENT["fhirVersion"] == "4.0.1"
    security = STATEMENT["rest"][0]["security"]
    assert security["service"][0]["coding"][0]["code"] == "SMART-on-FHIR"
    assert security["extension"][0]["extension"] == [{"url": "token", "valueUri": "https://service.example/token"}]


def test_the_statement_has_every_row_of_the_table() -> None:
    told = {
        resource["type"]: (
            tuple(each["code"] for each in resource["interaction"]),
            {each["name"]: each["type"] for each in resource.get("searchParam", ())},
            resource.get("conditionalUpdate", False),
        )
        for resource in STATEMENT["rest"][0]["resource"]
    }
    assert told == {row.type: (row.interactions, row.search, row.conditional_update) for row in (*SERVED, *DEFINED)}


@pytest.mark.parametrize("row", SERVED, ids=lambda row: row.type)
def test_some_client_may_be_given_the_scope_for_everything_that_is_served(row: Served) -> None:
    scopes = {*HOSPITAL.split(), *PROGRAMME.split()}
    assert [code for code in row.interactions if not allows(scopes, row.type, LETTERS[code])] == []


def test_what_is_told_is_what_is_served(tmp_path: Path) -> None:
    parts = prepare(Settings(base_url="https://service.example", data_folder=tmp_path))
    paths = wiring.build_application(parts).openapi()["paths"]
    asyncio.run(parts.close())
    served = {(method.upper(), path) for path, ways in paths.items() for method in ways if path.startswith("/fhir/")}
    told = {
        (method, f"/fhir/{place.format(type=row.type)}")
        for row in (*SERVED, *DEFINED)
        for code, (method, place) in PLACES.items()
        if code in row.interactions
    }
    told |= {("PUT", f"/fhir/{row.type}") for row in SERVED if row.conditional_update}
    told |= {("POST", f"/fhir/{row.type}/_search") for row in SERVED if row.type == "Task"}
    operations = {(row.type, name) for row in SERVED for name in row.operations}
    about = {path for _, path in served if "$" in path}
    assert about == {f"/fhir/{type}/{{id}}/${name}" for type, name in operations}
    beside = {("GET", "/fhir/metadata"), ("GET", "/fhir/.well-known/smart-configuration")}
    assert {each for each in served if each[1] not in about} - beside == told


def test_the_parameters_that_are_told_are_those_that_are_read() -> None:
    read = {type: set(each) for type, each in listing.PARAMETERS.items()}
    read["Task"] = {name.partition(":")[0] for name in search.PARAMETERS} - OF_THE_RESULT
    assert {row.type: set(row.search) for row in SERVED if row.search} == read
