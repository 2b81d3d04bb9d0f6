"""An alert is answered by a one-time link: whoever has it may answer, once."""

from datetime import datetime

from service.flow.answer import Accepted, Answer, Reason, Refused
from service.flow.answer_alert import ReceivedAnswer, answer_alert
from service.flow.ports import Transaction
from service.flow.rules import Rules


def answer_by_link(tx: Transaction, rules: Rules, token_hash: str, message: ReceivedAnswer, now: datetime) -> Answer:
    """The link is used up by an answer that was taken, and by no other."""
    if not tx.answers.use_link(token_hash):
        return Refused(Reason.ALREADY_ANSWERED)
    answer = answer_alert(tx, rules, message, now)
    if not isinstance(answer, Accepted):
        tx.answers.give_back_link(token_hash)
    return answer
