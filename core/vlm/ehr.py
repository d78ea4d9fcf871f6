"""Health records as JSON: age, sex, vitals, laboratory values, oxygen device, chronic conditions."""

import json
import math
import random
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from core.errors import ChestLensError
from core.plain_text import printable

_FIELDS = ("Age", "Sex", "Vitals", "Labs", "O2_device", "Chronic_conditions")
_GROUPS = ("Vitals", "Labs")
_SEXES = {"m": "M", "male": "M", "f": "F", "female": "F", "other": "other", "unknown": "unknown"}
# What a living adult or child may have; a value outside is a slip of the hand or of the unit.
_PLAUSIBLE = {
    "heart_rate": (15, 350),
    "respiratory_rate": (2, 120),
    "o2_saturation": (20, 100),
    "systolic_blood_pressure": (20, 350),
    "diastolic_blood_pressure": (10, 250),
    "temperature": (20, 115),  # in either scale
}
# What an invented patient of the training records may have; values are within what wards see.
_DRAWN_VITALS = {"heart_rate": (50, 130, "bpm"), "respiratory_rate": (10, 32, "/min"), "o2_saturation": (84, 100, "%")}
_DRAWN_LABS = {
    "White Blood Cells": (3.0, 22.0, "K/uL"),
    "Hemoglobin": (7.0, 17.0, "g/dL"),
    "Creatinine": (0.5, 4.0, "mg/dL"),
    "NTproBNP": (20.0, 9000.0, "pg/mL"),
    "Lactate": (0.5, 6.0, "mmol/L"),
}
_DRAWN_DEVICES = ("room air", "nasal cannula", "face mask", "high flow nasal cannula", "mechanical ventilation")
_DRAWN_CONDITIONS = ("COPD", "heart failure", "diabetes", "hypertension", "asthma", "chronic kidney disease")
_LONGEST = 200
_MOST = 200


class EhrError(ChestLensError):
    """The health record is not as it should be; the message says what was expected."""

    code = "bad_ehr"


def read_ehr(source: str | Path | Mapping[str, Any]) -> dict[str, Any]:
    """A health record from JSON text, from a file, or as it is, in one form.

    Args:
        source: an object with any of ``Age`` (years), ``Sex``, ``Vitals`` and ``Labs`` (a value, or ``{"value",
            "unit"}``, by name), ``O2_device`` and ``Chronic_conditions`` (a list), in any case. Other fields are passed
            over.

    Returns:
        The known fields; ``Age`` as a number, ``Sex`` as M, F, other or unknown, each measurement as ``{"value",
        "unit"}``. What has no value is left out.

    Raises:
        EhrError: it is no such object, or a field has a value that cannot be meant.
    """
    try:
        if isinstance(source, Path):
            source = source.read_text(encoding="utf-8-sig")
        record = json.loads(source.removeprefix("\ufeff")) if isinstance(source, str) else dict(source)
    except FileNotFoundError:
        raise EhrError(f"The health record {source} does not exist.") from None
    except OSError as error:
        raise EhrError(f"The health record {source} cannot be read: {error.strerror}.") from None
    except RecursionError:
        raise EhrError("The health record is nested too deeply.") from None
    except UnicodeDecodeError:
        raise EhrError("The health record is not JSON: it is no text in UTF-8.") from None
    except json.JSONDecodeError as error:
        raise EhrError(f"The health record is not JSON: {error}.") from None
    except (ValueError, TypeError):
        raise EhrError("The health record is not JSON: it has a number of thousands of digits.") from None
    known = {name.lower(): name for name in _FIELDS}
    if isinstance(record, dict):
        record = {known[str(name).lower()]: value for name, value in record.items() if str(name).lower() in known}
    if not isinstance(record, dict) or not record:
        raise EhrError(f"A health record is a JSON object with any of {', '.join(_FIELDS)}.")
    checked = {name: _CHECKS[name](record[name]) for name in _FIELDS if record.get(name) not in (None, "", [], {})}
    return {name: value for name, value in checked.items() if value not in (None, "", [], {})}


def in_one_line(record: Mapping[str, Any]) -> str:
    """The record as one line of a prompt; what is missing is left out."""
    return "; ".join(lines_of(record))


def lines_of(record: Mapping[str, Any]) -> list[str]:
    """What a record says, fact by fact, as it is shown to people and models."""
    parts = [f"{name.lower()} {record[name]}" for name in ("Age", "Sex") if record.get(name) is not None]
    for group in _GROUPS:
        for name, entry in (record.get(group) or {}).items():
            value, unit = (entry.get("value"), entry.get("unit")) if isinstance(entry, Mapping) else (entry, None)
            if value is not None:
                parts.append(f"{name.replace('_', ' ')} {value}{f' {unit}' if unit else ''}")
    if record.get("O2_device"):
        parts.append(f"oxygen: {record['O2_device']}")
    if conditions := record.get("Chronic_conditions"):
        parts.append(f"chronic: {', '.join(map(str, conditions))}")
    return parts


