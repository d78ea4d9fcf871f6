// The server's interface as functions. Every failure is an ApiError whose message is one sentence to show as it is.

// The application may be mounted below a prefix; the page states where.
const ROOT = document.documentElement.dataset.root;
const REQUEST_TIMEOUT_MS = 20000;
const DEFAULT_RETRY_AFTER_S = 5;

export class ApiError extends Error {
  constructor(message, { status = 0, retryAfter = null } = {}) {
    super(message);
    this.name = "ApiError";
    this.status = status;
    this.retryAfter = retryAfter;
  }

  /** The server asked to come back later. */
  get isBusy() {
    return this.status === 429 || this.status === 503;
  }

  /** Asking again may help: no answer, busy, or an error of the server's own. */
  get isPassing() {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

export const studyPage = (id) => `${ROOT}studies/${encodeURIComponent(id)}`;
export const downloadUrl = (id, file, finding) => `${studyApi(id)}/${file}${finding ? `?finding=${encodeURIComponent(finding)}` : ""}`;
export const listStudies = async () => (await request("GET", `${ROOT}api/studies`)).studies;
export const getStudy = (id) => request("GET", studyApi(id));
export const getHeatmaps = (id) => request("GET", `${studyApi(id)}/heatmaps.json`);
export const deleteStudy = (id) => request("DELETE", studyApi(id));

/** Sends one file. XMLHttpRequest, because fetch does not tell how much has been sent. */
export function uploadStudy(file, { onProgress, signal }) {
  return new Promise((resolve, reject) => {
    const body = new FormData();
    body.append("file", file, file.name);
    const xhr = new XMLHttpRequest();
    xhr.open("POST", `${ROOT}api/studies`);
    xhr.upload.addEventListener("progress", (event) => {
      if (event.lengthComputable) onProgress(event.loaded / event.total);
    });
    xhr.addEventListener("load", () => {
      const answer = parseJson(xhr.responseText);
      if (xhr.status === 201 && answer) resolve(answer);
      else reject(toError(xhr.status, answer, xhr.getResponseHeader("Retry-After")));
    });
    xhr.addEventListener("error", () => reject(new ApiError("The connection to the server broke before the file had arrived.")));
    xhr.addEventListener("abort", () => reject(new DOMException("Cancelled", "AbortError")));
    signal.addEventListener("abort", () => xhr.abort(), { once: true });
    xhr.send(body);
  });
}

/** Fetches bytes whose number is known; onProgress gets the share that has arrived, in [0, 1]. */
export async function fetchData(url, length, onProgress) {
  let response;
  try {
    response = await fetch(url, { cache: "no-store" });
  } catch {
    throw new ApiError("The server does not answer.");
  }
  if (!response.ok) throw toError(response.status, parseJson(await response.text()), null);
  const data = new Uint8Array(length);
  let arrived = 0;
  try {
    for await (const part of chunks(response.body)) {
      data.set(part, arrived);
      arrived += part.length;
      onProgress(arrived / length);
    }
  } catch {
    throw new ApiError("The connection to the server broke before all had arrived.");
  }
  if (arrived !== length) throw new ApiError("The server sent less than it had announced.");
  return data;
}

/** Not every browser can iterate over a stream itself. */
async function* chunks(stream) {
  const reader = stream.getReader();
  for (let part = await reader.read(); !part.done; part = await reader.read()) yield part.value;
}

function studyApi(id) {
  return `${ROOT}api/studies/${encodeURIComponent(id)}`;
}

async function request(method, url) {
  let response;
  let text;
  try {
    response = await fetch(url, { method, cache: "no-store", signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS) });
    text = await response.text();
  } catch {
    throw new ApiError("The server does not answer.");
  }
  const answer = parseJson(text);
  if (!response.ok || (response.status !== 204 && answer === null)) {
    throw toError(response.status, answer, response.headers.get("Retry-After"));
  }
  return answer;
}

function parseJson(text) {
  try {
    return JSON.parse(text);
  } catch {
    // A proxy in between may answer in HTML.
    return null;
  }
}

function toError(status, answer, retryAfter) {
  const message = answer?.error?.message ?? `The server gave no usable answer (HTTP status ${status}).`;
  const seconds = Number.parseInt(retryAfter, 10);
  return new ApiError(message, { status, retryAfter: Number.isFinite(seconds) ? seconds : DEFAULT_RETRY_AFTER_S });
}
