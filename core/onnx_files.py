"""ONNX files that say nothing of the machine they were made on."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import onnx


def forget_origin(model: "onnx.ModelProto") -> None:
    """Remove what the exporter notes of each node, in place: the lines of the program, with the paths of its files."""
    graph = model.graph
    for part in (*graph.node, *graph.input, *graph.output, *graph.value_info, *graph.initializer, graph):
        del part.metadata_props[:]
        part.doc_string = ""
