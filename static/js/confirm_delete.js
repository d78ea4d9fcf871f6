// Asks before a study is deleted, and says plainly when its report is signed. Resolves to true only for the delete button.

const dialog = document.getElementById("confirm-delete");

export function confirmDelete(filename, review = null) {
  const signed = dialog.querySelector("[data-part=signed]");
  signed.hidden = review?.state !== "signed";
  signed.textContent = signed.hidden ? "" : `The report is signed by ${review.signed_by}. The signed text and its record will be deleted too.`;
  dialog.querySelector("[data-part=filename]").textContent = filename;
  dialog.returnValue = "keep";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "delete"), { once: true });
  });
}
