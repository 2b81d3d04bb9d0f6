"""What was said of her that names no programme: what she asks for, and how she may be reached for this request."""

from service.consent.safe_contact import SafeContact
from service.flow.ports import Transaction
from service.referrals.needs import SupportNeeds


def learn(
    tx: Transaction, patient_id: str, needs: SupportNeeds | None, safe_contact: SafeContact | None = None
) -> bool:
    """Let the newest word count, None being no word; whether it changed anything. The caller holds the lock on her."""
    patient = tx.patients.lock(patient_id)
    learnt = patient._replace(needs=needs or patient.needs, safe_contact=safe_contact or patient.safe_contact)
    if safe_contact is None and learnt == patient:
        return False
    tx.patients.save(learnt)
    return True
