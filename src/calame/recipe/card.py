"""What a model card says beyond what was measured: who made it, what the machine cost. It enters no fingerprint."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from calame.recipe.section import CURRENCY, HUB, Language, Section

Hub = Annotated[str, StringConstraints(pattern=HUB)]
Currency = Annotated[str, StringConstraints(pattern=CURRENCY)]


class Card(Section):
    """All of it is the author's word, and the card says so."""

    authors: list[str] = Field(default=[], description="named in the citation")
    hub: Hub | None = Field(default=None, description="OWNER/NAME on the Hugging Face hub, for links and commands")
    license: str | None = Field(
        default=None, description="of the weights; left out: the most restrictive one of the data"
    )
    price: Annotated[float, Field(ge=0)] | None = Field(default=None, description="of an hour of the machine")
    currency: Currency = Field(default="EUR", description="of the price")
    carbon: Annotated[float, Field(ge=0)] | None = Field(
        default=None, description="grams of CO2 equivalent a kWh of the electricity that was used"
    )
    carbon_source: str = Field(default="", description="who says so")
    region: str = Field(default="", description="country or region where it was trained")
    thanks: dict[Language, str] = Field(default={}, description="acknowledgements, by language of the card")
