// Asks before studies are deleted. Resolves to true only for the delete button.

const dialog = document.getElementById("confirm-delete");

/** what: a file name, or words such as "3 studies". */
export function confirmDelete(what) {
  dialog.querySelector("[data-part=filename]").textContent = what;
  dialog.returnValue = "keep";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "delete"), { once: true });
  });
}
