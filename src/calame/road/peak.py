"""What the device that is about to train could do, for the share of it that is used (MFU)."""

from __future__ import annotations

from calame.recipe.schema import Recipe


def peak(recipe: Recipe) -> float | None:
    """Peak FLOP/s of the device that is about to be used, or None (said aloud) where it is not known."""
    from calame.model.device import choose_device
    from calame.planning.hardware import find_card, why_no_peak
    from calame.run.progress import say

    device = choose_device(recipe.execution.device, recipe.pretrain.precision)
    if device.torch.type != "cuda":
        return None
    card = find_card(device.name)
    if card is None:
        where = "add it with its dense bf16 peak to CARDS in calame/planning/hardware.py, as docs/hardware.md says"
        say(f"  {why_no_peak(device.name)}: no MFU; {where}")
    elif card.peak is None:
        say(f"  {why_no_peak(device.name)}: no MFU, which is a share of the bf16 peak")
    return card.peak if card else None
