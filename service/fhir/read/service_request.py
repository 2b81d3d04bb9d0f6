"""ServiceRequest -> ReceivedRevision: what a hospital says of a referral that it has read here."""

from service.fhir.read.safe_contact import read_safe_contact
from service.fhir.read.support_needs import read_support_needs
from service.fhir.survey import Tree
from service.flow.received import Received
from service.flow.revise_referral import ReceivedRevision


def read_service_request(tree: Tree, received: Received) -> ReceivedRevision:
    """Nothing else of it is meant: the referral is the service's own. Raises BadInput as its extensions' readers do."""
    return ReceivedRevision(
        received=received,
        referral_id=received.target_id or "",
        revoked=tree["status"] == "revoked",
        safe_contact=read_safe_contact(tree),
        needs=read_support_needs(tree),
    )
