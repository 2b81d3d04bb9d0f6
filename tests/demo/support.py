"""What may be told: one of each kind, with everything in it that a page could trip over."""

from pathlib import Path

from service.demo.step import Call, Chronicle, Ending, Entry, Fact, Message, Party, Side, Step, Story, Told, Wire

SPITEFUL = b'{"text":"</pre><script>alert(1)</script> & \\u0000 \\ud800 \xc3\xa9", "n": 1.50}'
FORM = b"grant_type=client_credentials&client_assertion=(masked)"


def sent(name: str, *changes: tuple[str, str]) -> bytes:
    """A message as the service sends it, or with something else in it."""
    folder = Path(__file__).parents[1] / "golden" / "hl7v2" / "sent"
    body = (folder / f"{name}.hl7").read_text(encoding="utf-8")
    for old, new in changes:
        assert old in body
        body = body.replace(old, new)
    return body.replace("\n", "\r").encode()


def call(answer: str = "201", sent: bytes = b'{"resourceType":"Consent"}', received: bytes = b"{}") -> Call:
    headers = ("Content-Type: application/fhir+json", 'If-Match: W/"1"')
    return Call("POST", "/fhir/Consent?a=<b>&c=1", answer, 0.042, Wire(headers, sent), Wire(headers[:1], received))


def message(
    *calls: Call, who: Party = Party.HOSPITAL, whom: Party = Party.SERVICE, words: str = "says what she agreed to"
) -> Message:
    return Message(who, whom, words, calls or (call(),))


def step(*events: Message | Fact | Chronicle, story: int = 1, number: int = 1, title: str = "She agrees") -> Step:
    return Step(story, number, title, "She wants <support> & says so.", events, 0.1)


ER7 = b"\x0bMSH|^~\\&|MATERNITY|SAMPLE|||20261122||ADT^A04|<M&1>|P|2.5.1\rPID|1||TEST-1||Test^Testine\r\x1c\r"
ACK = b"\x0bMSH|^~\\&|PEER-REFERRAL||MATERNITY|SAMPLE|20261122||ACK^A04|1|P|2.5.1\rMSA|AA|<M&1>\r\x1c\r"


def by_messages(answer: str = "AA", received: bytes = ACK) -> Message:
    """The same by HL7 v2, and whatever was answered."""
    exchanged = Call("ADT^A04", "<M&1>", answer, 0.042, Wire((), ER7), Wire((), received))
    return message(exchanged, who=Party.ENGINE, words="says who she is")


STORY = Story(1, 'A result becomes "support"', "Her EPDS is 15 & she agreed.")
ENTRY = Entry("10:00:00.123", "Task", "v1", "requested", "contact-attempts 0")
STEPS = (
    step(message(), Fact(Side.SERVICE, "the service holds it"), title="She agrees"),
    step(
        message(call(sent=SPITEFUL), call(sent=FORM, received=b"")),
        message(call("200"), who=Party.PROGRAMME_2, words="asks what is new"),
        message(call("", received=b""), who=Party.SERVICE, whom=Party.RECORD, words="files the offer"),
        message(call("500"), who=Party.SERVICE, whom=Party.RECORD, words="files the offer"),
        by_messages(),
        by_messages("", b""),
        Fact(Side.PROGRAMME, "nothing is new", ("found instead: requested",)),
        number=2,
        title="It goes wrong",
    ),
    step(Chronicle("Her record", (ENTRY,)), Fact(Side.HOSPITAL, "one woman"), number=3, title="The ward looks back"),
)
ENDING = Ending(stories=0, of=1, facts=2, calls=8, seconds=1.5)
WHOLE: tuple[Told, ...] = (STORY, *STEPS, ENDING)
