"""Where a story plays: what is told in it, how a fact is insisted on, and how the receiving side is waited for."""

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import KW_ONLY, dataclass, field
from datetime import UTC, datetime

from service.demo.client import CallFailed, Exchange
from service.demo.people import Person
from service.demo.programme import Programme
from service.demo.step import Chronicle, Fact, Message, Party, Side, Step, Telling
from service.demo.words import words_for

Look = Callable[[], Awaitable[Sequence[str]]]


class NotVerified(Exception):
    """A step could not be read back on the receiving side; what was wrong has been told."""


@dataclass(slots=True)
class Stage(ABC):
    """One story's. `patience` is how many seconds a step may take to show on the receiving side, `pause` how many to
    wait after each, for an audience."""

    telling: Telling
    story: int
    programme: Programme
    next_programme: Programme
    person: Person
    patience: float
    pause: float
    _: KW_ONLY
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    steps: int = 0
    events: list[Message | Fact | Chronicle] = field(default_factory=list)

    @abstractmethod
    def written_back(self) -> list[Message]:
        """What the service has told the hospital since this was asked before."""

    @asynccontextmanager
    async def step(self, title: str, meaning: str) -> AsyncIterator[None]:
        """What is told within is one step, which is told as a whole, also when it goes wrong: then it says why."""
        self.steps, self.events, begun = self.steps + 1, [], time.perf_counter()
        try:
            yield
        except CallFailed as failure:
            self.events.append(Fact(Side.SERVICE, "a call was not answered as it had to be", (str(failure),)))
            raise NotVerified from failure
        except (KeyError, IndexError, TypeError, AttributeError, ValueError) as failure:
            wrong = f"{type(failure).__name__} {failure}"
            self.events.append(Fact(Side.SERVICE, "an answer has another shape than expected", (wrong,)))
            raise NotVerified from failure
        finally:
            took = time.perf_counter() - begun
            self.telling.tell(Step(self.story, self.steps, title, meaning, tuple(self.events), took))
        await asyncio.sleep(self.pause)

    def tell(self, who: Party, *calls: Exchange, words: str = "", as_sent: str = "") -> None:
        """One call to the service, or several alike."""
        said = tuple(call.call for call in calls)
        words = words or words_for(Party.SERVICE, said[0])
        self.events.append(Message(who, Party.SERVICE, words, said, as_sent))

    def insist(self, side: Side, fact: str, *problems: str) -> None:
        """Tell that the fact was looked for on that side. Raises NotVerified when there are problems with it."""
        self.events.append(Fact(side, fact, problems))
        if problems:
            raise NotVerified

    async def wait_for(self, side: Side, fact: str, look: Look) -> None:
        """Look until no problem is left, and tell what the service wrote meanwhile. Raises NotVerified, CallFailed."""
        begun = time.perf_counter()
        while problems := await look():
            if time.perf_counter() - begun > self.patience:
                break
            await asyncio.sleep(0.05)
        self.events += self.written_back()
        self.insist(side, f"{fact} ({time.perf_counter() - begun:.1f} s)", *problems)
