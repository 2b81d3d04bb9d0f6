"""What a door hands over of a screening result: the pieces of it that one resource holds, and whom it is about."""

from datetime import datetime
from typing import NamedTuple

from service.flow.received import Received, Reference
from service.referrals.patient import DueDate
from service.screening.result import Piece


class Administered(NamedTuple):
    """A piece, and the administration of an instrument that it belongs to."""

    instrument_id: str
    respondent: str
    effective: datetime
    piece: Piece


class ReceivedResult(NamedTuple):
    """One Observation or QuestionnaireResponse. `administered` is empty when it speaks of no known instrument: it is
    kept, and decides nothing.

    `whole` is True when it says all that its resource has to say: what that said before and this does not is gone. A
    v2 order may go on in another message, so that of it only what is said anew takes the place of what was said.

    `corrects` is True when its status says that it changes what was sent before. `due` is set when the message
    tells the estimated date of delivery, `safety_event` when it tells of a loss or of anything else that may make
    contact unwelcome.
    """

    received: Received
    subject: Reference
    administered: tuple[Administered, ...]
    corrects: bool = False
    due: DueDate | None = None
    safety_event: bool = False
    whole: bool = True
