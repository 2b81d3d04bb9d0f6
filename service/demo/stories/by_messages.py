"""Story five: a hospital that speaks only HL7 v2 gets the whole loop, from its result to what becomes of it."""

import json
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from service.demo import infirmary
from service.demo.cast import PROGRAMME
from service.demo.checks import problems_of_an_answer
from service.demo.checks_of_chart import problems_of_her_patient, problems_of_the_chart, told
from service.demo.client import shown
from service.demo.engine_stage import EngineStage
from service.demo.mllp import Acknowledged
from service.demo.people import CLINICIAN, CLINICIAN_ROLE
from service.demo.programme import Offer
from service.demo.record import Resource
from service.demo.step import Chronicle, Message, Party, Side
from service.demo.stories.steps import look_before_accepting, of_result, poll, say_yes, see_whom_to_ring
from service.demo.women import NEGATIVE, POSITIVE, screening, tara

TITLE = "A hospital that speaks only HL7 v2 gets the whole loop"
ABOUT = (
    "Sample Infirmary has an interface engine and no FHIR. Tilly's result leaves it as ORU^R01, and what becomes of it "
    "comes back as ORU^R01 and MDM^T02, over MLLP with a certificate at both ends."
)
WORRY = "She cried through all of our call today. Could somebody from the team ring her?"


async def perform(stage: EngineStage) -> None:
    await _register(stage)
    await _agree(stage)
    message, answered = await _screen(stage)
    await _send_again(stage, message, answered)
    offer = await _see_the_offer(stage)
    await _accept(stage, offer)
    offer = await see_whom_to_ring(stage, stage.programme, offer)
    await _ring(stage, offer)
    await _worry(stage, offer)
    await _answer_the_worry(stage, offer)
    await _send_what_leads_to_nothing(stage)
    await _complete(stage, offer)
    await _look_back(stage)


async def _register(stage: EngineStage) -> None:
    stage.engine.chart.women.add(stage.person.hospital_number)
    meaning = "The infirmary tells every system in the house of a booking in the same way. The service is one more."
    async with stage.step("The engine registers Tilly: ADT^A04", meaning):
        sent = infirmary.registration(stage.person, stage.next_control(), stage.now)
        await stage.send_and_be_taken(sent, "says who she is")


async def _agree(stage: EngineStage) -> None:
    meaning = "What the infirmary's own codes mean stands in its file; this one is a yes to one programme."
    async with stage.step("She agrees, and says which number is safe: ADT^A08 with CON", meaning):
        given = stage.now - timedelta(minutes=30)
        sent = infirmary.agreement(stage.person, stage.next_control(), given)
        await stage.send_and_be_taken(sent, "says what she agreed to")


async def _screen(stage: EngineStage) -> tuple[bytes, Acknowledged]:
    held = screening(stage.person, POSITIVE, stage.now - timedelta(minutes=20))
    stage.engine.chart.orders.add(infirmary.order_number(held))
    sent = infirmary.result(stage.person, held, stage.next_control(), stage.now)
    meaning = "The acknowledgement says that it is safely kept. What follows comes back under her order's number."
    async with stage.step(f"The engine sends her EPDS, ORU^R01: {of_result(POSITIVE)}", meaning):
        answered = await stage.send_and_be_taken(sent, "sends her result")
        asked = f"{PROGRAMME} has been asked"
        await stage.chart_shows(asked, referral_status="offered", offer_status="requested", programme=PROGRAMME)
    return sent, answered


async def _send_again(stage: EngineStage, message: bytes, answered: Acknowledged) -> None:
    meaning = "Engines do that after every interruption. It must lead to no second referral, and it does not."
    async with stage.step("The engine did not hear the answer, and sends it again", meaning):
        again = await stage.send(message, "sends the same result again")
        same = again.call.received.body == answered.call.received.body
        text = "the same acknowledgement, byte for byte"
        stage.insist(Side.SERVICE, text, *([] if same else ["the second acknowledgement differs from the first"]))
        (offer,) = await _tasks(stage)
        problems = problems_of_her_patient(await stage.held(offer["for"]["reference"]), stage.person)
        stage.insist(Side.SERVICE, "the service holds one offer, of her, as PID and her number have it", *problems)


async def _see_the_offer(stage: EngineStage) -> Offer:
    meaning = "It speaks FHIR and need not know what the hospital speaks. It sees as little as ever before it accepts."
    async with stage.step("The programme finds her offer", meaning):
        return await look_before_accepting(stage, stage.programme)


async def _accept(stage: EngineStage, offer: Offer) -> None:
    meaning = "The engine hears it as a correction (OBX-11 C) of the results that it has on file."
    async with stage.step("The programme accepts", meaning):
        await say_yes(stage, stage.programme, offer)
        accepted = f"{PROGRAMME} has accepted"
        await stage.chart_shows(accepted, referral_status="supported", offer_status="accepted")


