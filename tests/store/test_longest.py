"""The longest names that the doors take fit the unique keys of both databases, whatever their characters."""

from service.fhir.lengths import NAME, REFERENCE
from service.flow.answer import Accepted, Repeated
from service.flow.received import Identifier
from service.screening.result import OF_ITS_OWN
from tests.flow.support import FACTS, Service, piece, scores

# Four bytes each, and none like the next: what repeats could be compressed.
CHARACTERS = "".join(chr(0x20000 + (7919 * number) % 40_000) for number in range(2 * NAME + REFERENCE))


def test_the_longest_identifier_and_respondent_are_kept_and_found_again(service: Service) -> None:
    hospital = service.hospital()
    name = Identifier(CHARACTERS[:NAME], CHARACTERS[NAME : 2 * NAME])
    first = service.register(hospital, FACTS, name, content=b"{}")
    assert isinstance(first, Accepted)
    assert service.register(hospital, FACTS, name, content=b"{}") == Repeated("Patient", first.id, 1)
    for respondent in (f"{OF_ITS_OWN}{name.system}|{name.value}", CHARACTERS[-REFERENCE:]):
        message = service.message(first.id, piece(3, scores(3)))
        given = tuple(each._replace(respondent=respondent) for each in message.administered)
        assert isinstance(service.send(hospital, message._replace(administered=given)), Accepted)
    assert len(service.rows("screening_result", patient_id=first.id)) == 2
