"""What MIMIC-IV knew of a patient before a chest X-ray, and the discharge codes as targets (doi:10.13026/kpb9-mt58).

Nothing that happened or became known at or after the time of the study may reach the record: measurements need a
``charttime`` before the study and, where the table has one, a ``storetime`` before it too, which is when the value
was filed. Diagnoses are coded after discharge, so only admissions that had ended by then count as history.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
from tqdm import tqdm

from core.datasets.sources.files import read_chunks, read_rows, table_file
from core.datasets.sources.harmonise import sex
from core.datasets.table import DatasetError, Problem, require_columns

_CHUNK_ROWS = 1_000_000
_HINT = "use the table as PhysioNet publishes it."
_AS_TEXT = dict.fromkeys(("icd_code", "icd_version", "value", "valueuom", "gender", "label", "fluid"), str)
_NUMBERS = frozenset({"subject_id", "hadm_id", "stay_id", "itemid"})
_MEASURED = ("study_id", "section", "name", "value", "unit", "charttime")

# Name and unit in the record, by column of the ed tables and by label of d_items.
_HEART, _BREATH, _OXYGEN = ("heart_rate", "bpm"), ("respiratory_rate", "breaths/min"), ("o2_saturation", "%")
_SYSTOLIC, _DIASTOLIC = ("systolic_blood_pressure", "mmHg"), ("diastolic_blood_pressure", "mmHg")
_FAHRENHEIT, _CELSIUS = ("temperature", "F"), ("temperature", "C")
_ED_VITALS = {
    "heartrate": _HEART,
    "resprate": _BREATH,
    "o2sat": _OXYGEN,
    "sbp": _SYSTOLIC,
    "dbp": _DIASTOLIC,
    "temperature": _FAHRENHEIT,
}
_ICU_VITALS = {
    "Heart Rate": _HEART,
    "Respiratory Rate": _BREATH,
    "O2 saturation pulseoxymetry": _OXYGEN,
    "Non Invasive Blood Pressure systolic": _SYSTOLIC,
    "Arterial Blood Pressure systolic": _SYSTOLIC,
    "Non Invasive Blood Pressure diastolic": _DIASTOLIC,
    "Arterial Blood Pressure diastolic": _DIASTOLIC,
    "Temperature Fahrenheit": _FAHRENHEIT,
    "Temperature Celsius": _CELSIUS,
}
_DEVICE, _FLOW = "O2 Delivery Device(s)", "O2 Flow"
_LABS = (
    *("Sodium", "Potassium", "Chloride", "Bicarbonate", "Creatinine", "Urea Nitrogen", "Glucose", "Lactate"),
    *("White Blood Cells", "Hemoglobin", "Platelet Count", "INR(PT)", "Albumin", "C-Reactive Protein", "D-Dimer"),
    *("NTproBNP", "Troponin T", "pH", "pO2", "pCO2"),
)
# Conditions that bear on a chest X-ray, by the beginnings of their ICD-9-CM and ICD-10-CM codes without the dot.
_CHRONIC: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "COPD": (("491", "492", "496"), ("J41", "J42", "J43", "J44")),
    "Asthma": (("493",), ("J45",)),
    "Interstitial lung disease": (("515", "516"), ("J84",)),
    "Pulmonary hypertension": (("4160", "4168"), ("I270", "I272")),
    "Heart failure": (("428",), ("I50",)),
    "Coronary artery disease": (("414",), ("I25",)),
    "Atrial fibrillation": (("42731",), ("I48",)),
    "Hypertension": (("401", "402", "403", "404", "405"), ("I10", "I11", "I12", "I13", "I15")),
    "Diabetes": (("250",), ("E10", "E11", "E13")),
    "Chronic kidney disease": (("585",), ("N18",)),
    "Cirrhosis": (("5712", "5715", "5716"), ("K703", "K74")),
    "Lung cancer": (("162",), ("C34",)),
    "Dementia": (("290", "2941", "3310"), ("F00", "F01", "F02", "F03", "G30")),
    "HIV": (("042",), ("B20",)),
}


def health_records(
    studies: pd.DataFrame, mimic_iv: Path, problems: list[Problem], notes: list[str], *, look_back: pd.Timedelta
) -> pd.DataFrame:
    """Age, sex, record and discharge codes of each study.

    The stay of a study is the admission and the emergency visit that contain it, and an emergency visit that led to
    that admission. Measurements are the last of each kind in the stay before the study, no older than ``look_back``;
    a study outside of any stay has none. Triage has no time of its own and counts from the arrival.

    Args:
        studies: ``study_id``, ``subject_id`` (number) and ``time``, one row per study.
        mimic_iv: folder with ``hosp`` and, where there are such, ``icu`` and ``ed``; each may lie deeper.
        problems: gets an entry for each line that could not be read.
        notes: gets a sentence for each table that is missing.
        look_back: how far before the study measurements are taken from.

    Returns:
        By ``study_id``: ``age``, ``sex``, ``ehr`` (JSON text or None), ``icd_codes`` and ``icd_versions`` (joined by
        ``|``, or None). Ages above 89 are 91 in MIMIC-IV.

    Raises:
        DatasetError: the folder, its patients or admissions, or a column is missing.
    """
    tables = _Tables(mimic_iv, set(studies["subject_id"]), problems, notes)
    patients = tables.read("hosp", "patients", ("subject_id", "gender", "anchor_age", "anchor_year"), required=True)
    studies = studies.merge(patients.drop_duplicates("subject_id"), on="subject_id", how="left")
    passed = studies["time"].dt.year - pd.to_numeric(studies["anchor_year"], errors="coerce")
    studies["age"] = pd.to_numeric(studies["anchor_age"], errors="coerce") + passed
    studies["sex"] = studies["gender"].map(sex)

    admissions = tables.read("hosp", "admissions", ("subject_id", "hadm_id", "admittime", "dischtime"), required=True)
    admissions = _with_times(admissions, "admittime", "dischtime")
    visits = _with_times(
        tables.read("ed", "edstays", ("subject_id", "hadm_id", "stay_id", "intime", "outtime")), "intime", "outtime"
    )
    studies = _with_stay(studies, admissions, visits)
    windows = studies[["study_id", "subject_id", "time", "stay_start"]].dropna(subset="stay_start")
    windows = windows.assign(start=windows["stay_start"].clip(lower=windows["time"] - look_back))

    measured = pd.concat(
        [_ed_vitals(tables, windows, visits), _icu_events(tables, windows), _labs(tables, windows)], ignore_index=True
    )
    measured = _last(measured)
    codes = tables.read("hosp", "diagnoses_icd", ("subject_id", "hadm_id", "seq_num", "icd_code", "icd_version"))
    history = _history(studies, admissions, codes)
    sections = _sections(measured)
    studies["ehr"] = [
        _record(age, gender, sections.get(study, {}), history.get(study, []))
        for study, age, gender in zip(studies["study_id"], studies["age"], studies["sex"], strict=True)
    ]
    records = studies.set_index("study_id")[["age", "sex", "ehr"]]
    return records.join(_targets(studies, codes))


class _Tables:
    """The tables of MIMIC-IV, cut down to some subjects while they are read."""

    def __init__(self, root: Path, subjects: set[int], problems: list[Problem], notes: list[str]) -> None:
        if not root.is_dir():
            raise DatasetError(f"There is no folder {root}: give the folder of MIMIC-IV, or leave it out.")
        self._root = root
        self._subjects = subjects
        self._problems = problems
        self._notes = notes

    def path(self, module: str, name: str) -> Path | None:
        """Where the table is: the modules of MIMIC-IV are published apart and may lie in folders of their own."""
        folders = [
            self._root / module,
            *sorted(self._root.glob(f"*/{module}")),
            *sorted(self._root.glob(f"*/*/{module}")),
        ]
        return next((path for folder in folders if (path := table_file(folder, name))), None)

    def read(self, module: str, name: str, columns: tuple[str, ...], *, required: bool = False) -> pd.DataFrame:
        """The subjects' rows of a table; without rows where it is missing, unless it is required."""
        chunks = list(self.chunks(module, name, columns))
        if required and not chunks:
            raise DatasetError(
                f"No {module}/{name}.csv.gz under {self._root}: give the folder of MIMIC-IV that has {module}."
            )
        return pd.concat(chunks, ignore_index=True) if chunks else pd.DataFrame(columns=list(columns))

    def chunks(self, module: str, name: str, columns: tuple[str, ...]) -> Iterator[pd.DataFrame]:
        """The subjects' rows of a table, a part at a time: labevents and chartevents exceed the memory."""
        path = self.path(module, name)
        if path is None:
            self._notes.append(f"There is no {module}/{name}.csv.gz in {self._root}; what it holds is left out.")
            return
        require_columns(read_rows(path, [], nrows=0).columns, columns, file=path, hint=_HINT)
        # "None" is a value of the oxygen device, and codes begin with zeros.
        options = {"dtype": _AS_TEXT, "keep_default_na": False, "na_values": [""], "low_memory": False}
        chunks = read_chunks(path, self._problems, rows=_CHUNK_ROWS, usecols=list(columns), **options)
        for chunk in tqdm(chunks, desc=f"Reading {module}/{name}", unit=" million rows", disable=None):
            for identifier in _NUMBERS & set(columns):
                chunk[identifier] = pd.to_numeric(chunk[identifier], errors="coerce")
            yield chunk[chunk["subject_id"].isin(self._subjects)] if "subject_id" in columns else chunk


