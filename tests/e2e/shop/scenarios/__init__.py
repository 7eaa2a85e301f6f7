"""All scenarios, by name, in the order in which they run."""

from __future__ import annotations

from ..scenario import Scenario
from . import asynchronous, everyday, loops, many_to_many, nested, streamed, to_many, to_one, transactions, wide

SCENARIOS: dict[str, Scenario] = {
    scenario.name: scenario
    for module in (to_many, to_one, many_to_many, nested, streamed, transactions, loops, wide, asynchronous, everyday)
    for scenario in module.SCENARIOS
}