def invented_record(draw: random.Random, *, labs: bool = False) -> dict[str, Any]:
    """A synthetic record, drawn at random: no patient has it, and nothing in it fits any image.

    It lets a writer in training learn to let no history into a report of an image, and lets a curriculum be tried
    where no hospital's records are at hand.

    Args:
        draw: of the values.
        labs: whether laboratory values and an oxygen device are drawn too.
    """
    record: dict[str, Any] = {
        "Age": draw.randint(18, 95),
        "Sex": draw.choice("MF"),
        "Vitals": {
            name: {"value": draw.randint(low, high), "unit": unit}
            for name, (low, high, unit) in _DRAWN_VITALS.items()
            if draw.random() < 0.6
        },
        "Chronic_conditions": draw.sample(_DRAWN_CONDITIONS, draw.randint(0, 2)),
    }
    if labs:
        record["Labs"] = {
            name: {"value": round(draw.uniform(low, high), 1), "unit": unit}
            for name, (low, high, unit) in _DRAWN_LABS.items()
            if draw.random() < 0.6
        }
        record["O2_device"] = draw.choice(_DRAWN_DEVICES)
    return record


def _age(value: Any) -> int | float:
    number = _number(value)
    if number is None or not 0 <= number <= 130:
        raise EhrError(f"The health record's Age is {_shown(value)}; it should be a number of years from 0 to 130.")
    return int(number) if number == int(number) else number


def _sex(value: Any) -> str:
    word = str(value).strip().lower()
    if word not in _SEXES:
        raise EhrError(f"The health record's Sex is {_shown(value)}; it should be M, F, other or unknown.")
    return _SEXES[word]


def _vitals(value: Any) -> dict[str, Any]:
    found = dict(_measurements("Vitals", value))
    for name, entry in found.items():
        if name.lower() not in _PLAUSIBLE:
            continue
        low, high = _PLAUSIBLE[name.lower()]
        number = _number(entry["value"])
        if number is None or not low <= number <= high:
            raise EhrError(
                f"The health record's {name.replace('_', ' ')} is {_shown(entry['value'])}; it should be a number "
                f"between {low} and {high}."
            )
    return found


def _labs(value: Any) -> dict[str, Any]:
    return dict(_measurements("Labs", value))


def _measurements(group: str, value: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    if not isinstance(value, Mapping):
        raise EhrError(f"The health record's {group} should be an object of values by name, not {_shown(value)}.")
    if len(value) > _MOST:
        raise EhrError(f"The health record has {len(value):,} {group}; it may have {_MOST}.")
    for name, entry in value.items():
        given = entry.get("value") if isinstance(entry, Mapping) else entry
        unit = entry.get("unit") if isinstance(entry, Mapping) else None
        if given is None or given == "":
            continue
        is_number = isinstance(given, int | float) and not isinstance(given, bool) and math.isfinite(given)
        if not (is_number or _is_short(given)):
            raise EhrError(f"The health record's {_shown(name)} is {_shown(given)}; it should be a number or a word.")
        if not (unit is None or _is_short(unit)) or not _is_short(name):
            raise EhrError(f"The health record's {_shown(name)} has the unit {_shown(unit)}; both should be words.")
        yield _line(name), {"value": given if is_number else _line(given)} | ({"unit": _line(unit)} if unit else {})


def _device(value: Any) -> str:
    if not _is_short(value):
        raise EhrError(f"The health record's O2_device is {_shown(value)}; it should be a name.")
    return _line(value)


def _conditions(value: Any) -> list[str]:
    given = [value] if isinstance(value, str) else value
    if not isinstance(given, list) or len(given) > _MOST or not all(map(_is_short, given)):
        raise EhrError(
            f"The health record's Chronic_conditions are {_shown(value)}; they should be a list of names, {_MOST} at "
            "most."
        )
    return [line for one in given if (line := _line(one))]


_CHECKS = {
    "Age": _age,
    "Sex": _sex,
    "Vitals": _vitals,
    "Labs": _labs,
    "O2_device": _device,
    "Chronic_conditions": _conditions,
}


def _number(value: Any) -> float | None:
    """The value as a finite number, None for anything else."""
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) and not isinstance(value, bool) else None


def _is_short(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= _LONGEST


def _line(text: str) -> str:
    """One line that can be shown, stored and put into a prompt."""
    return " ".join(printable(text, instead=" ").split())


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
