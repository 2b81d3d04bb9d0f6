from service.fhir.write.bundle import SearchMode, search_bundle
from tests.fhir.write.support import BASE, STAMP

TASK = {"resourceType": "Task", "id": "1"}
FOCUS = {"resourceType": "ServiceRequest", "id": "1"}


def test_the_focus_of_two_tasks_is_included_once() -> None:
    entries = [(SearchMode.MATCH, TASK), (SearchMode.INCLUDE, FOCUS), (SearchMode.INCLUDE, FOCUS)]
    bundle = search_bundle(entries, base=BASE, self_url="s", next_url=None, high_mark_ms=STAMP)
    assert bundle["entry"] == [
        {"fullUrl": f"{BASE}/Task/1", "resource": TASK, "search": {"mode": "match"}},
        {"fullUrl": f"{BASE}/ServiceRequest/1", "resource": FOCUS, "search": {"mode": "include"}},
    ]


def test_the_high_mark_is_the_stamp_to_the_millisecond() -> None:
    bundle = search_bundle([], base=BASE, self_url="s", next_url="n", high_mark_ms=STAMP)
    assert bundle == {
        "resourceType": "Bundle",
        "meta": {"lastUpdated": "2026-11-03T09:30:00.125Z"},
        "type": "searchset",
        "link": [{"relation": "self", "url": "s"}, {"relation": "next", "url": "n"}],
    }
