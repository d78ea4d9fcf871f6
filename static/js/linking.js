// Pointing at a finding, or focusing it, lights the sentences that rest on it, and the other way round.

/**
 * list holds rows with data-finding, report sentences with data-findings (names between spaces).
 * onPoint gets the names that are pointed at now: none when the pointer or the focus has left.
 */
export function linkEvidence(list, report, onPoint) {
  let lit = "";

  function light(names) {
    if (names.join(" ") === lit) return;
    lit = names.join(" ");
    for (const row of list.querySelectorAll("[data-finding]")) row.classList.toggle("is-lit", names.includes(row.dataset.finding));
    for (const sentence of report.querySelectorAll("[data-findings]")) sentence.classList.toggle("is-lit", namesOf(sentence).some((name) => names.includes(name)));
    onPoint(names);
  }

  for (const container of [list, report]) {
    const enter = ({ target }) => light(namesOf(target.closest("[data-finding], [data-findings]")));
    container.addEventListener("focusin", enter);
    container.addEventListener("focusout", () => light([]));
    // A finger that scrolls past points at nothing.
    container.addEventListener("pointerover", (event) => event.pointerType !== "touch" && enter(event));
    container.addEventListener("pointerleave", () => light([]));
  }
  return { clear: () => light([]) };
}

function namesOf(node) {
  const text = node?.dataset.finding ?? node?.dataset.findings ?? "";
  return text.split(" ").filter(Boolean);
}
