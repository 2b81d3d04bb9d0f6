"""An alert that stands for all that goes wrong in the same way, also when much of it comes at once."""

from concurrent.futures import ThreadPoolExecutor

from service.flow.raise_alert import alert_sender
from service.referrals.alert import AlertCode
from service.shared.caller import Caller
from service.store.unit_of_work import UnitOfWork
from tests.flow.support import Service

CODE = AlertCode.NOT_ALL_USED


def tell(service: Service, caller: Caller, topic: str) -> None:
    def work(tx: UnitOfWork) -> None:
        if not tx.alerts.count_again(caller.organisation_id, CODE, topic):
            alert_sender(tx, service.rules, CODE, service.now(), topic)

    service.run(caller, work)


def test_of_many_at_once_one_is_raised_and_counts_the_others(service: Service) -> None:
    hospital, other = service.hospital(), service.hospital()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: tell(service, hospital, f"topic {number % 2}"), range(20)))
    tell(service, other, "topic 0")
    found = service.rows("alert", tenant_id=hospital.organisation_id)
    assert sorted((row["topic"], row["times"]) for row in found) == [("topic 0", 10), ("topic 1", 10)]
    assert [row["times"] for row in service.rows("alert", tenant_id=other.organisation_id)] == [1]
