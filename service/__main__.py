"""The program: `peer-referral`, or `python -m service`."""

import gc

import typer

from service.commands import running, safekeeping
from service.commands.deliveries import deliveries
from service.commands.interface import hl7
from service.commands.messages import messages
from service.commands.registry import client, organisation, programme

application = typer.Typer(
    name="peer-referral",
    help="From a positive perinatal screening result to consented peer support, and back into the record.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
for command in (
    running.demo,
    running.serve,
    running.listen,
    running.worker,
    running.migrate,
    safekeeping.backup,
    safekeeping.restore,
):
    application.command()(command)
application.add_typer(running.mappings, name="mappings")
application.add_typer(organisation, name="organisation")
application.add_typer(client, name="client")
application.add_typer(programme, name="programme")
application.add_typer(deliveries, name="deliveries")
application.add_typer(messages, name="messages")
application.add_typer(hl7, name="hl7")
application.add_typer(safekeeping.keys, name="keys")


def main() -> None:
    # Nearly all that a command imports stays until it ends; the collector would look through it three hundred times.
    gc.set_threshold(50_000, 20, 50)
    application()


if __name__ == "__main__":
    main()
