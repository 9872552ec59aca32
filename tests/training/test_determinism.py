"""What cannot be deterministic is refused, and the process is left as it was."""

from __future__ import annotations

import torch
from pytest import mark, raises

from calame.recipe.errors import UserError
from calame.training.determinism import deterministic


@mark.parametrize("wanted", (True, False))
def test_it_holds_within_and_not_after(wanted: bool) -> None:
    with deterministic(wanted):
        assert torch.are_deterministic_algorithms_enabled() == wanted
    assert not torch.are_deterministic_algorithms_enabled()


def test_an_operation_without_such_a_form_is_named() -> None:
    said = "put_ does not have a deterministic implementation, but you set 'torch.use_deterministic_algorithms(True)'"
    with raises(UserError) as caught, deterministic(True):
        raise RuntimeError(said)
    assert "put_ does not have" in str(caught.value) and "execution.deterministic=false" in str(caught.value)
    assert not torch.are_deterministic_algorithms_enabled()


def test_another_error_stays_what_it_is() -> None:
    with raises(RuntimeError, match="out of cheese"), deterministic(True):
        raise RuntimeError("out of cheese")
