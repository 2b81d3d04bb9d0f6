"""Every URL of ours that we write or read is defined in mappings/fhir/, and the definitions are those of the code."""

import asyncio
import re
from collections.abc import Iterator
from dataclasses import replace
from enum import StrEnum
from importlib import import_module
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from service import mappings, wiring
from service.consent.safe_contact import Mode, Permission, TextContent
from service.fhir import guard, terms
from service.fhir.capability import DEFINED
from service.fhir.read.instruction import PARAMETERS
from service.fhir.read.safe_contact import DAYS
from service.fhir.read.support_needs import NO_PREFERENCE
from service.fhir.survey import Tree, survey
from service.fhir.write.alert import alert_task
from service.fhir.write.directory import _eligibility
from service.fhir.write.record import _engagement
from service.flow.disclose import BabyAge
from service.parts import prepare
from service.referrals.alert import AlertCode, AlertTask, ReviewOutcome
from service.referrals.contact import ContactMode, ContactOutcome, Engagement
from service.referrals.escalation import Concern
from service.referrals.instruction import HoldReason, Order
from service.referrals.needs import Access, Wish
from service.referrals.offer import Ending
from service.referrals.programme import DeliveryMode, Model
from service.referrals.referral import REFERRAL_ENDED, REFERRAL_TABLE
from service.screening.instrument import Stage
from service.settings import Settings
from service.shared.code import Code
from tests.fhir.write.support import ASKING, DESCRIBED, OFFERED_AT, REVIEWED, WRITTEN

PROJECT = Path(__file__).parents[2]
DEFINITIONS = mappings.definitions()
TREES: dict[str, Tree] = {name: orjson.loads(body) for name, body in DEFINITIONS.items()}
KINDS = "StructureDefinition|CodeSystem|ValueSet|OperationDefinition"


def values(kind: type[StrEnum]) -> set[str]:
    return {member.value for member in kind}


# The codes that the service itself writes or understands, by code system.
CODES: dict[str, set[str]] = {
    "alert-task": values(AlertTask),
    "alert-output": {
        part["type"]["coding"][0]["code"] for part in alert_task(REVIEWED, 0, mappings.load())["output"]
    },
    "review-outcome": values(ReviewOutcome),
    "alert-reason": values(AlertCode),
    "referral-reason": {
        trigger.value
        for (origin, trigger), (state, _) in REFERRAL_TABLE.items()
        if state in REFERRAL_ENDED and state is not origin
    },
    "hold-reason": values(HoldReason),
    "engagement": {
        output["type"]["coding"][0]["code"] for output in _engagement(Engagement(2, 1, OFFERED_AT, Ending.PLANNED))
    },
    "ending": values(Ending),
    "contact-outcome": values(ContactOutcome),
    "contact-mode": values(ContactMode),
    "concern": values(Concern),
    "masked": {terms.MASKED_REASON.code},
    "epds-item": {
        code.code
        for item in mappings.load().instruments["epds"].items
        for code in item.codes
        if code.system.startswith(terms.OURS)
    },
    "safe-contact-mode": values(Mode),
    "safe-contact-permission": values(Permission),
    "safe-contact-text-content": values(TextContent),
    "access-need": values(Access),
    "support-wish": values(Wish) | {NO_PREFERENCE},
    "baby-age": values(BabyAge),
    "programme-model": values(Model),
    "delivery-mode": values(DeliveryMode),
    "programme-serves": {
        code["coding"][0]["code"]
        for code in _eligibility(replace(DESCRIBED, stages=frozenset({Stage.ANTENATAL, Stage.POSTNATAL})))
    },
    "programme-characteristic": {terms.INTERPRETERS.code},
    "alert-input": {
        part["type"]["coding"][0]["code"]
        for alert in (REVIEWED, ASKING)
        for part in alert_task(alert, 0, mappings.load())["input"]
    },
    "pregnancy-stage": values(Stage) - {Stage.UNKNOWN.value},
}  # fmt: skip


def nodes(node: Any) -> Iterator[Tree]:
    if isinstance(node, dict):
        yield node
    for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from nodes(child)


def texts(node: Any) -> Iterator[str]:
    for each in nodes(node):
        yield from (value for value in each.values() if isinstance(value, str))


