// The interface of reviews as functions. A 409 carries the review as it stands in error.answer.review.

import { request, studyApi } from "../api.js";

export const getReview = (id) => request("GET", `${studyApi(id)}/review`);
export const saveReview = (id, body, { keepalive } = {}) => request("PUT", `${studyApi(id)}/review`, { body, keepalive });
export const signReview = (id, body) => request("POST", `${studyApi(id)}/review/sign`, { body });
export const reopenReview = (id, body) => request("POST", `${studyApi(id)}/review/reopen`, { body });
export const checkText = async (id, text) => (await request("POST", `${studyApi(id)}/review/check`, { body: { text } })).notes;
export const getVersions = async (id) => (await request("GET", `${studyApi(id)}/review/versions`)).versions;
export const recordUrl = (id) => `${studyApi(id)}/record.json`;

export const SECTIONS = [["findings", "Findings"], ["impression", "Impression"]];
export const written = (report) => ({ findings: report.findings, impression: report.impression });
export const sameText = (a, b) => a.findings === b.findings && a.impression === b.impression;
