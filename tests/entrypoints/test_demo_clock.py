"""The demo's clock: moved on for all of its nodes at once, and for no other node."""

import ast
from datetime import timedelta
from pathlib import Path

from ecolink.entrypoints.demo.clock import PlayClock
from ecolink.settings import Settings

SOURCE = Path(__file__).parents[2] / "src/ecolink"


def test_whoever_reads_the_same_file_is_at_the_same_moment(tmp_path: Path) -> None:
    ours = PlayClock.at_present(tmp_path / "clock")
    theirs = PlayClock(tmp_path / "clock")
    assert (ours.ahead(), theirs.ahead()) == (0, 0)
    ours.move_to(ours.now() + timedelta(days=90))
    assert ours.ahead() == theirs.ahead() == 90 * 24 * 3600


def test_only_the_demos_own_nodes_serve_by_another_clock_than_the_machines() -> None:
    """No setting names a clock, and nobody else hands serving a node that was put together otherwise."""
    assert [name for name in Settings.model_fields if "clock" in name] == []
    calls = [
        (str(path.relative_to(SOURCE)), call)
        for path in SOURCE.rglob("*.py")
        for call in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(call, ast.Call)
    ]
    builders = {path for path, call in calls if any(argument.arg == "build" for argument in call.keywords)}
    assert builders == {"entrypoints/demo/node.py"}
    served = [call.args[1] for path, call in calls if path == "entrypoints/serving.py" and _name(call) == "build_node"]
    assert [ast.unparse(clock) for clock in served] == ["SystemClock()"]


def _name(call: ast.Call) -> str:
    return ast.unparse(call.func)
