"""Story one: a positive result becomes peer support with three contacts and one worry, to its planned end."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime

from service.demo.checks import problems_of_an_answer, problems_of_the_loop
from service.demo.programme import Offer
from service.demo.record_stage import RecordStage
from service.demo.step import Party, Side
from service.demo.stories.chronicle import Histories, chronicle, her_record
from service.demo.stories.steps import (
    accept,
    acknowledge,
    agree_to_one,
    alert_tasks,
    look_before_accepting,
    of_result,
    poll,
    register,
    send_result,
)
from service.demo.women import POSITIVE

TITLE = "A positive result becomes peer support, and her record hears of it"
ABOUT = (
    "Tessie is thirty weeks pregnant. Her EPDS is 15, with no thought of self-harm. She would like peer support. "
    "A volunteer rings her, worries once, and sees it through."
)
UNDER_WAY = "accepted|in-progress"
WORRY = "She sounded very low today and I was worried. Could somebody from the team ring her?"


async def perform(stage: RecordStage) -> None:
    await _prove_identity(stage)
    await register(stage)
    await agree_to_one(stage)
    await _find_inbox_empty(stage)
    await _screen(stage)
    await _refer(stage)
    offer = await _see_the_offer(stage)
    offer = await accept(stage, stage.programme, offer)
    await _ring_in_vain(stage, offer)
    await _talk(stage, offer)
    await _worry(stage, offer)
    await _answer_the_worry(stage, offer)
    await _talk_again(stage, offer)
    await _complete(stage, offer)
    await _look_back(stage)


async def _prove_identity(stage: RecordStage) -> None:
    meaning = "Each signs with a key that only it has, and gets a pass that is good for five minutes."
    async with stage.step("Hospital and programme prove who they are", meaning):
        stage.tell(Party.HOSPITAL, await stage.hospital.token())
        stage.tell(Party.PROGRAMME, await stage.programme.client.token())


async def _find_inbox_empty(stage: RecordStage) -> None:
    async with stage.step("The programme looks into its inbox", "Nobody has been referred to it yet."):
        await poll(stage, stage.programme, [])
        mark = () if stage.programme.high_mark else ("Bundle.meta.lastUpdated is missing",)
        stage.insist(Side.PROGRAMME, "the answer says from when to ask the next time", *mark)


async def _screen(stage: RecordStage) -> None:
    meaning = "The midwife has filled in the form with her. The record sends it by itself, item by item."
    async with stage.step(f"The hospital sends her EPDS: {of_result(POSITIVE)}", meaning):
        await send_result(stage, POSITIVE)


async def _refer(stage: RecordStage) -> None:
    meaning = (
        "The result is positive, no answer points to danger, she has agreed, and one programme fits: "
        "the midwife has nothing to write, and finds the referral in the record."
    )
    async with stage.step("The service refers her and writes it into the hospital's record", meaning):
        await stage.record_shows("active", "requested")


async def _see_the_offer(stage: RecordStage) -> Offer:
    meaning = "It is asked whether it can take somebody from Testborough who speaks English. Not yet who she is."
    async with stage.step("The programme asks for what is new, and sees no more than it needs", meaning):
        return await look_before_accepting(stage, stage.programme)


async def _ring_in_vain(stage: RecordStage, offer: Offer) -> None:
    meaning = f"{stage.person.preferred} was out. An attempt counts too: the team can see that it was tried."
    async with stage.step("A volunteer rings, and nobody answers", meaning):
        await _contact(stage, offer, "did-not-attend", (1, 0))


async def _talk(stage: RecordStage, offer: Offer) -> None:
    async with stage.step("The volunteer rings again, and they talk", "The first session. What was said stays there."):
        await _contact(stage, offer, "attended", (2, 1))


async def _worry(stage: RecordStage, offer: Offer) -> None:
    meaning = (
        "The volunteer is not left alone with a worry: it goes to the maternity team as it was written. "
        "This is no emergency channel, and the programme is told so."
    )
    async with stage.step("The volunteer is worried about her, and asks for a clinician", meaning):
        call = await stage.programme.ask_for_a_clinician(offer, WORRY)
        stage.tell(Party.PROGRAMME, call)
        problems = () if "no emergency channel" in json.dumps(call.body) else ("the answer does not say so",)
        stage.insist(Side.PROGRAMME, "the answer says that this is no emergency channel, and what to do", *problems)
        await stage.alert_in_record()
        (alert,) = await alert_tasks(stage, "clear-review")
        problems = () if WORRY in json.dumps(alert.get("note")) else ("Task.note holds other words",)
        stage.insist(Side.SERVICE, "the clinician reads what the volunteer wrote, word for word", *problems)


async def _answer_the_worry(stage: RecordStage, offer: Offer) -> None:
    meaning = "The perinatal mental-health midwife has read it and rings her today. The volunteer sees that she has."
    async with stage.step("A clinician has seen it, and the programme knows", meaning):
        await acknowledge(stage, "clear-review")
        await poll(stage, stage.programme, ["accepted"])
        current = await stage.programme.look_into(offer.task["id"])
        stage.tell(Party.PROGRAMME, current.reads[0])
        text = "the programme sees that and when it was read, and not by whom"
        stage.insist(Side.PROGRAMME, text, *problems_of_an_answer(current.task))


async def _talk_again(stage: RecordStage, offer: Offer) -> None:
    meaning = "The support goes on beside the care of the team."
    async with stage.step("They talk once more", meaning):
        await _contact(stage, offer, "attended", (3, 2))


async def _complete(stage: RecordStage, offer: Offer) -> None:
    meaning = "The programme closes it. From here on it can read nothing more about her."
    async with stage.step("The support comes to its planned end", meaning):
        current = await stage.programme.look_into(offer.task["id"])
        stage.tell(Party.PROGRAMME, current.reads[0])
        stage.tell(Party.PROGRAMME, await stage.programme.answer(current, "completed"), words="says it is done")
        await stage.record_shows("completed", "completed", contacts=(3, 2))


async def _contact(stage: RecordStage, offer: Offer, outcome: str, counted: tuple[int, int]) -> None:
    begun = datetime.now(UTC)
    call = await stage.programme.record_contact(offer, outcome, begun, datetime.now(UTC))
    stage.tell(Party.PROGRAMME, call)
    await stage.record_shows("active", UNDER_WAY, contacts=counted)


async def _look_back(stage: RecordStage) -> None:
    meaning = "Everything that happened is in the record that the team works with, once, and in its order."
    histories: Histories = {}

    async def look() -> Sequence[str]:
        histories.update(await her_record(stage))
        return problems_of_the_loop(histories)

    async with stage.step("The ward looks back over her record", meaning):
        text = "one woman, one referral, one offer, one alert, three notes, every step in order"
        await stage.wait_for(Side.HOSPITAL, text, look)
        stage.events.append(chronicle(histories))
