"""Whether every hospital would hear of an alert."""

from collections.abc import Iterable

from service.flow.rules import Rules
from service.screening.instrument import Policy, Recorded
from service.store.directory import Organisation


def tells_by_message(policy: Policy) -> bool:
    """Whether alerts go out as messages. HL7 v2 has no form of the Tasks by which they are answered in a record."""
    return Recorded.ALERTS in policy.record


def unheard(organisations: Iterable[Organisation], rules: Rules) -> list[str]:
    """What is wrong for each hospital that is reached by HL7 v2 and takes alerts as Tasks alone."""
    return [
        f"sites: the record of {each.id} names no {Recorded.ALERTS.value}, and HL7 v2 has no form of an"
        f" {Recorded.ALERT_TASKS.value}: this hospital would hear of no alert"
        for each in organisations
        if each.active and each.hl7v2_endpoint is not None and not tells_by_message(rules.policy(each.id))
    ]