def named() -> set[str]:
    """Every URL of ours that means something, wherever the service, its data or what it writes names it."""
    spelt = [value.system if isinstance(value, Code) else value for value in vars(terms).values()]
    sources = [*(PROJECT / "service").rglob("*.py"), *(PROJECT / "service").rglob("*.json")]
    sources += [*(PROJECT / "mappings").rglob("*.toml"), *(PROJECT / "mappings" / "fhir").glob("*.json")]
    sources += [*PROJECT.glob("*.md"), *(PROJECT / "docs").rglob("*.md")]
    spelt += [path.read_text(encoding="utf-8").replace("{OURS}", terms.OURS) for path in sources]
    spelt += [text for _, tree in WRITTEN for text in texts(tree)]
    found = re.compile(rf"{re.escape(terms.OURS)}/((?:{KINDS})/[\w-]+)")
    return {name for text in spelt if isinstance(text, str) for name in found.findall(text)}


def test_every_url_of_ours_is_defined_and_every_definition_is_named() -> None:
    used = named()
    assert {"StructureDefinition/safe-contact", "CodeSystem/alert-task", "CodeSystem/epds-item"} <= used
    assert used == TREES.keys()


@pytest.mark.parametrize("name", TREES)
def test_each_definition_is_valid_r4_and_says_its_own_url(name: str) -> None:
    kind, id = name.split("/")
    model = getattr(import_module(f"fhir.resources.R4B.{kind.lower()}"), kind)
    model.model_validate_json(DEFINITIONS[name])
    # The guard's own stages for any JSON: bytes, numbers, repeated members, depth, characters.
    tree = guard.decode(DEFINITIONS[name])
    assert guard._shape(survey(tree, kind, escapes=True)) == []
    assert (tree["resourceType"], tree["id"], tree["url"]) == (kind, id, f"{terms.OURS}/{name}")
    assert [
        node for node in nodes(tree) if any(value is None or value in ("", [], {}) for value in node.values())
    ] == []
    order = ["resourceType", *model.elements_sequence()]
    assert list(tree) == sorted(tree, key=order.index)


@pytest.mark.parametrize("id", CODES)
def test_each_code_system_has_the_codes_of_the_code(id: str) -> None:
    system = TREES[f"CodeSystem/{id}"]
    codes = [concept["code"] for concept in system["concept"]]
    assert sorted(codes) == sorted(CODES[id])
    assert system["count"] == len(codes)
    assert all(concept["display"] for concept in system["concept"])
    assert TREES[f"ValueSet/{id}"]["compose"] == {"include": [{"system": system["url"]}]}
    assert system["valueSet"] == TREES[f"ValueSet/{id}"]["url"]


def test_no_code_system_is_left_uncompared() -> None:
    assert {name.removeprefix("CodeSystem/") for name in TREES if name.startswith("CodeSystem/")} == CODES.keys()


# Extensions as they are written, held against their definitions


def slices(url: str) -> dict[tuple[str, ...], Tree]:
    """What the definition says of each part, by the URLs that lead to it: `required` parts, `kind`, `codes`."""
    elements = TREES[url.removeprefix(f"{terms.OURS}/")]["differential"]["element"]
    found: dict[tuple[str, ...], Tree] = {}
    for element in elements:
        path = tuple(re.findall(r"extension:([\w-]+)", element["id"]))
        part = found.setdefault(path, {"kind": None, "most": "1", "least": 0, "codes": None})
        if element.get("sliceName"):
            part |= {"least": element["min"], "most": element["max"]}
        if element["id"].endswith("value[x]") and element.get("max") != "0":
            part["kind"] = element["type"][0]["code"]
            part["codes"] = element.get("binding", {}).get("valueSet")
    return found


