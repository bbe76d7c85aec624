"""What metals cost and how rare they are, so that a screening can weigh it; each table may be replaced.

| table | unit | source |
|---|---|---|
| `PRICES` | US dollars a kilogram | averages of 2022, rounded: USGS, Mineral Commodity Summaries 2023 |
| `ABUNDANCE` | mg a kilogram of the Earth's crust | CRC Handbook of Chemistry and Physics, 97th edition, section 14 |
| `MOLAR_MASS` | g/mol | IUPAC standard atomic weights, to four digits |
"""

from collections.abc import Mapping

TROY_OUNCE, POUND = 0.0311035, 0.453592  # kg
PRICES = {
    "Pt": 980 / TROY_OUNCE,
    "Pd": 2200 / TROY_OUNCE,
    "Rh": 17000 / TROY_OUNCE,
    "Ir": 4700 / TROY_OUNCE,
    "Au": 1800 / TROY_OUNCE,
    "Ag": 22 / TROY_OUNCE,
    "Cu": 4.0 / POUND,
    "Ni": 25.0,
    "Al": 3.3,
}
ABUNDANCE = {
    "Pt": 5e-3, "Pd": 1.5e-2, "Rh": 1e-3, "Ir": 1e-3, "Au": 4e-3, "Ag": 7.5e-2, "Cu": 60.0, "Ni": 84.0, "Al": 8.23e4
}  # fmt: skip
MOLAR_MASS = {
    "Pt": 195.1, "Pd": 106.4, "Rh": 102.9, "Ir": 192.2, "Au": 197.0, "Ag": 107.9, "Cu": 63.55, "Ni": 58.69, "Al": 26.98
}  # fmt: skip


def price_of_atoms(prices: Mapping[str, float] = PRICES) -> dict[str, float]:
    """Price of an atom of each metal over that of an atom of platinum."""
    platinum = prices.get("Pt", PRICES["Pt"]) * MOLAR_MASS["Pt"]
    return {metal: price * MOLAR_MASS[metal] / platinum for metal, price in prices.items() if metal in MOLAR_MASS}


def scarcity_of_atoms(abundance: Mapping[str, float] = ABUNDANCE) -> dict[str, float]:
    """Rarity of an atom of each metal in the crust over that of an atom of platinum."""
    platinum = abundance.get("Pt", ABUNDANCE["Pt"]) / MOLAR_MASS["Pt"]
    return {metal: platinum * MOLAR_MASS[metal] / share for metal, share in abundance.items() if metal in MOLAR_MASS}
