"""What the FHIR door tells the sender of a message that was acted on, and of which there is something to know."""

from collections.abc import Mapping

from service.referrals.contact import Remark

# Of an element of a message that was done without it.
NOT_ACTED_ON = "The rest is done, but this was not acted on. Leave it out, or send it as it was read."
# Of a contact.
REMARKS: Mapping[Remark, str] = {
    Remark.BEFORE_ACCEPTANCE: "Kept, but not counted: this contact lies before the Task was accepted. If its time is "
    "wrong, correct it by PUT.",
    Remark.AFTER_THE_END: "Kept, but not counted: this contact lies after the Task ended. If its time is wrong, "
    "correct it by PUT; if you go on seeing her, ring her maternity team.",
    Remark.DURING_A_PAUSE: "Kept and counted, but the maternity team had paused contact at that time, and is being "
    "told. Make none until it tells you to go on, and ring it. If its time is wrong, correct it by PUT.",
    Remark.AS_CALLED_OFF: "Kept and counted, but this offer was rejected, cancelled or withdrawn at about that time, "
    "and the maternity team is being told. Make no contact, and ring it. If its time is wrong, or a day alone, "
    "correct it by PUT.",
    Remark.ONCE_CALLED_OFF: "Kept, but not counted: this offer had been rejected, cancelled or withdrawn by that time, "
    "and the maternity team is being told. Make no contact, and ring it. If its time is wrong, correct it by PUT.",
}