def problems(extension: Tree, parts: dict[tuple[str, ...], Tree], path: tuple[str, ...] = ()) -> list[str]:
    part = parts.get(path)
    if part is None:
        return [f"{path} is not defined"]
    found = []
    value = {name: held for name, held in extension.items() if name.startswith("value")}
    expected = {f"value{part['kind'][0].upper()}{part['kind'][1:]}"} if part["kind"] else set()
    if value.keys() != expected:
        found.append(f"{path} has {sorted(value)}, not {sorted(expected)}")
    if part["codes"] and part["codes"].startswith(terms.OURS):
        allowed = CODES[part["codes"].rsplit("/", 1)[1]]
        found += [f"{path} has {held}" for held in value.values() if held not in allowed]
    below = [each["url"] for each in extension.get("extension", ())]
    for steps, rules in parts.items():
        if len(steps) == len(path) + 1 and steps[:-1] == path:
            times = below.count(steps[-1])
            if times < rules["least"] or (rules["most"] != "*" and times > int(rules["most"])):
                found.append(f"{steps} stands there {times} times")
    return found + [
        problem for each in extension.get("extension", ()) for problem in problems(each, parts, (*path, each["url"]))
    ]


def written() -> list[Tree]:
    consent = orjson.loads((PROJECT / "service/fhir/examples/consent.json").read_bytes())
    trees = [*(tree for _, tree in WRITTEN), consent]
    return [node for tree in trees for node in nodes(tree) if str(node.get("url", "")).startswith(terms.OURS)]


def test_every_extension_that_is_written_or_shown_as_an_example_is_as_it_is_defined() -> None:
    found = [extension for extension in written() if "/StructureDefinition/" in extension["url"]]
    defined = {f"{terms.OURS}/{name}" for name in TREES if name.startswith("StructureDefinition/")}
    assert {each["url"] for each in found} == defined
    assert [problem for each in found for problem in problems(each, slices(each["url"]))] == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"url": terms.SAFE_CONTACT, "extension": [{"url": "voicemail", "valueCode": "perhaps"}]},
        {"url": terms.SAFE_CONTACT, "extension": [{"url": "voicemail", "valueString": "allow"}]},
        {"url": terms.SAFE_CONTACT, "extension": [{"url": "fax", "valueString": "1"}]},
        {"url": terms.SAFE_CONTACT, "extension": [{"url": "channel", "extension": []}]},
        {"url": terms.SAFE_CONTACT, "extension": [{"url": "timezone", "valueCode": "UTC"}] * 2},
        {"url": terms.DUE_MONTH, "valueCode": "2026-12"},
    ],
)  # fmt: skip
def test_the_comparison_sees_what_is_wrong(wrong: Tree) -> None:
    assert problems(wrong, slices(wrong["url"])) != []


def test_the_days_of_a_window_are_those_of_fhir() -> None:
    assert slices(terms.SAFE_CONTACT)["window", "day"]["codes"] == "http://hl7.org/fhir/ValueSet/days-of-week"
    assert DAYS == ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def test_anybody_may_read_each_definition_at_its_own_path(tmp_path: Path) -> None:
    parts = prepare(Settings(data_folder=tmp_path))
    application = wiring.build_application(parts)

    async def read(*paths: str) -> list[httpx.Response]:
        transport = httpx.ASGITransport(application)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            answers = [await client.get(f"/fhir/{path}") for path in paths]
        await parts.close()
        return answers

    unknown = (*(f"{row.type}/nothing" for row in DEFINED), "CodeSystem/safe-contact", "ValueSet/..%2Fx")
    answers = asyncio.run(read(*DEFINITIONS, *unknown))
    served, refused = answers[: len(DEFINITIONS)], answers[len(DEFINITIONS) :]
    assert [answer.content for answer in served] == list(DEFINITIONS.values())
    assert {answer.headers["content-type"].partition(";")[0] for answer in answers} == {"application/fhir+json"}
    assert {answer.status_code for answer in refused} == {404}
    assert {row.type for row in DEFINED} == {name.partition("/")[0] for name in DEFINITIONS}


@pytest.mark.parametrize("name", ["hold", "resume"])
def test_each_order_takes_what_its_definition_says(name: str) -> None:
    operation = TREES[f"OperationDefinition/{name}"]
    assert (operation["code"], operation["resource"], operation["instance"]) == (name, ["ServiceRequest"], True)
    taken = {each["name"]: each["min"] for each in operation["parameter"] if each["use"] == "in"}
    assert taken.keys() == {*PARAMETERS[Order(name)]}
    assert {each for each, least in taken.items() if least} == {"practitioner", "role"}