def _with_times(table: pd.DataFrame, *columns: str) -> pd.DataFrame:
    return table.assign(**{name: pd.to_datetime(table[name], errors="coerce") for name in columns})


def _with_stay(studies: pd.DataFrame, admissions: pd.DataFrame, visits: pd.DataFrame) -> pd.DataFrame:
    """Add ``hadm_id`` of the admission around the study and ``stay_start``, both empty outside of a stay.

    The admission of a study in the emergency department is the one that the visit led to.
    """
    known = studies[["study_id", "subject_id", "time"]]
    around = known.merge(admissions, on="subject_id")
    around = around[(around["admittime"] <= around["time"]) & (around["time"] <= around["dischtime"])]
    emergency = known.merge(visits, on="subject_id")
    emergency = emergency[(emergency["intime"] <= emergency["time"]) & (emergency["time"] <= emergency["outtime"])]
    both = pd.concat([around, emergency], ignore_index=True)
    admission = both.dropna(subset="hadm_id").drop_duplicates("study_id").set_index("study_id")["hadm_id"]
    studies = studies.assign(hadm_id=studies["study_id"].map(admission))

    led_here = studies[["study_id", "time", "hadm_id"]].dropna().merge(visits, on="hadm_id")
    led_here = led_here[led_here["intime"] <= led_here["time"]]
    begun = pd.concat(
        [around[["study_id", "admittime"]].rename(columns={"admittime": "start"})]
        + [frame[["study_id", "intime"]].rename(columns={"intime": "start"}) for frame in (emergency, led_here)]
    )
    start = pd.to_datetime(begun["start"]).groupby(begun["study_id"]).min()
    return studies.join(start.rename("stay_start"), on="study_id")


