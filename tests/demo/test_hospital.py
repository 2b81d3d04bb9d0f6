"""The simulated record answers as FHIR R4 says, keeps every version, and misbehaves only when it is told to."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from service.demo.faults import Disturbance, DisturbanceKind
from service.demo.hospital import HospitalRecord
from service.demo.people import OURS
from service.demo.record import Record, Refusal, Resource

Ask = Callable[..., httpx.Response]
Referral = Callable[..., Resource]

SAME = f"identifier={OURS}/identifier/referral|1"


def test_a_resource_is_created_once_and_found_again_under_its_identifier(ask: Ask, referral: Referral) -> None:
    created = ask("POST", "ServiceRequest", referral(), If_None_Exist=SAME)
    assert created.status_code == 201
    assert created.headers["etag"] == 'W/"1"'
    location = created.headers["location"]
    assert location.endswith(f"/fhir/ServiceRequest/{created.json()['id']}/_history/1")
    again = ask("POST", "ServiceRequest", referral(status="revoked"), If_None_Exist=SAME)
    assert (again.status_code, again.json()) == (200, created.json())
    found = ask("GET", f"ServiceRequest?{SAME}").json()
    assert [entry["resource"] for entry in found["entry"]] == [created.json()]


def test_a_create_that_several_match_is_412(ask: Ask, referral: Referral) -> None:
    for _ in range(2):
        assert ask("POST", "ServiceRequest", referral()).status_code == 201
    answer = ask("POST", "ServiceRequest", referral(), If_None_Exist=SAME)
    assert (answer.status_code, answer.json()["issue"][0]["code"]) == (412, "multiple-matches")
    assert ask("GET", f"ServiceRequest?{SAME}").json()["total"] == 2


def test_of_twenty_equal_creates_at_once_one_makes_it_and_all_name_it(ask: Ask, referral: Referral) -> None:
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: ask("POST", "ServiceRequest", referral(), If_None_Exist=SAME), range(20)))
    assert sorted(answer.status_code for answer in answers) == [200] * 19 + [201]
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert ask("GET", f"ServiceRequest?{SAME}").json()["total"] == 1


def test_threads_that_create_the_same_in_the_store_itself_make_one(tmp_path: Path, referral: Referral) -> None:
    record = Record(tmp_path / "record.jsonl")
    about = referral(subject={"reference": f"Patient/{record.create({'resourceType': 'Patient'})[0].id}"})
    with ThreadPoolExecutor(20) as pool:
        made = list(pool.map(lambda _: record.create(about, SAME), range(200)))
    record.close()
    assert [created for _, created in made].count(True) == 1


def test_every_version_is_kept(ask: Ask, referral: Referral) -> None:
    first = ask("POST", "ServiceRequest", referral()).json()
    path = f"ServiceRequest/{first['id']}"
    for status in ("on-hold", "completed"):
        assert ask("PUT", path, first | {"status": status}).status_code == 200
    assert ask("GET", path).json()["status"] == "completed"
    assert [ask("GET", f"{path}/_history/{n}").json()["status"] for n in (1, 2, 3)] == [
        "active",
        "on-hold",
        "completed",
    ]
    assert ask("GET", f"{path}/_history/4").status_code == 404
    history = ask("GET", f"{path}/_history").json()
    assert [entry["resource"]["meta"]["versionId"] for entry in history["entry"]] == ["3", "2", "1"]


@pytest.mark.parametrize(("if_match", "status"), [('W/"1"', 200), ('"1"', 200), ('W/"2"', 412), ("one", 400)])
def test_an_update_is_held_to_the_version_it_names(ask: Ask, referral: Referral, if_match: str, status: int) -> None:
    first = ask("POST", "ServiceRequest", referral()).json()
    answer = ask("PUT", f"ServiceRequest/{first['id']}", first | {"status": "completed"}, If_Match=if_match)
    assert answer.status_code == status
    assert ask("GET", f"ServiceRequest/{first['id']}").json()["status"] == ("completed" if status == 200 else "active")


def test_what_makes_no_sense_is_refused_and_not_kept(ask: Ask, referral: Referral) -> None:
    good = referral()
    refused = [
        (400, ask("POST", "Task", good)),
        (415, ask("POST", "ServiceRequest", good, Content_Type="text/plain")),
        (422, ask("POST", "ServiceRequest", good | {"subject": {"reference": "Patient/unknown"}})),
        (422, ask("POST", "ServiceRequest", good | {"subject": {"reference": "https://elsewhere.example/Patient/1"}})),
        (404, ask("PUT", "ServiceRequest/unknown", good | {"id": "unknown"})),
        (400, ask("PUT", "ServiceRequest/unknown", good)),
        (404, ask("POST", "Observation", {"resourceType": "Observation"})),
        (400, ask("GET", "ServiceRequest?code=1")),
        (412, ask("POST", "ServiceRequest", good, If_None_Exist="")),
        (400, ask("POST", "ServiceRequest", good, If_None_Exist="code=1")),
    ]
    for status, answer in refused:
        assert answer.status_code == status
        assert answer.json()["resourceType"] == "OperationOutcome"
    assert ask("GET", "ServiceRequest").json()["total"] == 0


@pytest.mark.parametrize(
    ("query", "found"),
    [
        (f"identifier={OURS}/identifier/referral|1", ["1"]),
        (f"identifier={OURS}/identifier/referral|1,{OURS}/identifier/referral|2", ["1", "2"]),
        (f"identifier={OURS}/identifier/referral|", ["1", "2"]),
        ("identifier=2", ["2"]),
        ("identifier=|2", []),
        (f"identifier={OURS}/identifier/offer|1", []),
        ("patient=WOMAN&status=active", ["1"]),
        ("subject=Patient/WOMAN", ["1", "2"]),
        ("patient=another", []),
        ("_id=servicerequest-2", ["2"]),
    ],
)
def test_a_search_finds_what_it_asks_for(
    ask: Ask, referral: Referral, woman: str, query: str, found: list[str]
) -> None:
    for number, status in (("1", "active"), ("2", "revoked")):
        ask("POST", "ServiceRequest", referral(number, status=status))
    bundle = ask("GET", f"ServiceRequest?{query.replace('WOMAN', woman)}").json()
    assert [entry["resource"]["identifier"][0]["value"] for entry in bundle.get("entry", [])] == found
    assert bundle["total"] == len(found)


def test_an_identifier_that_an_update_took_away_finds_nothing(ask: Ask, referral: Referral) -> None:
    first = ask("POST", "ServiceRequest", referral()).json()
    ask("PUT", f"ServiceRequest/{first['id']}", first | {"identifier": []})
    assert ask("GET", f"ServiceRequest?{SAME}").json()["total"] == 0


def test_the_journal_tells_who_said_what_and_never_an_assertion_or_a_token(
    hospital: HospitalRecord, ask: Ask, referral: Referral, bearer: str
) -> None:
    ask("POST", "ServiceRequest", referral())
    token, created = hospital.journal
    assert (token.path, token.status, token.body, token.answer) == ("/token", 200, None, None)
    assert (created.client_id, created.method, created.path) == ("peer-referral", "POST", "/fhir/ServiceRequest")
    assert (created.status, created.body) == (201, referral())
    assert bearer not in repr(list(hospital.journal))


def test_an_error_stores_nothing_and_is_over_after_its_times(
    hospital: HospitalRecord, ask: Ask, referral: Referral
) -> None:
    hospital.faults.add(Disturbance(DisturbanceKind.ERROR, method="POST", type="ServiceRequest", times=2))
    statuses = [ask("POST", "ServiceRequest", referral()).status_code for _ in range(3)]
    assert statuses == [500, 500, 201]
    assert ask("GET", "ServiceRequest").json()["total"] == 1


def test_a_throttled_call_is_told_when_to_come_again(hospital: HospitalRecord, ask: Ask, referral: Referral) -> None:
    hospital.faults.add(Disturbance(DisturbanceKind.THROTTLE, seconds=7))
    answer = ask("POST", "ServiceRequest", referral())
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "7")
    assert ask("GET", "ServiceRequest").json()["total"] == 0


def test_a_lost_answer_closes_the_connection_after_storing(
    hospital: HospitalRecord, ask: Ask, referral: Referral
) -> None:
    ask("GET", "ServiceRequest")
    hospital.faults.add(Disturbance(DisturbanceKind.LOST_ANSWER, type="ServiceRequest"))
    with pytest.raises(httpx.TransportError):
        ask("POST", "ServiceRequest", referral(), If_None_Exist=SAME)
    assert hospital.journal[-1].status == 0
    assert ask("GET", f"ServiceRequest?{SAME}").json()["total"] == 1
    assert ask("POST", "ServiceRequest", referral(), If_None_Exist=SAME).status_code == 200


def test_a_web_page_comes_instead_of_json_after_storing(hospital: HospitalRecord, ask: Ask, referral: Referral) -> None:
    hospital.faults.add(Disturbance(DisturbanceKind.HTML, type="ServiceRequest"))
    answer = ask("POST", "ServiceRequest", referral())
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert answer.text.startswith("<!doctype html>")
    assert ask("GET", "ServiceRequest").json()["total"] == 1


def test_a_delayed_call_is_done_after_its_time(hospital: HospitalRecord, ask: Ask, referral: Referral) -> None:
    hospital.faults.add(Disturbance(DisturbanceKind.DELAY, type="ServiceRequest", seconds=0.3))
    begun = time.perf_counter()
    assert ask("POST", "ServiceRequest", referral()).status_code == 201
    assert time.perf_counter() - begun >= 0.3


def test_a_fault_strikes_at_its_rate_until_it_is_cleared(hospital: HospitalRecord) -> None:
    hospital.faults.add(Disturbance(DisturbanceKind.ERROR, times=None, rate=0.3))
    struck = sum(hospital.faults.strike("GET", "Task") is not None for _ in range(1000))
    assert 240 < struck < 360
    hospital.faults.clear()
    assert hospital.faults.strike("GET", "Task") is None


def test_a_record_opened_again_knows_every_version(tmp_path: Path, referral: Referral) -> None:
    journal = tmp_path / "record.jsonl"
    record = Record(journal)
    woman = record.create({"resourceType": "Patient"})[0]
    about = referral(subject={"reference": f"Patient/{woman.id}"})
    first = record.create(about, SAME)[0]
    record.update(first.id, about | {"status": "completed"})
    record.close()
    assert len(journal.read_text().splitlines()) == 3
    with journal.open("ab") as cut:
        cut.write(b'{"resourceType":"Task","id":"task-1"')
    again = Record(journal)
    assert [one.resource["status"] for one in again.history("ServiceRequest", first.id)] == ["active", "completed"]
    assert again.create(about, SAME) == (again.read("ServiceRequest", first.id), False)
    with pytest.raises(Refusal):
        again.read("Task", "task-1")
    assert again.create(about)[0].id == "servicerequest-2"
    again.close()
    assert [json.loads(line)["resourceType"] for line in journal.read_text().splitlines()][-1] == "ServiceRequest"


def test_it_runs_alone_until_it_is_told_to_stop(tmp_path: Path, http: httpx.Client) -> None:
    command = [sys.executable, "-m", "service.demo.hospital", "--journal", str(tmp_path / "record.jsonl")]
    with subprocess.Popen([*command, "--fault", "error=1"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        base = process.stdout.readline().strip()
        assert http.get(f"{base}/metadata").status_code == 500
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=10) in (0, -signal.SIGTERM)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        base = process.stdout.readline().strip()
        assert http.get(f"{base}/metadata").json()["fhirVersion"] == "4.0.1"
        configuration = http.get(f"{base}/.well-known/smart-configuration").json()
        assert configuration["token_endpoint"] == base.removesuffix("/fhir") + "/token"
        process.terminate()
