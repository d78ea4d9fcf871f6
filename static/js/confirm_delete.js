// Asks before studies are deleted. Resolves to true only for the delete button.

const dialog = document.getElementById("confirm-delete");
let answer = () => {};

dialog.querySelector("[value=delete]").addEventListener("click", () => answer(true));
dialog.addEventListener("close", () => {
  // The event comes late: by then the next question may stand.
  if (!dialog.open) answer(false);
});

/** what: a file name, or words such as "3 studies". */
export function confirmDelete(what) {
  answer(false);
  dialog.querySelector("[data-part=filename]").textContent = what;
  dialog.showModal();
  return new Promise((resolve) => {
    answer = resolve;
  });
}
