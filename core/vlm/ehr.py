"""Health records as JSON: age, sex, vitals, laboratory values, oxygen device, chronic conditions."""

import json
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core.errors import ChestLensError

_FIELDS = ("Age", "Sex", "Vitals", "Labs", "O2_device", "Chronic_conditions")
# What an invented patient of the training records may have; values are within what wards see.
_DRAWN_VITALS = {"heart_rate": (50, 130, "bpm"), "respiratory_rate": (10, 32, "/min"), "o2_saturation": (84, 100, "%")}
_DRAWN_CONDITIONS = ("COPD", "heart failure", "diabetes", "hypertension", "asthma", "chronic kidney disease")


class EhrError(ChestLensError):
    """The health record is not as it should be; the message says what was expected."""


def read_ehr(source: str | Path | Mapping[str, Any]) -> dict[str, Any]:
    """A health record from JSON text, from a file, or as it is.

    Raises:
        EhrError: it is no JSON object, has none of the fields known here, or one that holds something else than it
            should.
    """
    try:
        if isinstance(source, Path):
            source = source.read_text(encoding="utf-8")
        record = json.loads(source) if isinstance(source, str) else dict(source)
    except FileNotFoundError:
        raise EhrError(f"{source} does not exist.") from None
    except RecursionError:
        raise EhrError("The health record is nested too deeply; give its fields as they are documented.") from None
    except (ValueError, UnicodeDecodeError) as error:
        raise EhrError(f"The health record is not JSON: {error}.") from None
    if not isinstance(record, dict) or not set(record) & set(_FIELDS):
        raise EhrError(f"A health record is a JSON object with any of {', '.join(_FIELDS)}.")
    _check_fields(record)
    return record


def _check_fields(record: Mapping[str, Any]) -> None:
    for name in ("Age", "Sex", "O2_device"):
        if not _is_value(record.get(name)):
            raise EhrError(f"{name} of the health record should be text or a number.")
    for group in ("Vitals", "Labs"):
        entries = record.get(group) or {}
        if not isinstance(entries, Mapping):
            raise EhrError(f"{group} of the health record should be an object with a name for each value.")
        for name, entry in entries.items():
            parts = (entry.get("value"), entry.get("unit")) if isinstance(entry, Mapping) else (entry,)
            if not all(map(_is_value, parts)):
                raise EhrError(f"{name} in {group} should be a value, or an object with value and unit.")
    conditions = record.get("Chronic_conditions") or []
    if not isinstance(conditions, list | tuple) or not all(map(_is_value, conditions)):
        raise EhrError("Chronic_conditions of the health record should be a list of texts.")


def _is_value(value: Any) -> bool:
    return value is None or isinstance(value, str | int | float)


def in_one_line(record: Mapping[str, Any]) -> str:
    """The record as one line of a prompt; what is missing is left out."""
    parts = [f"{name.lower()} {record[name]}" for name in ("Age", "Sex") if record.get(name) is not None]
    for group in ("Vitals", "Labs"):
        for name, entry in (record.get(group) or {}).items():
            value, unit = (entry.get("value"), entry.get("unit")) if isinstance(entry, Mapping) else (entry, None)
            if value is not None:
                parts.append(f"{name.replace('_', ' ')} {value}{f' {unit}' if unit else ''}")
    if record.get("O2_device"):
        parts.append(f"oxygen: {record['O2_device']}")
    if conditions := record.get("Chronic_conditions"):
        parts.append(f"chronic: {', '.join(map(str, conditions))}")
    return "; ".join(parts)


def invented_record(draw: random.Random) -> dict[str, Any]:
    """A record at random, so that a writer in training learns to let no history into a report of an image."""
    return {
        "Age": draw.randint(18, 95),
        "Sex": draw.choice("MF"),
        "Vitals": {
            name: {"value": draw.randint(low, high), "unit": unit}
            for name, (low, high, unit) in _DRAWN_VITALS.items()
            if draw.random() < 0.6
        },
        "Chronic_conditions": draw.sample(_DRAWN_CONDITIONS, draw.randint(0, 2)),
    }
