"""Whether every hospital would hear of an alert, and has a way to answer it."""

from collections.abc import Iterable
from urllib.parse import urlsplit

from service.flow.rules import Rules
from service.screening.instrument import Policy, Recorded
from service.security.scopes import Interaction, allows
from service.security.transport import is_loopback
from service.shared.client import Client
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


def answerless(organisations: Iterable[Organisation], clients: Iterable[Client], rules: Rules) -> list[str]:
    """The ids of the hospitals that are reached by HL7 v2 and can answer no alert: none has a link, and no client of
    theirs may update a Task. What waits for a review there waits for ever."""
    answer_here = {each.organisation_id for each in clients if not each.revoked and _may_answer(each)}
    return [
        each.id
        for each in organisations
        if each.active
        and each.hl7v2_endpoint is not None
        and each.id not in answer_here
        and rules.policy(each.id).answer_link is None
    ]


def led_nowhere(organisations: Iterable[Organisation], rules: Rules, public_url: str) -> list[str]:
    """The ids of the hospitals elsewhere whose answer links lead to this machine, where nobody of theirs can follow
    them."""
    return [
        each.id
        for each in organisations
        if each.active
        and rules.policy(each.id).answer_link is not None
        and _is_here(public_url)
        and not _is_here(each.fhir_endpoint or each.hl7v2_endpoint or public_url)
    ]


def _is_here(url: str) -> bool:
    return is_loopback(urlsplit(url).hostname or "")


def _may_answer(client: Client) -> bool:
    return allows(client.scopes, "Task", Interaction.UPDATE)
