"""Whether the hub can read a card: its header, through the hub's own classes and lists, without a network."""

from __future__ import annotations

import re
from pathlib import Path

import yaml
from huggingface_hub import ModelCard

from calame.release.licences import table

PAGE = "README.md"
LANGUAGE = re.compile(r"^([a-z]{2,3}|code|multilingual)$")
LICENCES = {"unknown", "other", *(row.id for row in table())}


def card_faults(folder: Path) -> list[str]:
    """What is wrong with the header of the page that the hub reads."""
    page = folder / PAGE
    if not page.is_file():
        return [f"{PAGE}: missing"]
    try:
        data = ModelCard(page.read_text(encoding="utf-8")).data.to_dict()
    except (ValueError, yaml.YAMLError) as error:
        return [f"{PAGE}: the header cannot be read: {' '.join(str(error).split())[:200]}"]
    faults = [f"{PAGE}: language {code!r} is no code" for code in data.get("language", []) if not LANGUAGE.match(code)]
    if "license" not in data:
        faults.append(f"{PAGE}: the header names no license")
    elif data["license"] not in LICENCES:
        faults.append(f"{PAGE}: license {data['license']!r} is none of the hub's")
    if data.get("license") == "other" and not data.get("license_name"):
        faults.append(f"{PAGE}: license other needs license_name")
    for result in (data.get("model-index") or [{}])[0].get("results", []):
        for metric in result["metrics"]:
            if not isinstance(metric["value"], int | float):
                faults.append(f"{PAGE}: {metric['type']} of {result['dataset']['name']} is no number")
    emissions = data.get("co2_eq_emissions")
    if emissions and not isinstance(emissions.get("emissions"), int | float):
        faults.append(f"{PAGE}: co2_eq_emissions without grams")
    return faults
