from typing import get_args

import pytest

from core.anatomy import Place
from core.anatomy.place import Side, Zone

EVERY_PLACE = [
    Place(side, zone)
    for side in (None, *get_args(Side))
    for zone in (None, *get_args(Zone))
    if side is not None or zone is not None
]


def test_a_place_is_named_as_in_reports() -> None:
    assert Place("right", "lower").in_words() == "right lower zone"
    assert Place("left").in_words() == "left lung"
    assert Place(zone="upper").in_words() == "upper zones"


@pytest.mark.parametrize("place", EVERY_PLACE, ids=lambda place: place.key)
def test_every_place_comes_back_from_its_key(place: Place) -> None:
    assert Place.from_key(place.key) == place


def test_keys_and_words_of_different_places_differ() -> None:
    assert len({place.key for place in EVERY_PLACE}) == len({place.in_words() for place in EVERY_PLACE}) == 11


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("left_lower", Place("left", "lower")),
        ("left_lower_zone", Place("left", "lower")),
        ("left", Place("left")),
        ("left_lung", Place("left")),
        ("lower_zone", Place(zone="lower")),
        ("lower", Place(zone="lower")),
    ],
)
def test_zone_and_lung_may_be_left_out_of_a_key(text: str, place: Place) -> None:
    assert Place.from_key(text) == place


@pytest.mark.parametrize(
    "text", ["", "zone", "lung", "heart", "lower_left", "left_right", "left_lower_zone_zone", "Left"]
)
def test_a_text_that_names_no_place_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="place"):
        Place.from_key(text)


def test_a_place_without_side_and_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="side or a zone"):
        Place()
    with pytest.raises(ValueError, match="no place"):
        Place("upper")  # type: ignore[arg-type]
