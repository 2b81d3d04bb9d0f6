"""deliveries: what is owed to records, and sending again what a person has looked at. Ids and codes only."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from service.commands import explained, opened_office
from service.commands.registry import print_table
from service.referrals.delivery import UNSETTLED, Delivery, DeliveryState, DeliveryTrigger, states_before

deliveries = typer.Typer(help="What is owed to the hospitals' records.", no_args_is_help=True)
UNITS = {"d": timedelta(days=1), "h": timedelta(hours=1), "m": timedelta(minutes=1)}


@deliveries.command("list")
@explained
def list_deliveries(
    state: Annotated[
        list[DeliveryState] | None, typer.Option(help="only these states; all unsettled unless said")
    ] = None,
    at_most: Annotated[int, typer.Option(min=1, help="how many, the newest first")] = 100,
) -> None:
    """List deliveries."""
    now = datetime.now(UTC)
    with opened_office() as office:
        rows = [
            (
                each.id,
                each.destination_id,
                f"{each.resource_type}/{each.resource_id}",
                each.state.value,
                str(each.attempts),
                _span(now - each.owed_at),
                _next_try(each, now),
                each.last_outcome or "",
            )
            for each in office.deliveries(frozenset(state or UNSETTLED), at_most)
        ]
    print_table(("id", "destination", "resource", "state", "attempts", "age", "next try", "last outcome"), rows)


def _next_try(delivery: Delivery, now: datetime) -> str:
    if delivery.state not in states_before(DeliveryTrigger.CLAIMED):
        return "-"
    return _span(delivery.due_at - now) if delivery.due_at > now else "due"


def _span(time: timedelta) -> str:
    """In the largest unit of which it has two at least, else in seconds."""
    unit = next((unit for unit, size in UNITS.items() if time >= 2 * size), None)
    return f"{time // UNITS[unit]}{unit}" if unit else f"{max(time, timedelta(0)) // timedelta(seconds=1)}s"


@deliveries.command("retry")
@explained
def retry(
    ids: Annotated[
        list[str] | None, typer.Argument(metavar="[ID]...", help="of deliveries, as `list` shows them")
    ] = None,
    dead: Annotated[
        str | None, typer.Option(metavar="DESTINATION", help="all that is dead to this organisation instead")
    ] = None,
) -> None:
    """Send dead or unknown deliveries on their way again; each is looked for in the record before it is sent."""
    from service.office import NotAccepted

    if bool(ids) == bool(dead):
        raise NotAccepted("Name either deliveries or --dead DESTINATION.")
    with opened_office() as office:
        retried = office.retry_dead(dead) if dead else office.retry_deliveries(ids or ())
    for id in retried:
        typer.echo(f"Delivery {id} is on its way again.")
    refused = [id for id in ids or () if id not in retried]
    if refused:
        raise NotAccepted(f"There is no such delivery that is dead or unknown: {', '.join(refused)}.")
    if not retried:
        typer.echo("Nothing is dead there.")
