// Health record, questions and comparisons of a study, as functions.

import { request, studyApi } from "../api.js";

/** {has_writer, inquiries}, oldest first. */
export const getInquiries = (id) => request("GET", `${studyApi(id)}/inquiries`);
export const removeInquiry = (id, inquiryId) => request("DELETE", `${studyApi(id)}/inquiries/${inquiryId}`);
export const askQuestion = (id, question) => request("POST", `${studyApi(id)}/questions`, { body: { question } });
export const compareRecord = (id) => request("POST", `${studyApi(id)}/comparisons`, { body: { of: "record" } });
export const compareSettings = (id, settings, mode) => request("POST", `${studyApi(id)}/comparisons`, { body: { of: "settings", settings, mode } });
/** {ehr, lines} */
export const getRecord = (id) => request("GET", `${studyApi(id)}/ehr`);
/** text is JSON as it was typed or read from a file: the server says what is wrong with it. */
export const saveRecord = (id, text) => request("PUT", `${studyApi(id)}/ehr`, { text });
export const removeRecord = (id) => request("DELETE", `${studyApi(id)}/ehr`);
