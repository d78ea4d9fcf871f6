// Asks before a study is deleted. Resolves to true only for the delete button.

const dialog = document.getElementById("confirm-delete");

export function confirmDelete(filename) {
  dialog.querySelector("[data-part=filename]").textContent = filename;
  dialog.returnValue = "keep";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "delete"), { once: true });
  });
}
