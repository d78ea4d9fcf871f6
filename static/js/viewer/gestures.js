// Pointer, wheel and touch on a pane. As in other radiology viewers: the left button sets the window, the middle one
// moves the image, the right one and the wheel zoom; two fingers move and zoom.

/** Dragged over this many CSS pixels, the window changes by as much as it is wide. */
const WINDOW_DRAG_PX = 300;
const NARROW_WINDOW = 0.1;

/** tool() names what the left button and one finger do: "window" or "pan"; a finger moves the magnifier while there is one. */
export function attachGestures(pane, { tool, hasLens, onUse }) {
  const { canvas } = pane;
  const pointers = new Map();
  let action = null;

  const position = (event) => {
    const frame = canvas.getBoundingClientRect();
    return { x: event.clientX - frame.left, y: event.clientY - frame.top };
  };
  const actions = {
    window: ({ dx, dy }) => {
      const { centre, width } = pane.state.window;
      const step = Math.max(width, NARROW_WINDOW) / WINDOW_DRAG_PX;
      pane.state.setWindow({ centre: centre + dy * step, width: width + dx * step });
    },
    pan: ({ dx, dy }) => pane.state.pan(dx, dy, pane.source.image, pane.size),
    lens: () => pane.redraw(),
    zoom: ({ dy, start }) => pane.state.zoom(Math.exp(-dy / 150), pane.source.image, pane.size, start),
  };

  function chosenAction(event) {
    if (event.button === 1 || event.shiftKey) return "pan";
    if (event.button === 2) return "zoom";
    // A mouse moves the magnifier without a button; a finger can only drag it.
    return event.pointerType === "touch" && hasLens() ? "lens" : tool();
  }

  canvas.addEventListener("pointerdown", (event) => {
    onUse();
    pane.element.focus({ preventScroll: true });
    event.preventDefault();
    canvas.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, { ...position(event), start: position(event) });
    action = chosenAction(event);
    if (action === "lens") {
      pane.pointer = position(event);
      pane.redraw();
    }
  });

  canvas.addEventListener("pointermove", (event) => {
    const now = position(event);
    pane.pointer = now;
    const last = pointers.get(event.pointerId);
    if (!last || !pane.source.pyramid) {
      pane.redraw();
      return;
    }
    const others = [...pointers.keys()].filter((id) => id !== event.pointerId);
    pointers.set(event.pointerId, { ...now, start: last.start });
    if (others.length === 0) actions[action]({ dx: now.x - last.x, dy: now.y - last.y, start: last.start });
    else pinch(pointers.get(others[0]), last, now);
  });

  /** One of two fingers moved from `last` to `now`, the other rests at `other`. */
  function pinch(other, last, now) {
    const distance = (a, b) => Math.max(Math.hypot(a.x - b.x, a.y - b.y), 1);
    const middle = { x: (other.x + now.x) / 2, y: (other.y + now.y) / 2 };
    pane.state.pan((now.x - last.x) / 2, (now.y - last.y) / 2, pane.source.image, pane.size);
    pane.state.zoom(distance(other, now) / distance(other, last), pane.source.image, pane.size, middle);
  }

  for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, (event) => pointers.delete(event.pointerId));
  canvas.addEventListener("pointerleave", (event) => {
    // A lifted finger leaves the magnifier where it was put.
    if (event.pointerType === "touch") return;
    pane.pointer = null;
    pane.redraw();
  });
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    if (!pane.source.pyramid) return;
    // Browsers report a pinch on a touchpad as a wheel with Ctrl, in much smaller steps.
    const speed = event.ctrlKey ? 0.01 : 0.0015;
    const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 16 : 1;
    pane.state.zoom(Math.exp(-event.deltaY * lines * speed), pane.source.image, pane.size, position(event));
  }, { passive: false });
  // The right button zooms.
  canvas.addEventListener("contextmenu", (event) => event.preventDefault());
  pane.element.addEventListener("focus", onUse);
}
