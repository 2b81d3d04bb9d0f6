"""Story two: a low total with a thought of self-harm goes to a clinician at once, and to nobody else."""

from service.demo.people import outcome_of, reviewed
from service.demo.record import Resource
from service.demo.record_stage import RecordStage
from service.demo.step import Party, Side
from service.demo.stories.steps import (
    acknowledge,
    agree_to_one,
    alert_tasks,
    differences,
    of_result,
    poll,
    register,
    send_result,
)
from service.demo.women import LOW_WITH_SELF_HARM

TITLE = "A thought of self-harm goes to a clinician at once, whatever the total"
ABOUT = (
    "Thea's EPDS is 6, far below any cut-off, but her answer about self-harm is not zero. She had agreed to peer "
    "support; that is not what she needs first."
)


async def perform(stage: RecordStage) -> None:
    await register(stage)
    await agree_to_one(stage)
    await _screen(stage)
    await _see_nothing(stage)
    await _see_it(stage)
    await _judge(stage)


async def _screen(stage: RecordStage) -> None:
    meaning = (
        "The total alone would have passed unnoticed. The single answer counts by itself: the maternity team is told "
        "now, in words that give nothing away to somebody who looks over her shoulder."
    )
    async with stage.step(f"The hospital sends her EPDS: {of_result(LOW_WITH_SELF_HARM)}", meaning):
        await send_result(stage, LOW_WITH_SELF_HARM)
        await stage.alert_in_record()
        (asked,) = await alert_tasks(stage, "clear-review")
        stage.insist(Side.SERVICE, "a clinician is asked to look, urgently, by a set time", *_unclear(asked))


async def _see_nothing(stage: RecordStage) -> None:
    async with stage.step("No programme hears of her", "A volunteer is never the first to be left with this."):
        await poll(stage, stage.programme, [])
        written = [*await stage.charted("ServiceRequest"), *await stage.charted("Task")]
        problems = [f"{one['resourceType']} {one['status']}" for one in written]
        stage.insist(Side.HOSPITAL, "record: no referral and no offer", *problems)


async def _see_it(stage: RecordStage) -> None:
    meaning = "The alert climbs no further. It stays open until somebody has judged what Thea needs."
    async with stage.step("A clinician has seen it", meaning):
        await acknowledge(stage, "clear-review")
        await stage.alert_task_in_record("accepted")


async def _judge(stage: RecordStage) -> None:
    meaning = "The midwife has spoken with Thea today. The perinatal mental-health team takes over."
    async with stage.step("The clinician decides: the specialist team, not peer support", meaning):
        (alert,) = await alert_tasks(stage, "clear-review")
        sent = reviewed(alert, "refer-to-specialist")
        call = await stage.hospital.request("PUT", f"Task/{alert['id']}", sent)
        stage.tell(Party.CLINICIAN, call, words="has decided")
        call.must_be(200)
        held = await stage.held_by_service(f"Task/{alert['id']}")
        problems = [] if outcome_of(held) == "refer-to-specialist" else ["Task.output holds no such outcome"]
        text = "the service holds the outcome, and who came to it"
        stage.insist(Side.SERVICE, text, *differences(sent, held, "status"), *problems)
        await stage.alert_task_in_record("completed")
        await poll(stage, stage.programme, [])


def _unclear(task: Resource) -> list[str]:
    wanted = {
        "Task.priority is not urgent": task.get("priority") == "urgent",
        "Task.status is not requested": task.get("status") == "requested",
        "Task.restriction has no end": bool(task.get("restriction", {}).get("period", {}).get("end")),
    }
    return [problem for problem, holds in wanted.items() if not holds]
