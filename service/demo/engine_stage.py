"""A story's stage at a hospital that speaks only HL7 v2: what its engine sends, and what it then has on file."""

from collections.abc import Sequence
from dataclasses import dataclass

import httpx

from service.demo.client import SmartClient
from service.demo.engine import HospitalEngine
from service.demo.mllp import Acknowledged, Sender
from service.demo.record import Resource
from service.demo.stage import Stage
from service.demo.step import Message, Party, Side
from service.demo.words import words_for_message


@dataclass(slots=True)
class EngineStage(Stage):
    """`sender` is the engine's way out and `engine` its way in. `reader` looks what the service holds for the hospital;
    `http` is the browser of its clinician. `sent` and `heard` count the messages either way."""

    sender: Sender
    engine: HospitalEngine
    reader: SmartClient
    http: httpx.AsyncClient
    sent: int = 0
    heard: int = 0

    def next_control(self) -> str:
        """The MSH-10 of the engine's next message."""
        self.sent += 1
        return f"INF-{self.sent:04}"

    async def send(self, message: bytes, words: str) -> Acknowledged:
        """Engine to service; whatever is answered is told. Raises CallFailed."""
        answered = await self.sender.send(message)
        self.events.append(Message(Party.ENGINE, Party.SERVICE, words, (answered.call,)))
        return answered

    async def send_and_be_taken(self, message: bytes, words: str) -> Acknowledged:
        """Raises NotVerified unless the answer says that all of it is kept and used, CallFailed without an answer."""
        answered = await self.send(message, words)
        problems = ([] if answered.call.good else [f"MSA-1 is {answered.call.answer}"]) + answered.flaws
        self.insist(Side.SERVICE, "the service acknowledges: it is kept, and all of it is used", *problems)
        return answered

    async def held(self, reference: str) -> Resource:
        """What the service holds for the hospital under this reference. Raises CallFailed."""
        return (await self.reader.request("GET", reference)).must_be(200).body

    async def chart_shows(self, *notes: str, **last: str) -> None:
        """Wait until this is the last that each of these observations says, their codes (OBX-3) with _ for -, and until
        there are notes with these words, in this order. Raises as wait_for."""
        wanted = {code.replace("_", "-"): value for code, value in last.items()}

        async def look() -> Sequence[str]:
            chart = self.engine.chart
            found = {code: "".join(chart.life(code)[-1:]) for code in wanted}
            texts = [each.text for each in chart.documents[-len(notes) :]] if notes else []
            unlike = [word for word, text in zip(notes, texts, strict=False) if word not in text]
            return [
                *(f"{code} is {found[code] or 'missing'}" for code in wanted if found[code] != wanted[code]),
                *(f"no note says: {word}" for word in (*unlike, *notes[len(texts) :])),
                *(problem for each in self.engine.heard for problem in each.problems),
            ]

        said = [f"{code} {value}" for code, value in wanted.items()] + [f"a note: {word}" for word in notes]
        await self.wait_for(Side.HOSPITAL, f"chart: {', '.join(said)}", look)

    def written_back(self) -> list[Message]:
        told = list(self.engine.heard)
        new, self.heard = told[self.heard :], len(told)
        return [Message(Party.SERVICE, Party.ENGINE, words_for_message(one.message), (one.call,)) for one in new]
