"""The answer link in an alert's message: the same one however often that is sent, and never whole in our store."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from service.delivery.channel import Parcel
from service.flow.rules import Rules
from service.referrals.answer_link import AnswerLink, Token
from service.screening.instrument import Recorded
from service.shared.caller import the_service
from service.store.engine import Store
from service.store.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class Links:
    """`address` is where they begin. `token` makes a link's token of some words: the same of the same, by a key of ours
    that no database holds."""

    address: str
    token: Callable[[str], str]

    async def added(self, store: Store[UnitOfWork], rules: Rules, parcel: Parcel, now: datetime) -> Parcel:
        """With the link, once what is kept of it is."""
        made = self.made_for(parcel, rules, now)
        if made is None:
            return parcel
        kept, link = made
        await store.run(the_service(parcel.delivery.correlation_id), lambda tx: tx.answers.add_link(kept))
        return replace(parcel, link=link)

    def made_for(self, parcel: Parcel, rules: Rules, now: datetime) -> tuple[AnswerLink, str] | None:
        """What is kept of the link and the whole of it, for its reader alone; None where the site wants none.

        It is another one when the alert is about another result, when a person sends its message on its way again, and
        each time that half its hours have passed: what arrives late is still good for as long.
        """
        delivery, alert = parcel.delivery, parcel.alert
        policy = rules.policy(delivery.destination_id).answer_link
        if delivery.resource_type != Recorded.ALERTS or alert is None or alert.is_over or policy is None:
            return None
        about, good_for = str(alert.result) if alert.result else None, timedelta(hours=policy.hours)
        half = (now - delivery.owed_at) // (good_for / 2)
        token = Token(self.token(f"answer-link {delivery.id} {delivery.owed_at.isoformat()} {half} {about}"))
        return AnswerLink(token.hash, alert.id, alert.tenant_id, about, now + good_for), f"{self.address}/{token.text}"
