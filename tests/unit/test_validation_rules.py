"""What a row asks for about validation, and what is refused with the column and the cure."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from sqltune.backends.options import check_validation
from sqltune.errors import ConfigError, DataError
from sqltune.planning.adapter_rules import check_adapter
from tests.unit.made_records import ADAPTER

LOCAL = replace(ADAPTER, backend="local")
GRADIENT = replace(ADAPTER, backend="gradient")


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, None])
def test_a_share_up_to_a_half_is_allowed(share: float | None) -> None:
    check_adapter(replace(LOCAL, validation_share=share, early_stop_patience=1, keep_epochs=True))


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("validation_share", 0.7),
        ("validation_share", -0.1),
        ("validation_share", math.nan),
        ("validation_share", math.inf),
        ("validation_share", "a tenth"),
        ("early_stop_patience", 0),
        ("early_stop_patience", -1),
        ("early_stop_patience", 1.5),
        ("early_stop_patience", "two"),
    ],
)
def test_a_wrong_value_is_refused_with_its_column(column: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=f"adapters.{column} of 'office'") as caught:
        check_adapter(replace(LOCAL, **{column: value}))
    assert repr(value) in str(caught.value)


@pytest.mark.parametrize(
    ("column", "value"),
    [("validation_share", 0.1), ("early_stop_patience", 2), ("keep_epochs", True)],
)
def test_a_backend_that_cannot_measure_refuses_what_needs_it(column: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=f"adapters.{column}"):
        check_adapter(replace(GRADIENT, **{column: value}))


def test_patience_without_validation_samples_is_refused_with_the_cure() -> None:
    patient = replace(LOCAL, early_stop_patience=2)
    with pytest.raises(ConfigError, match="none of its samples is for validation") as caught:
        check_validation(patient, 0)
    for part in ("adapters.early_stop_patience of 'office' is 2", "validation_share", "NULL"):
        assert part in str(caught.value)
    check_validation(patient, 1)
    check_validation(LOCAL, 0)


def test_validation_samples_are_refused_where_nothing_measures_them() -> None:
    with pytest.raises(DataError, match="3 samples of 'office'") as caught:
        check_validation(GRADIENT, 3)
    assert (caught.value.code, caught.value.column) == ("cannot_validate", "split")
