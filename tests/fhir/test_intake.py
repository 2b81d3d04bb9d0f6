"""What is done with a body that is sent to each address."""

from service.fhir.intake import ADDRESSES
from service.security.scopes import Interaction


def test_what_is_posted_is_created_and_what_is_put_is_updated() -> None:
    for address in ADDRESSES:
        assert address.path.startswith(f"/fhir/{address.type}")
        assert address.interaction is (Interaction.CREATE if address.method == "POST" else Interaction.UPDATE)
    assert len({(address.method, address.path) for address in ADDRESSES}) == len(ADDRESSES)
