"""Story three: nobody hears of her before she has agreed; when she does, she is offered support."""

from service.demo.cast import NEXT_PROGRAMME, PROGRAMME
from service.demo.programme import Offer
from service.demo.record_stage import RecordStage
from service.demo.step import Side
from service.demo.stories.steps import (
    accept,
    agree,
    alert_tasks,
    look_before_accepting,
    of_result,
    poll,
    register,
    send_result,
)  # fmt: skip
from service.demo.women import POSITIVE

TITLE = "Nothing leaves the hospital before she agrees"
ABOUT = "Tesni's result is positive too, but nobody has asked her yet whether she would like to be offered support."


async def perform(stage: RecordStage) -> None:
    await register(stage)
    await _screen(stage)
    await _see_nothing(stage)
    await _consent(stage)
    offer = await _offered(stage)
    await accept(stage, stage.programme, offer)


async def _screen(stage: RecordStage) -> None:
    meaning = "Instead of a referral the midwife finds a request to ask her, which names the programmes that would fit."
    async with stage.step(f"The hospital sends her EPDS: {of_result(POSITIVE)}", meaning):
        await send_result(stage, POSITIVE)
        await stage.alert_in_record("routine")
        await stage.record_shows("draft")
        asked = await alert_tasks(stage, "obtain-consent")
        problems = [] if [one["status"] for one in asked] == ["requested"] else ["there is no such Task"]
        stage.insist(Side.SERVICE, "the midwife is asked to obtain her consent", *problems)
        fitting = [one["valueReference"]["display"] for one in asked[0].get("input", ())]
        problems = [] if fitting == [PROGRAMME, NEXT_PROGRAMME] else [f"named are {', '.join(fitting) or 'none'}"]
        stage.insist(Side.SERVICE, "the request names the programmes that fit, the best first", *problems)


async def _see_nothing(stage: RecordStage) -> None:
    async with stage.step("No programme hears of her", "Not even that there is somebody."):
        await poll(stage, stage.programme, [])
        await poll(stage, stage.next_programme, [])


async def _consent(stage: RecordStage) -> None:
    meaning = "The midwife asks her at the next visit, alone. Tesni says yes, and which number is safe."
    async with stage.step("She agrees, and the referral goes on by itself", meaning):
        await agree(stage, stage.programme)
        await stage.record_shows("active", "requested")
        asked = await alert_tasks(stage, "obtain-consent")
        problems = [] if [one["status"] for one in asked] == ["completed"] else ["it is still asked for"]
        stage.insist(Side.SERVICE, "the request to ask her is done", *problems)


async def _offered(stage: RecordStage) -> Offer:
    async with stage.step("The programme finds her offer", "Once, and with no more than it needs."):
        return await look_before_accepting(stage, stage.programme)
