"""Asked whatever the interface's own document allows, and much that it does not, the server never fails."""

from __future__ import annotations

from collections import Counter
from typing import Any

import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pytest import mark
from schemathesis import GenerationMode

from builders import decoder_of, loaded_of
from serving import serving

EXAMPLES = 150  # of each path and of each kind


@mark.slow
def test_no_request_makes_it_fail() -> None:
    statuses: Counter[str] = Counter()
    with serving(loaded_of(decoder_of(max_position_embeddings=100)), seconds=20.0) as site:
        schema = schemathesis.openapi.from_url(f"{site.url}/openapi.json")
        operations = [found.ok() for found in schema.get_all_operations()]
        assert len(operations) == 5
        for operation in operations:
            modes = GenerationMode if operation.method == "post" else (GenerationMode.POSITIVE,)
            for mode in modes:
                _ask(operation, mode, site.url, statuses)
        assert site.ask("GET", "/health")[0] == 200
    assert not [status for status in statuses if status.startswith("5")], statuses
    assert statuses["200"] and statuses["400"] > EXAMPLES / 2, statuses


def _ask(operation: Any, mode: GenerationMode, url: str, statuses: Counter[str]) -> None:
    @given(case=operation.as_strategy(generation_mode=mode), known=st.booleans())
    @settings(
        max_examples=EXAMPLES,
        phases=[Phase.generate],
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    def ask(case: Any, known: bool) -> None:
        if known and isinstance(case.body, dict):  # a model that is there: else most end at its name
            case.body["model"] = "essai"
        response = case.call(base_url=url)
        assert response.status_code < 500, response.text
        statuses[str(response.status_code)] += 1

    ask()