async def _ring(stage: EngineStage, offer: Offer) -> None:
    meaning = "An attempt and a session. How often she was met is told, for she allowed that; what was said is not."
    async with stage.step("A volunteer rings in vain, rings again, and they talk", meaning):
        for outcome, attempts, sessions in (("did-not-attend", "1", "0"), ("attended", "2", "1")):
            begun = datetime.now(UTC)
            stage.tell(Party.PROGRAMME, await stage.programme.record_contact(offer, outcome, begun, datetime.now(UTC)))
            await stage.chart_shows(contact_attempts=attempts, sessions_attended=sessions)


async def _worry(stage: EngineStage, offer: Offer) -> None:
    meaning = "It is a new result, flagged so that records put it before somebody at once (OBX-8 AA)."
    async with stage.step("The volunteer is worried about her, and asks for a clinician", meaning):
        call = await stage.programme.ask_for_a_clinician(offer, WORRY)
        stage.tell(Party.PROGRAMME, call)
        problems = () if "no emergency channel" in json.dumps(call.body) else ("the answer does not say so",)
        stage.insist(Side.PROGRAMME, "the answer says that this is no emergency channel, and what to do", *problems)
        await stage.chart_shows(priority="urgent", team="Maternity team")
        chart = stage.engine.chart
        flags = {each.flag for each in chart.observations if each.code == "alert-message"}
        as_written = flags == {"AA"} and WORRY in chart.lines("alert-message")
        problems = () if as_written else ("OBX-5 has other words, or OBX-8 another flag",)
        stage.insist(Side.HOSPITAL, "chart: the volunteer's words, word for word, each line flagged AA", *problems)


async def _answer_the_worry(stage: EngineStage, offer: Offer) -> None:
    meaning = "Its link takes answers until the alert is over. The midwife opens it; the volunteer sees that she has."
    async with stage.step("A clinician answers by the link in the message", meaning):
        (link,) = stage.engine.chart.life("answer-link")
        said = {"name": CLINICIAN, "role": CLINICIAN_ROLE, "answer": "seen"}
        begun = time.perf_counter()
        call = shown(await stage.http.post(link, data=said), begun)
        stage.events.append(Message(Party.CLINICIAN, Party.SERVICE, "has seen it", (call,), "(the link)"))
        problems = () if call.good else ("the page did not take the answer",)
        stage.insist(Side.SERVICE, "the page thanks her", *problems)
        current = await stage.programme.look_into(offer.task["id"])
        stage.tell(Party.PROGRAMME, current.reads[0])
        text = "the programme sees that and when it was read, and not by whom"
        stage.insist(Side.PROGRAMME, text, *problems_of_an_answer(current.task))


async def _send_what_leads_to_nothing(stage: EngineStage) -> None:
    woman = tara(stage.now.date())
    held = screening(woman, NEGATIVE, stage.now - timedelta(minutes=10))
    before = len(await _tasks(stage))
    meaning = "She is well. It is kept, and nobody is asked anything."
    async with stage.step(f"Another woman's EPDS, {of_result(NEGATIVE)}, and nothing follows", meaning):
        sent = infirmary.result(woman, held, stage.next_control(), stage.now)
        await stage.send_and_be_taken(sent, "sends her result")
        problems = [] if len(await _tasks(stage)) == before else ["there is another Task"]
        stage.insist(Side.SERVICE, "the service has made no referral and no alert of it", *problems)
        await poll(stage, stage.next_programme, [])
    meaning = "It cannot be mistaken for care, and the engine's people read why in the acknowledgement."
    async with stage.step("A message of the engine's test system is refused: AR", meaning):
        sent = infirmary.result(woman, held, stage.next_control(), stage.now, processing="T")
        answered = await stage.send(sent, "sends a test message")
        problems = [] if answered.flaws == ["MSH^1^11 202 E"] else answered.flaws or ["there is no ERR segment"]
        stage.insist(Side.HOSPITAL, "the acknowledgement names the field and the code: MSH-11, 202", *problems)


async def _complete(stage: EngineStage, offer: Offer) -> None:
    async with stage.step("The support comes to its planned end", "The last messages close what the first opened."):
        current = await stage.programme.look_into(offer.task["id"])
        stage.tell(Party.PROGRAMME, await stage.programme.answer(current, "completed"), words="says it is done")
        ended = "Sessions attended: 1."
        await stage.chart_shows(ended, referral_status="completed", offer_status="completed", sessions_attended="1")


async def _look_back(stage: EngineStage) -> None:
    meaning = "Each message corrected the one before it, and nothing came twice, out of order or about anybody else."

    async def look() -> Sequence[str]:
        return problems_of_the_chart(stage.engine.chart, stage.person)

    async with stage.step("The infirmary looks back over what its engine has filed", meaning):
        text = "one referral and one alert under her order, each OBX-21 the same throughout, three notes, in order"
        await stage.wait_for(Side.HOSPITAL, text, look)
        stage.events.append(Chronicle("Filed from HL7 v2", tuple(map(told, stage.engine.heard))))


async def _tasks(stage: EngineStage) -> list[Resource]:
    """The offers and alerts that the service holds for the infirmary. Raises CallFailed."""
    return [entry["resource"] for entry in (await stage.held("Task")).get("entry", ())]