def _in_window(events: pd.DataFrame, windows: pd.DataFrame) -> pd.DataFrame:
    """The last event of each kind for each study among those that were there and known before it.

    Args:
        events: ``subject_id, section, name, value, unit, charttime, storetime``.
        windows: ``study_id, subject_id, start, time``.
    """
    events = _with_times(events, "charttime", "storetime")
    joined = events.merge(windows[["study_id", "subject_id", "start", "time"]], on="subject_id")
    in_time = (joined["start"] <= joined["charttime"]) & (joined["charttime"] < joined["time"])
    return _last(joined[in_time & (joined["storetime"] < joined["time"]) & joined["value"].notna()][list(_MEASURED)])


def _last(measured: pd.DataFrame) -> pd.DataFrame:
    return measured.sort_values("charttime", kind="stable").drop_duplicates(
        ["study_id", "section", "name"], keep="last"
    )


def _ed_vitals(tables: _Tables, windows: pd.DataFrame, visits: pd.DataFrame) -> pd.DataFrame:
    signs = tables.read("ed", "vitalsign", ("subject_id", "charttime", *_ED_VITALS))
    triage = tables.read("ed", "triage", ("subject_id", "stay_id", *_ED_VITALS))
    arrivals = visits[["stay_id", "intime"]].dropna().drop_duplicates("stay_id")
    triage = triage.merge(arrivals.rename(columns={"intime": "charttime"}), on="stay_id")
    found = []
    for table in (signs, triage):
        for column, (name, unit) in _ED_VITALS.items():
            values = pd.to_numeric(table[column], errors="coerce")
            # The column has no unit: Fahrenheit by its description, but some visits were charted in Celsius.
            units = values.lt(50).map({True: "C", False: "F"}) if name == "temperature" else unit
            events = pd.DataFrame(
                {
                    "subject_id": table["subject_id"],
                    "section": "Vitals",
                    "name": name,
                    "value": values,
                    "unit": units,
                    "charttime": table["charttime"],
                    "storetime": table["charttime"],
                }
            )
            found.append(_in_window(events, windows))
    return pd.concat(found, ignore_index=True)


