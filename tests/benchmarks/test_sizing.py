"""How a node is sized: by unit costs that are measured, drawn from the page by name."""

import ast
import re
from pathlib import Path

import pytest

import benchmarks
from benchmarks import sizing
from benchmarks.sizing import COSTS, UNMEASURED

MODULES = {"delivery": "delivering", "growth": "growth", "hub": "hub", "workers": "workers"}


def figures_of(module):
    """Return what the names of a benchmark's figures look like, whatever is put into them."""
    tree = ast.parse((Path(benchmarks.__file__).parent / f"{module}.py").read_text("utf-8"))
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name))
    return [_pattern(call.args[0]) for call in calls if call.func.id == "Figure"]


def _pattern(name):
    parts = name.values if isinstance(name, ast.JoinedStr) else [name]
    return "".join(re.escape(part.value) if isinstance(part, ast.Constant) else ".+" for part in parts)


@pytest.mark.parametrize("cost", COSTS, ids=lambda cost: cost.name)
def test_a_cost_a_node_is_sized_by_is_measured_by_a_benchmark(cost):
    assert [figure for figure in figures_of(MODULES[cost.table]) if re.fullmatch(figure, cost.name)]


def test_a_cost_is_taken_from_the_table_it_is_measured_in(tmp_path, monkeypatch):
    page = tmp_path / "page.md"
    row = "| processor time at the author, each | {} | | | |"
    page.write_text(
        f"<!-- hub -->\n{row.format('1 µs')}\n<!-- end of hub -->\n"
        f"<!-- delivery -->\n{row.format('69.2 µs')}\n<!-- end of delivery -->\n",
        "utf-8",
    )
    monkeypatch.setattr(sizing, "PAGE", page)

    costs = {what: cost for what, cost, _ in sizing.rows()}

    assert costs.pop("a statement sent to one peer, as part of a queue") == "69.2 µs"
    assert set(costs.values()) == {UNMEASURED}
