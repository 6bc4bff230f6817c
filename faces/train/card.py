"""The model card: what was trained, on whom, how well it does on others, and for whom that says nothing."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from faces.models.trained import Recipe
from faces.train.splits import Split

Shares = Mapping[str, Mapping[str, float]]
"""Share of probes accepted, by band and FAR."""

_LIMITS = """## For whom this says nothing

The figures hold for people like those it was measured on: other faces of the same collection. A collection of press
pictures shows adults, mostly well known, more men than women, taken by photographers. Children, other cameras and
other light were not measured. Never measure it on pictures of people it learned from, whatever folder they lie in:
LFW's pairs show the people of every other part of LFW. Before it decides about attendance, choose the threshold on
class photos: `python -m faces.evaluate threshold PATH --model NAME`.
"""


@dataclass(frozen=True, slots=True)
class Facts:
    """What the card states.

    Attributes:
        name: of the recogniser.
        recipe: its JSON file's content.
        data: the folder of people.
        photographs: how many faces were learned from, as they are.
        split: who was learned from and who was measured on.
        settings: of the training, by name.
        figures: shares by what was measured; the first is *before*, the last *after*.
    """

    name: str
    recipe: Recipe
    data: Path
    photographs: int
    split: Split
    settings: Mapping[str, object]
    figures: Mapping[str, Shares]


def card(facts: Facts) -> str:
    """Write the card, in Markdown."""
    settings = "\n".join(f"- {key}: {value}" for key, value in facts.settings.items())
    return "\n".join(
        [
            f"# {facts.name}: a recogniser trained with triplets",
            "",
            f"Mode `{facts.recipe.kind}`{f', network {facts.recipe.backbone}' if facts.recipe.backbone else ''}. "
            f"Weights `{facts.recipe.weights}`, SHA-256 `{facts.recipe.sha256}`. "
            f"Threshold (cosine) {facts.recipe.threshold_cosine}, which 1 in 100,000 pairs of strangers among those "
            "measured on reaches.",
            "",
            "## What it was trained on",
            "",
            f"Folder `{facts.data.name}`: {len(facts.split.train)} people, {facts.photographs} photographs with a "
            f"face, and degraded copies of each. Measured on {len(facts.split.held_out)} others. People are split by a "
            "hash of their names; no person and no photograph is on both sides.",
            "",
            settings,
            "",
            "## Small faces, before and after",
            "",
            "Share of probes accepted at FAR 0.1 % and 0.01 %, people never learned from; a clear enrolment against a "
            "probe of that width in pixels (`python -m faces.evaluate small`).",
            "",
            figures_table(facts.figures),
            "",
            _LIMITS,
        ]
    )


def figures_table(figures: Mapping[str, Shares]) -> str:
    """Lay shares out as a Markdown table, a line for each recipe."""
    bands = list(next(iter(figures.values())))
    head = ["| recipe | " + " | ".join(bands) + " |", "|---|" + "---|" * len(bands)]
    lines = []
    for what, shares in figures.items():
        cells = ["; ".join(f"{100 * share:.1f} %" for share in shares[band].values()) for band in bands]
        lines.append(f"| {what} | {' | '.join(cells)} |")
    return "\n".join([*head, *lines])
