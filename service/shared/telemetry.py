"""What the edges say about themselves: typed events with ids and codes, and counters. Never a word about a person.

Domain rooms and flow may not import this; an import contract holds them to it.
"""

import json
import logging
import sys
from datetime import UTC, datetime

from prometheus_client import Counter, Gauge, Histogram

# What these say was written by us, or is about the server's own start and stop.
SPOKEN = frozenset({"peer_referral", "uvicorn.error"})
_LOGGER = logging.getLogger("peer_referral")

REQUESTS = Counter("peer_referral_requests_total", "Requests answered", ["route", "method", "status"])
SECONDS = Histogram("peer_referral_request_seconds", "Time from request to answer", ["route"])
DELIVERIES = Counter("peer_referral_deliveries_total", "Deliveries settled", ["type", "outcome"])
STUCK = Counter("peer_referral_deliveries_stuck_total", "Deliveries that a person must look at", ["type"])
DELIVERY_WAITS = Gauge(
    "peer_referral_delivery_waits_seconds", "Since when the oldest delivery is due that nobody has tried", ["lane"]
)
NOT_HEARD = Counter(
    "peer_referral_words_not_heard_total", "Messages of programmes that no clinician was told of: a person must look"
)
RISKS_NOT_HEARD = Counter(
    "peer_referral_risks_not_heard_total", "HL7 v2 messages with a risk, of senders whom no hospital has registered"
)
MLLP_CONNECTIONS = Gauge("peer_referral_mllp_connections", "Connections of senders of HL7 v2 that are open")
MLLP_FRAMES = Counter("peer_referral_mllp_messages_total", "HL7 v2 messages that came whole", ["outcome"])
MLLP_FAULTS = Counter("peer_referral_mllp_faults_total", "What was wrong with what came over MLLP", ["fault"])
READY = Gauge("peer_referral_ready", "1 when the service can commit")


class _Lines(logging.Formatter):
    """One JSON object a line. An exception is named, not quoted: its message may hold what was being handled."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": record.getMessage() if record.name in SPOKEN else record.name,
        }
        line.update(getattr(record, "facts", {}))
        if record.exc_info and record.exc_info[0] is not None:
            line["error"] = record.exc_info[0].__name__
            line["at"] = _place(record)
        return json.dumps(line)


def _place(record: logging.LogRecord) -> str:
    trace = record.exc_info[2] if record.exc_info else None
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_filename.rpartition('/')[2]}:{trace.tb_lineno}" if trace else ""


def configure(level: str) -> None:
    """Send every logger of the process through our format to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Lines())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    # Both write URLs, and a URL may hold what somebody searched for.
    logging.getLogger("httpx").setLevel(logging.WARNING)
    logging.getLogger("uvicorn.access").disabled = True


def tell(event: str, *, worth_reading: bool = True, **facts: str | float | None) -> None:
    """Log what happened: a fixed name and facts that are ids, codes, counts or durations.

    What is not `worth_reading` is logged at the level debug alone.
    """
    level = logging.INFO if worth_reading else logging.DEBUG
    if _LOGGER.isEnabledFor(level):
        _LOGGER.log(level, event, extra={"facts": facts})


def tell_person(event: str, **facts: str) -> None:
    """Log what a person of the operator has to look into, as an error: nobody else was told."""
    _LOGGER.error(event, extra={"facts": facts})


def tell_words_not_heard(**facts: str) -> None:
    """Count and log what a programme told and no clinician heard: the operator has to find out."""
    NOT_HEARD.inc()
    tell_person("words-not-heard", **facts)


def tell_risk_not_heard(**facts: str) -> None:
    """Count and log that a risk, a loss, a death or a no came by HL7 v2 and no hospital was told of it."""
    RISKS_NOT_HEARD.inc()
    tell_person("risk-not-heard", **facts)


def tell_defect(event: str, error: BaseException, **facts: str | int | None) -> None:
    """Log a defect by the type of its error and where it was raised, never by its message."""
    _LOGGER.error(event, extra={"facts": facts}, exc_info=error)
