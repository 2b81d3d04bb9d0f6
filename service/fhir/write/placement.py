"""Why each programme was chosen or passed over, for the hospital alone (FHIR Parameters)."""

from collections.abc import Mapping, Sequence

from service.fhir.survey import Tree
from service.fhir.write.parts import at, present, reference
from service.referrals.matching import Judged, PassedOver, Placement


def placements(found: Sequence[Placement], names: Mapping[str, str]) -> Tree:
    """One `placement` for each time the referral was placed, the first one first; in it one `programme` for each that
    there was, the best first. `names` are of the programmes, by id."""
    return present(
        {
            "resourceType": "Parameters",
            "parameter": [
                {
                    "name": "placement",
                    "part": [
                        {"name": "placed", "valueInstant": at(placement.placed_at)},
                        *(_programme(judged, names.get(judged.programme_id)) for judged in placement.judged),
                    ],
                }
                for placement in found
            ],
        }
    )


def _programme(judged: Judged, name: str | None) -> Tree:
    fits = not isinstance(judged.verdict, PassedOver)
    return {
        "name": "programme",
        "part": [
            {"name": "service", "valueReference": reference("HealthcareService", judged.programme_id, name)},
            {"name": "verdict", "valueCode": judged.verdict.value},
            *({"name": "in-favour", "valueCode": favour.value} for favour in judged.favours),
            *([{"name": "open-places", "valueInteger": judged.open_places}] if fits else []),
        ],
    }
