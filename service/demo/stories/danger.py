"""Story two: a low total with a thought of self-harm goes to a clinician at once, and to nobody else."""

from service.demo.record import Resource
from service.demo.stage import Stage
from service.demo.step import Side
from service.demo.stories.steps import acknowledge, agree_to_one, alert_tasks, of_result, poll, register, send_result
from service.demo.women import LOW_WITH_SELF_HARM

TITLE = "A thought of self-harm goes to a clinician at once, whatever the total"
ABOUT = (
    "Thea's EPDS is 6, far below any cut-off, but her answer about self-harm is not zero. She had agreed to peer "
    "support; that is not what she needs first."
)


async def perform(stage: Stage) -> None:
    await register(stage)
    await agree_to_one(stage)
    await _screen(stage)
    await _see_nothing(stage)
    await _answer(stage)


async def _screen(stage: Stage) -> None:
    meaning = (
        "The total alone would have passed unnoticed. The single answer counts by itself: the maternity team is told "
        "now, in words that give nothing away to somebody who looks over her shoulder."
    )
    async with stage.step(f"The hospital sends her EPDS: {of_result(LOW_WITH_SELF_HARM)}", meaning):
        await send_result(stage, LOW_WITH_SELF_HARM)
        await stage.alert_in_record()
        (asked,) = await alert_tasks(stage, "clear-review")
        stage.insist(Side.SERVICE, "a clinician is asked to look, urgently, by a set time", *_unclear(asked))


async def _see_nothing(stage: Stage) -> None:
    async with stage.step("No programme hears of her", "A volunteer is never the first to be left with this."):
        await poll(stage, stage.programme, [])
        written = [*await stage.charted("ServiceRequest"), *await stage.charted("Task")]
        problems = [f"{one['resourceType']} {one['status']}" for one in written]
        stage.insist(Side.HOSPITAL, "record: no referral and no offer", *problems)


async def _answer(stage: Stage) -> None:
    meaning = "The midwife opens the result, speaks with Thea today, and the alert climbs no further."
    async with stage.step("A clinician answers", meaning):
        await acknowledge(stage, "clear-review")


def _unclear(task: Resource) -> list[str]:
    wanted = {
        "Task.priority is not urgent": task.get("priority") == "urgent",
        "Task.status is not requested": task.get("status") == "requested",
        "Task.restriction has no end": bool(task.get("restriction", {}).get("period", {}).get("end")),
    }
    return [problem for problem, holds in wanted.items() if not holds]
