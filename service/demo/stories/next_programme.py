"""Story four: a programme says no, and the next one that fits and that she agreed to is asked."""

from service.demo.cast import NEXT_PROGRAMME, PROGRAMME
from service.demo.checks import problems_of_a_tombstone, verdicts
from service.demo.people import identifier_of
from service.demo.programme import Offer
from service.demo.record_stage import RecordStage
from service.demo.step import Party, Side
from service.demo.stories.steps import (
    accept,
    agree,
    look,
    look_before_accepting,
    of_result,
    poll,
    register,
    send_result,
)  # fmt: skip
from service.demo.women import POSITIVE

TITLE = "One programme says no, the next one yes"
ABOUT = "Tabby agreed to two programmes. The first has nobody free. She need not be asked again, and is not forgotten."
REASON = "No volunteer is free before she is due."

WHY = [{PROGRAMME: "chosen", NEXT_PROGRAMME: "fits"}, {NEXT_PROGRAMME: "chosen", PROGRAMME: "already-asked"}]


async def perform(stage: RecordStage) -> None:
    await register(stage)
    await _agree(stage)
    await _screen(stage)
    offer = await _see_the_offer(stage)
    await _decline(stage, offer)
    offer = await _see_the_next_offer(stage)
    await accept(stage, stage.next_programme, offer, "rejected")
    await _ask_why(stage)


async def _agree(stage: RecordStage) -> None:
    meaning = "One consent for each organisation: she may take back one and keep the other."
    async with stage.step("She agrees to two programmes", meaning):
        await agree(stage, stage.programme, stage.next_programme)


async def _screen(stage: RecordStage) -> None:
    meaning = "Both programmes fit her. The one with more open places is asked first."
    async with stage.step(f"The hospital sends her EPDS: {of_result(POSITIVE)}", meaning):
        await send_result(stage, POSITIVE)
        await stage.record_shows("active", "requested")


async def _see_the_offer(stage: RecordStage) -> Offer:
    async with stage.step("The first programme is asked, the second hears nothing", "One at a time."):
        offer = await look_before_accepting(stage, stage.programme)
        await poll(stage, stage.next_programme, [])
        return offer


async def _decline(stage: RecordStage, offer: Offer) -> None:
    meaning = "It says why. The service asks the next one by itself, and the hospital's record shows both."
    async with stage.step("The first programme declines, and the next one is asked", meaning):
        call = await stage.programme.answer(offer, "rejected", REASON)
        stage.tell(stage.programme.party, call, words="says no, and why")
        await stage.record_shows("active", "rejected", "requested")
        left = await look(stage, stage.programme, offer.task["id"])
        text = "the first programme reads that it declined, and nothing of her"
        stage.insist(Side.PROGRAMME, text, *problems_of_a_tombstone(left, stage.person))


async def _see_the_next_offer(stage: RecordStage) -> Offer:
    async with stage.step("The second programme finds her offer", "It does not hear that somebody was asked before."):
        return await look_before_accepting(stage, stage.next_programme)


async def _ask_why(stage: RecordStage) -> None:
    meaning = "Nothing is decided behind a curtain: for each programme the team can read why it was asked, or was not."
    async with stage.step("The hospital asks why each programme was chosen", meaning):
        # The record's copy carries the service's own id for the referral.
        (referral,) = [identifier_of(one).rpartition("|")[2] for one in await stage.charted("ServiceRequest")]
        call = await stage.hospital.request("GET", f"ServiceRequest/{referral}/$placement")
        stage.tell(Party.CLINICIAN, call, words="asks why")
        found = verdicts(call.must_be(200).body)
        problems = [] if found == WHY else [f"$placement says {found}"]
        text = "the first was chosen and the second would fit; then the second, for the first was asked already"
        stage.insist(Side.HOSPITAL, text, *problems)
