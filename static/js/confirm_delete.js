// Asks before studies are deleted, and says plainly when a report is signed. Resolves to true only for the delete button.

const dialog = document.getElementById("confirm-delete");
let answer = () => {};

dialog.querySelector("[value=delete]").addEventListener("click", () => answer(true));
dialog.addEventListener("close", () => {
  // The event comes late: by then the next question may stand.
  if (!dialog.open) answer(false);
});

/**
 * what: a file name, or words such as "3 studies"; reviews: those of the studies, for a word about signed ones; along:
 * what goes with it.
 */
export function confirmDelete(what, { reviews = [], along = "with all heatmaps and reports" } = {}) {
  answer(false);
  const signers = reviews.filter((review) => review?.state === "signed").map((review) => review.signed_by);
  const signed = dialog.querySelector("[data-part=signed]");
  signed.hidden = !signers.length;
  signed.textContent =
    signers.length > 1 ? `${signers.length} reports are signed. The signed texts and their records will be deleted too.`
    : signers.length ? `The report is signed by ${signers[0]}. The signed text and its record will be deleted too.`
    : "";
  dialog.querySelector("[data-part=along]").textContent = along;
  dialog.querySelector("[data-part=filename]").textContent = what;
  dialog.showModal();
  return new Promise((resolve) => {
    answer = resolve;
  });
}
