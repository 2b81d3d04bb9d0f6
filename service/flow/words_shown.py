"""What a programme has read of an offer in words, and may send back without having said anything of its own."""

from service.flow.ports import Transaction
from service.flow.rules import Rules
from service.referrals.offer import Offer, display_of


def words_shown(tx: Transaction, rules: Rules, offer: Offer) -> frozenset[str]:
    """Her handle and the name she goes by, the names of hospital, organisation and programme, and the answers to what
    it told. Reports and what stands beside the status are kept elsewhere."""
    names = tx.organisations.names({offer.tenant_id, offer.organisation_id})
    answers = tx.escalations.answered([offer.id]).get(offer.id, ())
    said = [
        display_of(offer.id),
        tx.patients.get_all((offer.patient_id,))[offer.patient_id].facts.preferred_name,
        tx.programmes.get(offer.programme_id).name,
        rules.escalation_texts["emergency"],
        *names.values(),
        *(alert.acknowledged_by_role for _, alert in answers),
    ]
    return frozenset(each for each in said if each)
