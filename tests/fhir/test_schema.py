import json
from importlib.resources import files
from typing import Any

import orjson
import pytest
from fhir.resources.R4B import get_fhir_model_class

from service.fhir.faults import Fault
from service.fhir.schema import RESOURCE_TYPES, names, problems, validator
from service.fhir.survey import survey


def found(resource: dict[str, Any]) -> list[tuple[object, str | None]]:
    return [(each.kind, each.expression) for each in problems(survey(resource, resource["resourceType"], True))]


@pytest.mark.parametrize("resource_type", sorted(RESOURCE_TYPES))
def test_every_type_taken_has_a_schema_and_it_knows_its_own_type_only(resource_type: str) -> None:
    assert not validator(resource_type).is_valid({"resourceType": "Basic"})
    assert not validator(resource_type).is_valid({})


@pytest.mark.parametrize("resource_type", sorted(RESOURCE_TYPES))
def test_the_schema_and_the_model_know_the_same_elements(resource_type: str) -> None:
    fields = get_fhir_model_class(resource_type).model_fields
    modelled = {field.alias or name for name, field in fields.items()} - {"resource_type", "fhir_comments"}
    assert {each for each in modelled if not each.endswith("__ext") and not each.startswith("_")} <= names()


REQUIRED_BINDINGS: dict[str, dict[str, Any]] = {
    "Observation.status": {"status": "banana", "code": {"text": "x"}},
    "ServiceRequest.status": {"status": "banana", "intent": "order", "subject": {"reference": "Patient/1"}},
    "ServiceRequest.intent": {"status": "active", "intent": "banana", "subject": {"reference": "Patient/1"}},
    "ServiceRequest.priority": {
        "status": "active",
        "intent": "order",
        "priority": "banana",
        "subject": {"reference": "Patient/1"},
    },
    "Task.status": {"status": "banana", "intent": "order"},
    "Task.intent": {"status": "requested", "intent": "banana"},
    "Task.priority": {"status": "requested", "intent": "order", "priority": "banana"},
    "Communication.status": {"status": "banana"},
    "Communication.priority": {"status": "completed", "priority": "banana"},
    "Procedure.status": {"status": "banana", "subject": {"reference": "Patient/1"}},
    "Patient.gender": {"gender": "banana"},
    "Patient.telecom[0].system": {"telecom": [{"system": "banana"}]},
    "Bundle.type": {"type": "banana"},
    "HealthcareService.availableTime[0].daysOfWeek[0]": {"availableTime": [{"daysOfWeek": ["banana"]}]},
}


@pytest.mark.parametrize("place", REQUIRED_BINDINGS)
def test_a_code_outside_a_required_value_set_is_found(place: str) -> None:
    resource = {"resourceType": place.partition(".")[0], **REQUIRED_BINDINGS[place]}
    assert found(resource) == [(Fault.CODE_NOT_IN_VALUE_SET, place)]


BAD_VALUES = {
    "a string for a boolean": ({"active": "true"}, Fault.JSON_TYPE_WRONG, "Patient.active"),
    "a string for an object": ({"maritalStatus": "M"}, Fault.JSON_TYPE_WRONG, "Patient.maritalStatus"),
    "an object for an array": ({"name": {}}, Fault.JSON_TYPE_WRONG, "Patient.name"),
    "a fraction for an integer": ({"multipleBirthInteger": 1.5}, Fault.JSON_TYPE_WRONG, "Patient.multipleBirthInteger"),
    "an integer above 32 bits": ({"multipleBirthInteger": 2**31}, Fault.OUT_OF_RANGE, "Patient.multipleBirthInteger"),
    "a position of nought": ({"telecom": [{"rank": 0}]}, Fault.OUT_OF_RANGE, "Patient.telecom[0].rank"),
    "a URI with a blank": ({"implicitRules": "a b"}, Fault.FORMAT_WRONG, "Patient.implicitRules"),
    "broken base64": ({"photo": [{"data": "@@@"}]}, Fault.FORMAT_WRONG, "Patient.photo[0].data"),
    "null in an array of objects": ({"name": [None]}, Fault.JSON_TYPE_WRONG, "Patient.name[0]"),
    "an element of a vendor": ({"meta": {"project": "1"}}, Fault.ELEMENT_UNKNOWN, "Patient.meta"),
    "a resource inside a Reference": (
        {"managingOrganization": {"resource": "x"}},
        Fault.ELEMENT_UNKNOWN,
        "Patient.managingOrganization",
    ),
}


@pytest.mark.parametrize(("members", "fault", "expression"), BAD_VALUES.values(), ids=BAD_VALUES)
def test_a_wrong_value_is_found_where_it_stands(members: dict[str, Any], fault: Fault, expression: str) -> None:
    assert (fault, expression) in found({"resourceType": "Patient", **members})


def test_null_may_keep_a_place_in_an_array_of_primitives() -> None:
    name = {"given": ["Ada", None], "_given": [None, {"id": "second"}]}
    assert found({"resourceType": "Patient", "name": [name]}) == []


def test_a_resource_in_a_resource_is_checked_by_its_own_type_with_its_whole_path() -> None:
    contained = {"resourceType": "Patient", "id": "p", "gender": "banana"}
    entry = {"resource": {"resourceType": "Task", "status": "requested", "intent": "order", "contained": [contained]}}
    assert found({"resourceType": "Bundle", "type": "collection", "entry": [entry]}) == [
        (Fault.CODE_NOT_IN_VALUE_SET, "Bundle.entry[0].resource.contained[0].gender")
    ]


def test_the_schema_is_plain_data_without_a_dangling_reference() -> None:
    text = files("service.fhir").joinpath("schema", "r4.schema.json").read_text(encoding="utf-8")
    definitions = orjson.loads(text)["definitions"]
    used = {part.split('"')[0] for part in json.dumps(definitions).split("#/definitions/")[1:]}
    assert used | RESOURCE_TYPES == set(definitions)
