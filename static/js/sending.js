// A form whose button sends something to the server: once at a time, and a failure is told below it.

/** send() does it; what goes wrong is shown in the form's .error-text. */
export function sendWith(form, send) {
  const error = form.querySelector(".error-text");
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (form.dataset.state === "sending") return;
    form.dataset.state = "sending";
    error.textContent = "";
    try {
      await send(event.submitter);
    } catch (failure) {
      if (failure.name !== "ApiError") throw failure;
      error.textContent = failure.message;
    } finally {
      delete form.dataset.state;
    }
  });
}
