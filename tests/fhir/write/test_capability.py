import pytest

from service.fhir.capability import DEFINED, SERVED, Served, capability
from service.security.scopes import HOSPITAL, PROGRAMME, Interaction, allows

STATEMENT = capability("https://service.example", "1.2.3")
LETTERS = {
    "create": Interaction.CREATE,
    "read": Interaction.READ,
    "update": Interaction.UPDATE,
    "search-type": Interaction.SEARCH,
}


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
