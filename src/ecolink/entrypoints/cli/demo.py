"""`ecolink demo`: real nodes on this machine play the fictional events of the border forest."""

from typing import Annotated

import typer


def demo(
    once: Annotated[bool, typer.Option("--once", help="End when the play is over, instead of at Ctrl-C.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the score as JSON; the story goes to standard error.")
    ] = False,
    nodes: Annotated[int, typer.Option(min=2, max=6, help="How many of the six bureaus take part.")] = 2,
) -> None:
    """Play the demo: start two (or up to six) nodes, onboard them, exchange leads, bulletins and emergencies.

    Everything happens on this machine's loopback addresses, in a temporary folder that is removed at the end.
    """
    from ecolink.entrypoints.demo.play import play

    raise typer.Exit(play(nodes=nodes, once=once, as_json=as_json))
