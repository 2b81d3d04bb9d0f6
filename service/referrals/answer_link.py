"""An answer link: one alert may be answered by it until that is over. Whoever has it may answer, so only its hash is
kept."""

import hashlib
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class AnswerLink:
    """Known by the hash of its token. `result` names what the alert was about when the link was made."""

    token_hash: str
    alert_id: str
    tenant_id: str
    result: str | None
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Token:
    """256 random bits, in characters that stand in a URL as they are."""

    text: str

    @property
    def hash(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()
