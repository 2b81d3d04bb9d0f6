"""deliveries: what is owed to records, and sending again what a person has looked at. Ids and codes only."""

from typing import Annotated

import typer

from service.commands import explained
from service.commands.registry import print_table
from service.referrals.delivery import DeliveryState

deliveries = typer.Typer(help="What is owed to the hospitals' records.", no_args_is_help=True)
UNSETTLED = (DeliveryState.READY, DeliveryState.LEASED, DeliveryState.UNKNOWN, DeliveryState.DEAD)


@deliveries.command("list")
@explained
def list_deliveries(
    state: Annotated[
        list[DeliveryState] | None, typer.Option(help="only these states; all unsettled unless said")
    ] = None,
    at_most: Annotated[int, typer.Option(min=1, help="how many, the newest first")] = 100,
) -> None:
    """List deliveries."""
    from service import wiring
    from service.settings import read_settings

    with wiring.office(read_settings()) as office:
        rows = [
            (
                each.id,
                each.destination_id,
                f"{each.resource_type}/{each.resource_id}",
                each.state.value,
                str(each.attempts),
                each.last_outcome or "",
            )
            for each in office.deliveries(frozenset(state or UNSETTLED), at_most)
        ]
    print_table(("id", "destination", "resource", "state", "attempts", "last outcome"), rows)


@deliveries.command("retry")
@explained
def retry(id: str) -> None:
    """Send a dead or unknown delivery on its way again; it is looked for in the record before anything is sent."""
    from service import wiring
    from service.settings import read_settings

    with wiring.office(read_settings()) as office:
        office.retry_delivery(id)
    typer.echo(f"Delivery {id} is on its way again.")
