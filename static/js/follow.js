// Follows a study until it is done or has failed, or until what else its caller waits for.

import { getStudy } from "./api.js";
import { sleep } from "./dom.js";

const FIRST_WAIT_MS = 100;
const LONGEST_WAIT_MS = 2000;
const TOLERATED_FAILURES = 30;

/**
 * Calls onChange with each answer and returns the last. Short gaps in the connection are bridged: onTrouble gets the
 * error, and asking goes on.
 */
export async function followStudy(id, { onChange, onTrouble = () => {}, signal, isEnd = hasEnded }) {
  let wait = FIRST_WAIT_MS;
  let failures = 0;
  for (;;) {
    try {
      const study = await getStudy(id);
      failures = 0;
      onChange(study);
      if (isEnd(study)) return study;
    } catch (error) {
      failures += 1;
      if (!error.isPassing || failures > TOLERATED_FAILURES) throw error;
      onTrouble(error);
    }
    await sleep(wait, signal);
    wait = Math.min(wait * 1.3, LONGEST_WAIT_MS);
  }
}

function hasEnded(study) {
  return study.status === "done" || study.status === "failed";
}
