"""What a hospital has decided about its HL7 v2 messages: data from mappings/, never Python."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import tzinfo

from service.flow.received import Identifier, identifier_of
from service.hl7v2.site_codes import SiteCodes
from service.screening.instrument import CodeUse, Context, Role
from service.shared.code import Code

ANY_ORDER = ""
ANY_TYPE = ""


# Each is read once and compared by being the same, so that what was worked out for it can be kept.
@dataclass(frozen=True, slots=True, eq=False)
class Dialect:
    """`zone` is what a time without an offset means. `tests_are_taken`: messages whose MSH-11 is not P count here.
    `always_acknowledge`: also a sender that asks for no acknowledgement gets one. `closes_when_unavailable`: while
    nothing can be kept it gets no answer, and its connection is closed.

    `authorities` has the system of an identifier by the name of its authority (a component of CX.4) and its type (CX.5;
    `ANY_TYPE` for all others); `default_authority` is the system of one that names no authority. `not_hers` are the
    types of identifiers that do not stand for a person, such as a visit number.

    `coding_systems` has the URL of a coding system by its names, in small letters. Every other code is local: `forms`
    says what it stands for, by the code of the order that it comes under (OBR-4, OBR-15; `ANY_ORDER` for all others),
    and `panels` the instrument that such an order is. `answers` has the scores of its coded answers, by instrument and
    number of the item. `context` has the local codes that tell about the pregnancy, and `ignored` the codes of any
    system that are sent beside an instrument and never belong to it.

    `respondent` is the local code of the OBX that says who answered, and `herself` are its values for the woman;
    without it she did. `languages` has the BCP 47 tag of what PID-15 says in other words. `district` is the component
    of an address (XAD) that names the district. `codes` are what it says of her life and of what she has agreed to.
    """

    organisation_id: str
    zone: tzinfo
    tests_are_taken: bool
    always_acknowledge: bool
    closes_when_unavailable: bool
    authorities: Mapping[tuple[str, str], str]
    default_authority: str | None
    not_hers: frozenset[str]
    coding_systems: Mapping[str, str]
    forms: Mapping[str, Mapping[str, CodeUse]]
    panels: Mapping[str, str]
    answers: Mapping[tuple[str, int], Mapping[str, int]]
    context: Mapping[str, Context]
    ignored: frozenset[str]
    respondent: str | None
    herself: frozenset[str]
    languages: Mapping[str, str]
    district: int
    codes: SiteCodes

    def identifier(self, value: str, namespace: str, universal: str, kind: str, type: str) -> Identifier | None:
        """What a CX stands for: CX.1, the three parts of CX.4, and CX.5. None when nobody can tell whose it is."""
        if type in self.not_hers:
            return None
        return identifier_of(self._system(namespace, universal, kind, type), value)

    def _system(self, namespace: str, universal: str, kind: str, type: str) -> str | None:
        if not namespace and not universal:
            return self.default_authority
        for name in (universal, namespace):
            found = self.authorities.get((name, type)) or self.authorities.get((name, ANY_TYPE))
            if name and found is not None:
                return found
        # An object identifier is the same everywhere, so it needs nobody's decision.
        return f"urn:oid:{universal}" if universal and kind.upper() == "ISO" else None

    def code(self, code: str, system: str) -> Code | None:
        """A triplet of a CWE in the coding system that it names; None for a local code. Absent is not LOINC."""
        url = self.coding_systems.get(system.casefold())
        return None if url is None else Code(url, code)

    def use(self, code: str, order: str) -> CodeUse | None:
        """What a local code stands for under an order."""
        return self.forms.get(order, {}).get(code) or self.forms.get(ANY_ORDER, {}).get(code)

    def anywhere(self, code: str) -> set[CodeUse]:
        """What a local code stands for under any order at all, or as an order: enough for a person to look, never to
        score it."""
        found = {uses[code] for uses in self.forms.values() if code in uses}
        return found | ({CodeUse(self.panels[code], Role.PANEL)} if code in self.panels else set())
