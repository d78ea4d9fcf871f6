// The server's interface as functions. Every failure is an ApiError whose message is one sentence to show as it is.

// The application may be mounted below a prefix; the page states where.
const ROOT = document.documentElement.dataset.root;
// Shows the server that a change comes from a page of its own; there is none where nobody has to sign in.
const CSRF = document.documentElement.dataset.csrf;
const OWN_HEADERS = CSRF ? { "X-CSRFToken": CSRF } : {};
const REQUEST_TIMEOUT_MS = 20000;
const DEFAULT_RETRY_AFTER_S = 5;

export class ApiError extends Error {
  constructor(message, { status = 0, retryAfter = null, answer = null } = {}) {
    super(message);
    this.name = "ApiError";
    this.status = status;
    this.retryAfter = retryAfter;
    // What the server says beyond the sentence, such as the files of an archive that it refused.
    this.answer = answer;
  }

  /** The server asked to come back later. */
  get isBusy() {
    return this.status === 429 || this.status === 503;
  }

  /** Asking again may help: no answer, busy, or an error of the server's own. */
  get isPassing() {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }

  /** The picture does not look like a frontal chest: who insists may have it judged all the same. */
  get isDoubt() {
    return this.answer?.error?.code === "not_a_frontal_chest";
  }
}

export const studyPage = (id) => `${ROOT}studies/${encodeURIComponent(id)}`;
export const downloadUrl = (id, file, finding) => `${studyApi(id)}/${file}${finding ? `?finding=${encodeURIComponent(finding)}` : ""}`;
export const tableUrl = (parameters) => withParameters(`${ROOT}api/studies.csv`, parameters);
/** Has a table made that is too long for one answer: {id, status, progress, error, links}, which getExport gives anew. */
export const askForExport = (parameters) => request("POST", withParameters(`${ROOT}api/exports`, parameters));
export const getExport = (links) => request("GET", links.self);
/** One page of the worklist: {studies, total, unfinished}. */
export const listStudies = (parameters) => request("GET", withParameters(`${ROOT}api/studies`, parameters));
/** One page of the samples: {samples, total}. */
export const listSamples = (parameters) => request("GET", withParameters(`${ROOT}api/samples`, parameters));
/** Analyses a sample, or finds the study that was made of it before. */
export const chooseSample = (id, { force = false } = {}) => request("POST", `${ROOT}api/samples/${encodeURIComponent(id)}${force ? "?force=1" : ""}`);
export const getStudy = (id) => request("GET", studyApi(id));
export const getHeatmaps = (id) => request("GET", `${studyApi(id)}/heatmaps.json`);
export const analyseAgain = (id) => request("POST", `${studyApi(id)}/analysis`);
export const deleteStudy = (id) => request("DELETE", studyApi(id));

/** Reads a health record without keeping it: {ehr, lines}. */
export const checkRecord = (text) => request("POST", `${ROOT}api/ehr`, { text });

/** Sends one file, with the text of its health record if it has one, to be judged whatever it shows if forced; an archive is answered with {studies, refused, skipped}. XMLHttpRequest, because fetch does not tell how much has been sent. */
export function uploadStudy(file, name, { onProgress, signal, record = null, force = false }) {
  return new Promise((resolve, reject) => {
    const body = new FormData();
    body.append("file", file, name);
    if (record !== null) body.append("ehr", record);
    if (force) body.append("force", "1");
    const xhr = new XMLHttpRequest();
    xhr.open("POST", `${ROOT}api/studies`);
    for (const [name, value] of Object.entries(OWN_HEADERS)) xhr.setRequestHeader(name, value);
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

function withParameters(url, parameters) {
  const text = new URLSearchParams(parameters).toString();
  return text ? `${url}?${text}` : url;
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

export function studyApi(id) {
  return `${ROOT}api/studies/${encodeURIComponent(id)}`;
}

/** body is sent as JSON, text is JSON already; keepalive lets the request outlive the page. */
export async function request(method, url, { body, text: written = body && JSON.stringify(body), keepalive = false } = {}) {
  let response;
  let text;
  try {
    response = await fetch(url, {
      method,
      keepalive,
      cache: "no-store",
      signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
      headers: { ...OWN_HEADERS, ...(written !== undefined && { "Content-Type": "application/json" }) },
      ...(written !== undefined && { body: written }),
    });
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
  // The session is over: the page has to be loaded again, and what was written is kept in the browser meanwhile.
  if (status === 401) return new ApiError("You are signed out. Load this page again to sign in.", { status, answer });
  const message = answer?.error?.message ?? `The server gave no usable answer (HTTP status ${status}).`;
  const seconds = Number.parseInt(retryAfter, 10);
  return new ApiError(message, { status, answer, retryAfter: Number.isFinite(seconds) ? seconds : DEFAULT_RETRY_AFTER_S });
}