def _icu_events(tables: _Tables, windows: pd.DataFrame) -> pd.DataFrame:
    kinds = {label: ("Vitals", *name) for label, name in _ICU_VITALS.items()}
    kinds |= {_DEVICE: ("O2", "device", ""), _FLOW: ("O2", "flow", "L")}
    items = tables.read("icu", "d_items", ("itemid", "label"))
    kind_of = {
        item: kinds[label] for item, label in zip(items["itemid"], items["label"], strict=True) if label in kinds
    }
    found = [pd.DataFrame(columns=list(_MEASURED))]
    columns = ("subject_id", "charttime", "storetime", "itemid", "value", "valuenum")
    for chunk in tables.chunks("icu", "chartevents", columns) if kind_of else ():
        events = chunk[chunk["itemid"].isin(list(kind_of))]
        described = pd.DataFrame(
            [kind_of[item] for item in events["itemid"]], columns=["section", "name", "unit"], index=events.index
        )
        numbers = pd.to_numeric(events["valuenum"], errors="coerce").astype(object)
        values = numbers.mask(described["name"] == "device", events["value"].astype(object))
        found.append(_in_window(events.drop(columns="value").join(described).assign(value=values), windows))
    return pd.concat([frame for frame in found if len(frame)] or found[:1], ignore_index=True)


def _labs(tables: _Tables, windows: pd.DataFrame) -> pd.DataFrame:
    items = tables.read("hosp", "d_labitems", ("itemid", "label", "fluid"))
    items = items[items["label"].isin(list(_LABS)) & items["fluid"].eq("Blood")]
    label_of = dict(zip(items["itemid"], items["label"], strict=True))
    found = [pd.DataFrame(columns=list(_MEASURED))]
    columns = ("subject_id", "itemid", "charttime", "storetime", "valuenum", "valueuom")
    for chunk in tables.chunks("hosp", "labevents", columns) if label_of else ():
        events = chunk[chunk["itemid"].isin(list(label_of))]
        values = pd.to_numeric(events["valuenum"], errors="coerce").astype(object)
        names = events["itemid"].map(label_of)
        units = events["valueuom"].fillna("")
        found.append(_in_window(events.assign(section="Labs", name=names, value=values, unit=units), windows))
    return pd.concat([frame for frame in found if len(frame)] or found[:1], ignore_index=True)


