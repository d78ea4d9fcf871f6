// Keys for a list whose rows each have one link: the focus moves from link to link, so that Enter opens by itself.

const isTyping = (target) => target instanceof Element && target.closest("input:not([type=checkbox]), select, textarea, [contenteditable]") !== null;

/** rows() gives the links in order; onToggle and onDelete get the link of the row that has the focus. */
export function listenForKeys({ search, rows, onToggle = () => {}, onDelete = () => {}, onLeaveSearch = () => {}, columns = () => 1 }) {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    if (event.target === search && (event.key === "Escape" || event.key === "ArrowDown") && !(event.key === "Escape" && search.value)) {
      event.preventDefault();
      onLeaveSearch();
      return;
    }
    if (isTyping(event.target)) return;
    if (event.key === "/") {
      event.preventDefault();
      search.focus();
      search.select();
      return;
    }
    const links = rows();
    const row = document.activeElement?.closest("[data-row]");
    const place = row ? links.findIndex((link) => row.contains(link)) : -1;
    const target = moved(event.key, place, links.length, columns());
    if (target !== null) {
      event.preventDefault();
      links[target]?.focus();
    } else if (place >= 0 && event.key === "x") {
      event.preventDefault();
      onToggle(links[place]);
    } else if (place >= 0 && event.key === "Delete") {
      event.preventDefault();
      onDelete(links[place]);
    }
  });
}

/** Where a key leads from a place; null where the key does not move, or is the page's while no row has the focus. */
function moved(key, place, length, columns) {
  if (length === 0) return null;
  const last = length - 1;
  // Only the letters enter the list from anywhere: the arrows scroll the page.
  if (place < 0) return key === "j" ? 0 : key === "k" ? last : null;
  const steps = { j: columns, ArrowDown: columns, k: -columns, ArrowUp: -columns };
  if (columns > 1) Object.assign(steps, { ArrowRight: 1, ArrowLeft: -1 });
  if (key === "Home") return 0;
  if (key === "End") return last;
  if (!(key in steps)) return null;
  return Math.min(last, Math.max(0, place + steps[key]));
}
