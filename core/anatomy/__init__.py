"""The look at the picture before it is judged, and the places that anatomy gives words to."""

from core.anatomy.anatomy import Anatomy, Cardiothoracic, Line
from core.anatomy.gate import Admitted, Gate, NotAFrontalChest, Verdict, admit, put_upright, upright
from core.anatomy.look import shipped_looker
from core.anatomy.place import Place
from core.anatomy.zones import places_of

__all__ = [
    "Admitted",
    "Anatomy",
    "Cardiothoracic",
    "Gate",
    "Line",
    "NotAFrontalChest",
    "Place",
    "Verdict",
    "admit",
    "places_of",
    "put_upright",
    "shipped_looker",
    "upright",
]
