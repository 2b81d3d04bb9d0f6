"""How the messages look that a hospital gets: data from mappings/hl7v2/outbound.toml and from its own site file."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


class Version(StrEnum):
    """MSH-12. Before 2.6 an OBX has no name of its own (OBX-21)."""

    V2_5 = "2.5"
    V2_5_1 = "2.5.1"
    V2_6 = "2.6"


class Asked(StrEnum):
    """MSH-15 and MSH-16, table 0155: whether an acknowledgement of that kind is wanted."""

    ALWAYS = "AL"
    NEVER = "NE"


class Completion(StrEnum):
    """TXA-17, table 0271: documented, or authenticated by somebody."""

    DOCUMENTED = "DO"
    AUTHENTICATED = "AU"
    LEGALLY_AUTHENTICATED = "LA"


class Topic(StrEnum):
    """What an order or an observation is about: the first three are orders (OBR-4, and of a note OBX-3)."""

    REFERRAL = "referral"
    ALERT = "alert"
    NOTE = "note"
    REFERRAL_STATUS = "referral-status"
    REFERRAL_REASON = "referral-reason"
    PROGRAMME = "programme"
    OFFER_STATUS = "offer-status"
    OFFER_REASON = "offer-reason"
    RESPOND_BY = "respond-by"
    PROGRAMME_STATUS = "programme-status"
    CONTACT_ATTEMPTS = "contact-attempts"
    SESSIONS_ATTENDED = "sessions-attended"
    LAST_CONTACT = "last-contact"
    ENDING = "ending"
    PATIENT = "patient"
    ALERT_STATUS = "alert-status"
    REVIEW_OUTCOME = "review-outcome"
    ANSWERED_BY = "answered-by"
    ALERT_WORDS = "alert-words"
    ALERT_MESSAGE = "alert-message"
    FITTING_PROGRAMME = "fitting-programme"
    ACKNOWLEDGE_BY = "acknowledge-by"
    PRIORITY = "priority"
    TEAM = "team"
    ANSWER_LINK = "answer-link"


class Coded(NamedTuple):
    """The first triplet of a CWE."""

    code: str
    text: str
    system: str


@dataclass(frozen=True, slots=True)
class Outbound:
    """`receiving` are MSH-5 and MSH-6. `commit` and `application` are MSH-15 and MSH-16, both None in original mode.

    `system` is our coding system's name in table 0396, `codes` say how a topic is called, `texts` what a status or
    another value in our coding system means; a value without a text stands there by itself.
    """

    version: Version
    receiving: tuple[str, str]
    commit: Asked | None
    application: Asked | None
    completion: Completion
    system: str
    codes: Mapping[Topic, Coded]
    texts: Mapping[str, str]

    def topic(self, topic: Topic) -> Coded:
        return self.codes.get(topic) or self.value(topic.value)

    def value(self, code: str) -> Coded:
        return Coded(code, self.texts.get(code, code), self.system)