def _history(studies: pd.DataFrame, admissions: pd.DataFrame, codes: pd.DataFrame) -> dict[str, list[str]]:
    """Chronic conditions by study, from admissions that had ended before it."""
    ended = studies[["study_id", "subject_id", "time"]].merge(admissions, on="subject_id")
    ended = ended[ended["dischtime"] < ended["time"]][["study_id", "hadm_id"]]
    kinds = codes[["icd_code", "icd_version"]].drop_duplicates()
    named = [
        (code, version, condition)
        for code, version in zip(kinds["icd_code"], kinds["icd_version"], strict=True)
        for condition in _conditions(str(code), str(version))
    ]
    conditions = pd.DataFrame(named, columns=["icd_code", "icd_version", "condition"])
    coded = codes[["hadm_id", "icd_code", "icd_version"]].merge(conditions, on=["icd_code", "icd_version"])
    known = ended.merge(coded, on="hadm_id")
    return {str(study): sorted(set(names)) for study, names in known.groupby("study_id")["condition"]}


def _conditions(code: str, version: str) -> list[str]:
    return [name for name, (nine, ten) in _CHRONIC.items() if code.startswith(nine if version == "9" else ten)]


def _targets(studies: pd.DataFrame, codes: pd.DataFrame) -> pd.DataFrame:
    """``icd_codes`` and ``icd_versions`` by study, in the order of their weight."""
    codes = codes.dropna(subset=["hadm_id", "icd_code"]).assign(
        seq_num=pd.to_numeric(codes["seq_num"], errors="coerce"),
        icd_code=codes["icd_code"].str.strip(),
        icd_version=codes["icd_version"].str.strip(),
    )
    joined = studies[["study_id", "hadm_id"]].dropna().merge(codes, on="hadm_id").sort_values("seq_num", kind="stable")
    grouped = joined.groupby("study_id", sort=False)
    return pd.DataFrame(
        {"icd_codes": grouped["icd_code"].agg("|".join), "icd_versions": grouped["icd_version"].agg("|".join)}
    )


def _sections(measured: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """``Vitals``, ``Labs`` and ``O2_device`` of each study."""
    sections: dict[str, dict[str, Any]] = {}
    oxygen: dict[str, dict[str, tuple[Any, Any]]] = {}
    # Plain loops: a hundred thousand small tables would take minutes.
    for study, section, name, value, unit, time in measured.sort_values("name")[list(_MEASURED)].itertuples(
        index=False
    ):
        if section == "O2":
            oxygen.setdefault(study, {})[name] = (value, time)
        else:
            part = sections.setdefault(study, {}).setdefault(section, {})
            part[name] = {"value": _number(value), "unit": unit}
    for study, parts in oxygen.items():
        if device := _oxygen(parts):
            sections.setdefault(study, {})["O2_device"] = device
    return sections


def _oxygen(parts: dict[str, tuple[Any, Any]]) -> str | None:
    """Such as ``Nasal cannula 2 L``; a flow counts only where it was charted together with the device."""
    if "device" not in parts:
        return None
    device, charted = parts["device"]
    if device == "None":
        return "Room air"
    if "flow" in parts and parts["flow"][1] == charted:
        return f"{device} {_number(parts['flow'][0])} L"
    return str(device)


def _record(age: float, gender: str | None, measured: dict[str, Any], conditions: list[str]) -> str | None:
    """The record as JSON text in the form that the application takes; None where nothing is known."""
    record: dict[str, Any] = {}
    if pd.notna(age):
        record["Age"] = int(age)
    if isinstance(gender, str):
        record["Sex"] = gender
    record |= {name: measured[name] for name in ("Vitals", "Labs", "O2_device") if name in measured}
    if conditions:
        record["Chronic_conditions"] = conditions
    return json.dumps(record) if record else None


def _number(value: Any) -> int | float:
    number = round(float(value), 3)
    return int(number) if number.is_integer() else number
