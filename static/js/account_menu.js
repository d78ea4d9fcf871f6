// The account's menu closes as menus do: by Escape, and by a click or the focus elsewhere.

const menu = document.querySelector(".account-menu");

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || !menu.open) return;
  menu.open = false;
  menu.querySelector("summary").focus();
});
for (const kind of ["click", "focusin"]) {
  document.addEventListener(kind, (event) => {
    if (!menu.contains(event.target)) menu.open = false;
  });
}
