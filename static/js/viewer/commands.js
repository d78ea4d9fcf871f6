// All that can be done without a pointer: one list for the keys, the buttons and the page of shortcuts.

const ZOOM = 1.25;
/** Of the width of the window. */
const WINDOW_STEP = 0.1;

const window_ = (id, keys, text, change) => ({ id, keys, text, group: "Window", readout: true, run: (viewer) => viewer.adjustWindow(change) });
const move = (id, key, text, dx, dy) => ({ id, keys: [key], text, group: "Zoom and place", inPane: true, run: (viewer) => viewer.pan(dx, dy) });
const toggle = (id, keys, text, group, pressed, run, extra = {}) => ({ id, keys, text, group, pressed, run, ...extra });

/**
 * id: the button's data-command; keys: as KeyboardEvent.key; pressed: whether a toggle is on; isPossible: whether it
 * can be used now; inPane: only while a pane has the focus; readout: changes zoom or window, which is then said.
 */
export const COMMANDS = [
  { id: "preset", keys: ["w"], text: "Next preset", group: "Window", readout: true, run: (viewer) => viewer.nextPreset() },
  window_("wider", ["]"], "Wider: less contrast", { width: WINDOW_STEP }),
  window_("narrower", ["["], "Narrower: more contrast", { width: -WINDOW_STEP }),
  window_("brighter", ["."], "Brighter", { centre: -WINDOW_STEP }),
  window_("darker", [","], "Darker", { centre: WINDOW_STEP }),
  toggle("invert", ["i"], "Invert", "Window", (viewer) => viewer.state.inverted, (viewer) => viewer.state.invert()),
  { id: "reset", keys: ["r"], text: "Reset window, zoom and place", group: "Window", readout: true, run: (viewer) => viewer.state.reset() },

  toggle("heatmap", ["h"], "Heatmap", "Findings", (viewer) => viewer.isHeatmapOn, (viewer) => viewer.overlay.toggle("heatmap"), { isPossible: (viewer) => viewer.hasHeatmap }),
  toggle("boxes", ["b"], "Radiologists’ boxes", "Findings", (viewer) => viewer.overlay.get("boxes"), (viewer) => viewer.overlay.toggle("boxes"), { isPossible: (viewer) => viewer.hasBoxes }),
  toggle("outlines", ["o"], "Outlines of lungs and heart", "Findings", (viewer) => viewer.hasOutlines && viewer.overlay.get("outlines"), (viewer) => viewer.overlay.toggle("outlines"), { isPossible: (viewer) => viewer.hasOutlines }),
  { id: "next", keys: ["n"], text: "Next finding", group: "Findings", run: (viewer) => viewer.step(1) },
  { id: "previous", keys: ["p"], text: "Previous finding", group: "Findings", run: (viewer) => viewer.step(-1) },
  toggle("compare", ["c"], "Compare side by side", "Findings", (viewer) => viewer.isComparing, (viewer) => viewer.toggleComparison()),
  { id: "help", keys: ["?"], text: "This list", group: "Findings", run: (viewer) => viewer.showHelp() },

  { id: "zoom-in", keys: ["+", "="], text: "Zoom in", group: "Zoom and place", readout: true, run: (viewer) => viewer.zoom(ZOOM) },
  { id: "zoom-out", keys: ["-", "_"], text: "Zoom out", group: "Zoom and place", readout: true, run: (viewer) => viewer.zoom(1 / ZOOM) },
  { id: "fit", keys: ["0"], text: "Fit the window", group: "Zoom and place", readout: true, run: (viewer) => viewer.state.fit() },
  { id: "actual-size", keys: ["1"], text: "One image pixel for one screen pixel", group: "Zoom and place", readout: true, run: (viewer) => viewer.actualSize() },
  toggle("pan-tool", ["g"], "Dragging moves the image", "Zoom and place", (viewer) => viewer.tool === "pan", (viewer) => viewer.togglePanTool()),
  toggle("lens", ["m"], "Magnifier", "Zoom and place", (viewer) => viewer.overlay.get("lens"), (viewer) => viewer.toggleLens()),
  move("left", "ArrowLeft", "Look further left, with the image focused", 1, 0),
  move("right", "ArrowRight", "Look further right", -1, 0),
  move("up", "ArrowUp", "Look further up", 0, 1),
  move("down", "ArrowDown", "Look further down", 0, -1),
];

export const isPossible = (command, viewer) => command.isPossible?.(viewer) ?? true;
