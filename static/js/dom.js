// Small helpers for building and announcing. Text is always set as text, never as HTML.

/** el("button", {class: "x", type: "button", onclick: f, data: {state: "y"}}, "text", child) */
export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "data") Object.assign(node.dataset, value);
    else if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

/** Whether a key press is text for a field or meant for an open dialog, and so no shortcut of the page. */
export function isForField(event) {
  return Boolean(event.target.closest?.("input:not([type=range]), textarea, select") || document.querySelector("dialog[open]"));
}

/** Says a message to screen readers without moving the focus. */
export function announce(message) {
  document.getElementById("live").textContent = message;
}

export function sleep(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    const cancel = () => {
      clearTimeout(timer);
      reject(new DOMException("Cancelled", "AbortError"));
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", cancel);
      resolve();
    }, milliseconds);
    if (signal?.aborted) cancel();
    else signal?.addEventListener("abort", cancel, { once: true });
  });
}
