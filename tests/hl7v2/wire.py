"""Messages as they go over the wire, for tests whose subject is the wire and not what a message says."""

HEADER = "MSH|^~\\&|MATERNITY|ST TEST|REFERRAL|PEER|20261122101500+0000||ORU^R01^ORU_R01|{control}|P|2.5.1"
BODY = (
    "PID|1||1001^^^ST TEST^MR~2002^^^REGION^PI||Tester^Tessie^^^Ms||19950401|F|||1 Test Street^^Testtown",
    "OBR|1|PL1|FL1|99046-5^Panel^LN|||20261122100000+0000||||||||||||||||||F",
    "OBX|1|NM|71354-5^Total^LN^TOTAL^Total^L||7|{{score}}|||||F",
    "OBX|2|ST|NOTE^Note^L|1|first\\.br\\second \\T\\ last~again||||||F",
)


def message(control: str = "M1", *, ends: str = "\r", header: str = HEADER) -> bytes:
    """An ORU^R01 of five segments, with MSH-10 as given."""
    return ends.join((header.format(control=control), *BODY, "")).encode()
