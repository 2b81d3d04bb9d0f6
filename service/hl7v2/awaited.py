"""What the receiver of a message says of it (HL7 v2.5.1, chapter 2, section 2.9): commit, then application."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from service.hl7v2.acknowledge import Verdict, acknowledge, wanted
from service.hl7v2.frame import Frame
from service.hl7v2.outgoing import Meaning
from service.hl7v2.segments import Message, NotReadable, read
from service.referrals.delivery import DeliveryTrigger

_T = DeliveryTrigger
# MSA-1, table 0008. E: not now, so it is sent again; R: not as it is, so a person must look.
VERDICTS: Mapping[str, DeliveryTrigger] = {
    "AA": _T.TAKEN,
    "CA": _T.TAKEN,
    "AE": _T.TRY_AGAIN,
    "CE": _T.TRY_AGAIN,
    "AR": _T.REFUSED_FOR_GOOD,
    "CR": _T.REFUSED_FOR_GOOD,
}
_COMMITTED = "CA"


@dataclass(slots=True)
class Awaited:
    """The answer to the message whose MSH-10 is `id`; `application` when the commit alone is not enough. `verdict` is
    MSA-1 of the last answer to it."""

    id: str
    application: bool
    now: datetime
    verdict: str = ""

    def hear(self, frame: Frame) -> tuple[Meaning, bytes | None]:
        try:
            message = read(frame.body)
        except NotReadable:
            return Meaning.NO_MESSAGE, None
        answer = message.first("MSA")
        if frame.fault is not None or answer is None:
            return Meaning.NO_MESSAGE, None
        if answer.text(2) != self.id:
            return Meaning.ANOTHERS, None
        self.verdict = answer.text(1).upper()
        if self.verdict not in VERDICTS:
            return Meaning.NO_MESSAGE, None
        if self.verdict == _COMMITTED and self.application:
            return Meaning.MORE_TO_COME, None
        again = VERDICTS[self.verdict] is DeliveryTrigger.TRY_AGAIN
        return Meaning.NOT_NOW if again else Meaning.ANSWER, self._commit(message)

    def _commit(self, answer: Message) -> bytes | None:
        """In enhanced mode an application's answer may itself ask to be acknowledged."""
        header = answer.header
        if Verdict.ACCEPT not in wanted(header, always=False).commit:
            return None
        return acknowledge(header, "C", Verdict.ACCEPT, (), now=self.now)
