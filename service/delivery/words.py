"""What a clinician reads of an alert, whichever way it goes out."""

from service.flow.rules import Rules
from service.referrals.alert import NAMES_A_NUMBER, Alert
from service.referrals.escalation import Escalation
from service.referrals.programme import Programme
from service.shared.clock import minute_read


def alert_words(alert: Alert, rules: Rules) -> str:
    """What is asked, whom it is about where nobody could tell, how many messages, whom to ring, how many women wait."""
    words = [rules.alert_text(alert.code)]
    words += [f"Number in the record: {alert.topic}."] if alert.code in NAMES_A_NUMBER and alert.topic else []
    words += [f"Messages: {alert.times}."] if alert.times > 1 else []
    words += [f"Telephone: {alert.telephone}"] if alert.telephone else []
    words += [f"Women of whom something waits: at least {alert.women_waiting}."] if alert.women_waiting else []
    return " ".join(words)


def marked(alert: Alert, escalation: Escalation, programme: Programme, rules: Rules) -> str:
    """The programme's own words for the hospital of the alert alone: whose they are, how to ring it and when it wrote
    them."""
    texts, said = rules.escalation_texts, escalation.said
    heading = texts["heading" if said else "withheld"].format(
        programme=programme.name,
        telephone=programme.telephone or texts["no-telephone"],
        time=minute_read(escalation.told_at, rules.policy(alert.tenant_id).zone),
    )
    if said is None:
        return heading
    concerns = [rules.concern_text(each) for each in sorted(said.concerns)]
    written = said.texts or ((texts["nothing-written"],) if not (concerns or said.attached) else ())
    return "\n\n".join([heading, *concerns, *written, *([texts["attachment"]] if said.attached else [])])
