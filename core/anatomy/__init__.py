"""The look at the picture before it is judged, and the places that anatomy gives words to."""

from core.anatomy.place import Place

__all__ = ["Place"]
