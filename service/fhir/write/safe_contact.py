"""The one safe way to reach her, with the rules that go with it, as a programme that supports her is told."""

from service.consent.safe_contact import Channel, Mode, SafeContact, Window
from service.fhir.survey import Tree
from service.fhir.terms import SAFE_CONTACT
from service.fhir.write.parts import extension, known, present

# ContactPoint.system and .use. A postal address and a meeting in person are no ContactPoint.
_CONTACT_POINTS = {
    Mode.VOICE: ("phone", None),
    Mode.SMS: ("sms", "mobile"),
    Mode.WHATSAPP: ("other", "mobile"),
    Mode.EMAIL: ("email", None),
}


def telecom(channel: Channel | None) -> list[Tree]:
    """Patient.telecom with that channel alone."""
    if channel is None or channel.mode not in _CONTACT_POINTS:
        return []
    system, use = _CONTACT_POINTS[channel.mode]
    return [present({"system": system, "value": channel.value, "use": use})]


def safe_contact(channel: Channel, agreed: SafeContact) -> Tree:
    """The extension of the same form in which the hospital sent it, with every other channel left out."""
    return {
        "url": SAFE_CONTACT,
        "extension": [
            _channel(channel),
            extension("voicemail", valueCode=agreed.voicemail.value),
            extension("text-content", valueCode=agreed.text_content.value),
            extension("withhold-number", valueBoolean=agreed.withhold_number),
            *known(agreed.caller_description, lambda text: extension("caller-description", valueString=text)),
            *(_window(window) for window in agreed.windows),
            *known(agreed.timezone, lambda zone: extension("timezone", valueCode=zone)),
            *known(agreed.code_word, lambda word: extension("code-word", valueString=word)),
            *known(agreed.review_by, lambda day: extension("review-by", valueDate=day.isoformat())),
        ],
    }


def _channel(channel: Channel) -> Tree:
    said = [
        extension("mode", valueCode=channel.mode.value),
        extension("permission", valueCode=channel.permission.value),
    ]
    number = known(channel.value, lambda value: extension("value", valueString=value))
    return {"url": "channel", "extension": said + number}


def _window(window: Window) -> Tree:
    days = [extension("day", valueCode=day) for day in window.days]
    hours = [
        extension("from", valueTime=f"{window.start:%H:%M:%S}"),
        extension("to", valueTime=f"{window.end:%H:%M:%S}"),
    ]
    return {"url": "window", "extension": days + hours}
