"""The whole play, from an empty folder to proven evidence."""

import json
import signal
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path

from rich.console import Console
from rich.table import Table

from ecolink.entrypoints.demo import houses
from ecolink.entrypoints.demo.cast import PARTS, bureaus
from ecolink.entrypoints.demo.clock import PlayClock
from ecolink.entrypoints.demo.events import bulletins, cadence, emergencies, evidence, leads, remaining
from ecolink.entrypoints.demo.houses import DemoFailed
from ecolink.entrypoints.demo.stage import Stage
from ecolink.entrypoints.demo.telling import Narrator
from ecolink.kit.times import CHINA


def play(*, nodes: int, once: bool, as_json: bool) -> int:
    """Play with `nodes` bureaus and return the exit code.

    `once` ends when the play does; otherwise the nodes stay up until Ctrl-C. With `as_json` the story goes to
    standard error and one JSON object to standard output.
    """
    console = Console(stderr=as_json, highlight=False)
    narrator = Narrator(console)
    _stop_on_signals()
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="ecolink-demo-") as folder:
        clock = PlayClock.at_present(Path(folder) / "clock")
        stage = Stage(houses.build(bureaus(nodes), Path(folder), clock), narrator, clock)
        try:
            failure = _perform(stage, console)
            result = {
                "ok": failure is None,
                "nodes": nodes,
                "seconds": round(time.monotonic() - started, 1),
                **narrator.summary(),
                **({"failure": failure} if failure else {}),
            }
            _close(stage, result)
            if as_json:
                sys.stdout.write(json.dumps(result, ensure_ascii=False, indent=2) + "\n")
                sys.stdout.flush()
            if not once and failure is None:
                _stay_up(stage)
        finally:
            for house in stage.houses:
                house.stop()
    return 0 if failure is None else 1


def _open(console: Console, nodes: int) -> None:
    console.rule("[bold]ecolink 演示 demo")
    console.print(
        f"{nodes}个县局各自运行节点，没有中心。人名、电话、案件均为虚构；“六县联盟”为演示假设；"
        "省界线为示意，不可用于导航。\n"
        f"{nodes} county bureaus, a node each, nothing central. People, phones and cases are fictional; that the six "
        "counties form one alliance is assumed; the border line is schematic, not for navigation.\n"
        "ecolink 不替代正式协作函件、逐级上报和 12119/110。 "
        "ecolink replaces neither the formal letters, nor the reporting line, nor 12119/110."
    )


def _perform(stage: Stage, console: Console) -> str | None:
    """Play every scene; return why it failed, or None."""
    try:
        _open(console, len(stage.houses))
        stage.build()
        stage.introduce()
        threads = leads.play(stage)
        threads += bulletins.play(stage)
        threads += emergencies.play(stage)
        evidence.count_receipts(stage)
        evidence.play(stage, threads)
        cadence.play(stage)
        remaining.play(stage)
    except (DemoFailed, KeyboardInterrupt) as failed:
        failure = str(failed) or "interrupted"
        console.print("[bold red]演示失败 The demo failed:[/]")
        console.print(failure, markup=False)
        _show_logs(stage, console)
        return failure
    return None


def _close(stage: Stage, result: dict[str, object]) -> None:
    table = Table(title="小结 Summary", title_style="bold")
    for column in ("", "发出 sent", "送达 delivered", "签收 acknowledged", "答复 answered"):
        table.add_column(column, justify="left" if not column else "right")
    for kind, name in (
        ("lead", "线索协查 lead"),
        ("bulletin", "情报通报 bulletin"),
        ("emergency", "紧急通报 emergency"),
    ):
        counts = stage.narrator.counts[kind]
        table.add_row(name, *(str(counts[word]) for word in ("sent", "delivered", "acknowledged", "answered")))
    console = stage.narrator.console
    console.print()
    console.print(table)
    console.print(f"[dim]{result['seconds']} s[/]")


def _stay_up(stage: Stage) -> None:
    console = stage.narrator.console
    console.print("\n[bold]现在可以自己试 Try it yourself[/]")
    console.print(f"节点时钟已拨至 The nodes' clocks show {stage.clock.now().astimezone(CHINA):%Y-%m-%d %H:%M}")
    for house in stage.houses:
        console.print(f"[bold]{house.bureau.name_zh} {house.bureau.short}[/]", soft_wrap=True)
        console.print(f"  控制台 console  {house.address}/", soft_wrap=True)
        console.print(f"  接口 API        {house.address}/api/docs", soft_wrap=True)
        for part in PARTS:
            # Lines, not a table: a narrow terminal would cut the passwords.
            person = stage.who(house.bureau.slug, part.username)
            console.print(f"  {person.username:12}{person.password}   {part.title}", markup=False, soft_wrap=True)
    console.print("[bold]Ctrl-C[/] 结束，不留任何痕迹。 ends it and leaves nothing behind.")
    with suppress(KeyboardInterrupt):
        threading.Event().wait()


def _show_logs(stage: Stage, console: Console) -> None:
    for house in stage.houses:
        if (house.folder / "node.log").exists():
            lines = house.log().splitlines()[-15:]
            console.print(f"[dim]--- {house.bureau.short}[/]")
            console.print("\n".join(lines), markup=False, style="dim")


def _stop_on_signals() -> None:
    """Have a service manager's SIGTERM end the demo in the same order as Ctrl-C."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)
