"""The map asks nobody but this node, unless the bureau names a tile server; places may be typed as well as drawn."""

import json
from pathlib import Path

import pytest
from starlette.datastructures import FormData

from ecolink.console.form import Form
from ecolink.console.map.ground import Ground, Tiles
from ecolink.errors import InvalidError
from ecolink.exchanges.emergencies.border import Border
from ecolink.identity.roles import Role
from tests.support.console import Reception


@pytest.mark.parametrize(
    ("typed", "shape"),
    [
        ("119.2189, 27.4394", {"type": "Point", "coordinates": [119.2189, 27.4394]}),
        ("119.2189，27.4394\n", {"type": "Point", "coordinates": [119.2189, 27.4394]}),
        (
            "119 27\n120 27\n120 28",
            {"type": "Polygon", "coordinates": [[[119, 27], [120, 27], [120, 28], [119, 27]]]},
        ),
    ],
)
def test_one_line_is_a_point_and_three_are_an_area_that_ends_where_it_began(typed, shape):
    assert Form(FormData([("/at@corners", typed)])).members() == {"at": shape}


@pytest.mark.parametrize("typed", ["119.2, 27.4\n119.3, 27.5", "119.2", "north of the bridge", "119.2, 27.4, 500"])
def test_what_is_no_place_is_told_at_the_field(typed):
    with pytest.raises(InvalidError) as refused:
        Form(FormData([("/at@corners", typed)])).members()

    assert refused.value.pointer == "/at"


def test_a_bureaus_own_outlines_take_the_place_of_the_sketch(tmp_path: Path):
    own = tmp_path / "outlines.geojson"
    own.write_text(json.dumps({"type": "FeatureCollection", "features": []}), "utf-8")

    assert Ground.read(None, Border()).is_sketch
    assert not Ground.read(own, Border()).is_sketch
    own.write_text("[]", "utf-8")
    with pytest.raises(ValueError, match="FeatureCollection"):
        Ground.read(own, Border())


@pytest.mark.by_turns
def test_browsers_are_let_ask_a_tile_server_only_where_the_bureau_names_one(reception: Reception):
    visitor = reception.signed_in(Role.LIAISON_OFFICER)
    assert "http" not in visitor.get("/map").headers["Content-Security-Policy"]

    console = visitor.client.app.state.console
    tiles = Tiles("https://tiles.example.cn/{z}/{x}/{y}.png")
    object.__setattr__(console.ground, "tiles", tiles)

    policy = visitor.get("/map").headers["Content-Security-Policy"]
    assert "img-src https://tiles.example.cn 'self'" in policy
    assert policy.count("http") == 1
