"""Everything that mappings/ says, as one value that the steps are given."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from service.consent.terms import ConsentTerms
from service.flow.answer import Told
from service.referrals.note_text import NoteTexts
from service.screening.instrument import CodeUse, Context, Instrument, Policy, Role
from service.shared.code import OURS, Code

DEFAULT_SITE = "default"
OTHERWISE = "otherwise"
ESCALATION_TEXTS = (
    "emergency",
    *Told,
    "heading",
    "withheld",
    "no-telephone",
    "attachment",
    "nothing-written",
)
LEAST_TELLING = 4
"""A code of fewer characters may be anything's."""
Labels = Mapping[Code, frozenset[str]]
"""By a code, the texts beside it that somebody has looked at, and that no volunteer has written."""
HEADINGS = ("heading", "withheld")
HEADING_FIELDS = ("programme", "telephone", "time")


# Read once and compared by being the same, so that what was worked out by it can be kept.
@dataclass(frozen=True, slots=True, eq=False)
class Rules:
    """`by_code` finds what a code stands for, `context_codes` the Observations that tell about the pregnancy.

    `policies` is by organisation id, with `default` for a site that has said nothing of its own. `alert_texts` are what
    a clinician reads for an alert's code, `status_reasons` what a programme reads when its offer changes; both have
    `otherwise` for a code without words. So has `concern_texts`, for a clinician; `escalation_texts` has a text for
    each of `ESCALATION_TEXTS`. `note_texts` are what a note in the record says. `labels` are the texts
    beside a code that are no words of anybody's. `version` names the whole content of mappings/. `own_systems` are the
    code systems of ours, each with the id of the instrument whose items it numbers. `well_known` says what a code is
    about that is too long to be another's, whatever it is said to be of: enough for a person to look.
    """

    instruments: Mapping[str, Instrument]
    by_code: Mapping[Code, CodeUse]
    context_codes: Mapping[Code, Context]
    policies: Mapping[str, Policy]
    consent_terms: ConsentTerms
    alert_texts: Mapping[str, str]
    status_reasons: Mapping[str, str]
    note_texts: NoteTexts
    escalation_texts: Mapping[str, str]
    concern_texts: Mapping[str, str]
    labels: Labels
    version: str
    own_systems: Mapping[str, str] = field(init=False)
    well_known: Mapping[str, CodeUse | Context] = field(init=False)

    def __post_init__(self) -> None:
        ours = {code.system: use.instrument_id for code, use in self.by_code.items() if code.system.startswith(OURS)}
        object.__setattr__(self, "own_systems", ours)
        known = {**self.by_code, **self.context_codes}
        telling = {code.code: meaning for code, meaning in known.items() if len(code.code) >= LEAST_TELLING}
        object.__setattr__(self, "well_known", telling)

    def use(self, code: Code) -> CodeUse | None:
        """What a code stands for; the instrument as a whole where it is in a code system of ours that has no such
        code, for that is meant for it alone."""
        known, instrument_id = self.by_code.get(code), self.own_systems.get(code.system)
        return CodeUse(instrument_id, Role.PANEL) if known is None and instrument_id is not None else known

    def use_elsewhere(self, code: str) -> CodeUse | None:
        """What a code that everybody knows stands for, under whatever code system it is sent: nothing is scored from
        it."""
        known = self.well_known.get(code)
        return known if isinstance(known, CodeUse) else None

    def policy(self, organisation_id: str) -> Policy:
        return self.policies.get(organisation_id, self.policies[DEFAULT_SITE])

    def alert_text(self, code: str) -> str:
        return self.alert_texts.get(code, self.alert_texts[OTHERWISE])

    def status_reason(self, code: str) -> str:
        return self.status_reasons.get(code, self.status_reasons[OTHERWISE])

    def concern_text(self, code: str) -> str:
        return self.concern_texts.get(code, self.concern_texts[OTHERWISE])
