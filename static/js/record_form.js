// The fields of a typed health record, to the record's JSON and back.

import { ApiError } from "./api.js";

const VITALS = { heart_rate: "bpm", respiratory_rate: "/min", o2_saturation: "%", systolic_blood_pressure: "mmHg", diastolic_blood_pressure: "mmHg" };
const LAB = /^(.*?\S)[\s:]+([<>]?\s*-?\d[\d.]*)\s*(\S.*)?$/;

export function recordOf(form) {
  const text = (name) => form.elements[name].value.trim();
  const vitals = Object.entries(VITALS).filter(([name]) => text(name)).map(([name, unit]) => [name, { value: Number(text(name)), unit }]);
  return {
    Age: text("age"),
    Sex: text("sex"),
    Vitals: Object.fromEntries(vitals),
    Labs: Object.fromEntries(lines(text("labs")).map(lab)),
    O2_device: text("o2_device"),
    Chronic_conditions: text("conditions").split(/[,;\n]/).map((one) => one.trim()).filter(Boolean),
  };
}

export function fillForm(form, record) {
  const values = { age: record.Age ?? "", sex: record.Sex ?? "", o2_device: record.O2_device ?? "" };
  for (const name of Object.keys(VITALS)) values[name] = record.Vitals?.[name]?.value ?? "";
  values.labs = Object.entries(record.Labs ?? {}).map(([name, { value, unit }]) => [name, value, unit].filter((part) => part !== undefined).join(" ")).join("\n");
  values.conditions = (record.Chronic_conditions ?? []).join(", ");
  for (const [name, value] of Object.entries(values)) form.elements[name].value = value;
}

function lab(line) {
  const found = LAB.exec(line);
  if (!found) throw new ApiError(`The laboratory value "${line}" should be a name, a number and a unit, such as "Creatinine 1.2 mg/dL".`);
  const [, name, value, unit] = found;
  const number = Number(value);
  return [name, { value: Number.isNaN(number) ? value : number, ...(unit && { unit }) }];
}

const lines = (text) => text.split("\n").map((line) => line.trim()).filter(Boolean);
