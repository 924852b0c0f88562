"""``cocreate styles`` and ``info``: what has learned, and from what."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from cocreate.cli.ideas import CheckpointOption, JsonOption, open_studio
from cocreate.cli.show import print_json, print_table


def styles(*, checkpoint: CheckpointOption = "music", as_json: JsonOption = False) -> None:
    """List the styles a checkpoint knows."""
    table = {name: row for name, row in open_studio(checkpoint=checkpoint).styles.items() if name != "any"}
    rows = [
        {
            "style": name,
            "pieces": row.get("pieces"),
            "tempo_bpm": round(row["tempo"][2]),
            "meters": [meter for meter, _ in row["meters"]],
        }
        for name, row in sorted(table.items(), key=lambda item: (-item[1].get("pieces", 0), item[0]))
    ]
    if as_json:
        print_json({"styles": rows})
        return
    shown = [(r["style"], r["pieces"] or "", r["tempo_bpm"], ", ".join(r["meters"])) for r in rows]
    print_table(("style", "training pieces", "usual tempo", "metres"), shown, whole=("style",))


def info(
    checkpoint: Annotated[str, typer.Argument(metavar="[CHECKPOINT]", help="A name or a folder.")] = "music",
    *,
    as_json: JsonOption = False,
) -> None:
    """Show a checkpoint's card: sets, licences, numbers."""
    from cocreate.model.checkpoint import open_checkpoint

    found = open_checkpoint(checkpoint)
    card = found.card
    if as_json:
        print_json({"folder": str(found.folder), **card})
        return
    _print_facts(found.folder, card)
    sets: dict[str, dict[str, Any]] = card.get("sets", {})
    sizes = {name: row.get("ids", row.get("words", 0)) for name, row in sets.items()}  # of music, of verse
    total = sum(sizes.values()) or 1
    rows = [
        (
            name,
            row.get("licence", "?"),
            row.get("tier", ""),
            row.get("pieces", row.get("poems", 0)),
            f"{sizes[name] / total:.1%}",
        )
        for name, row in sorted(sets.items(), key=lambda item: -sizes[item[0]])
    ]
    if rows:
        print_table(
            ("training set", "licence", "tier", "pieces", "share of tokens"), rows, whole=("training set", "tier")
        )
    typer.echo(
        f"\n{card.get('held_out') or 'No held-out numbers in the card: `cocreate evaluate music` measures them.'}"
    )


def _print_facts(folder: Path, card: dict[str, Any]) -> None:
    run = card.get("training", {})
    facts = {
        "checkpoint": f"{card.get('name', folder.name)} in {folder}",
        "made": card.get("made"),
        "parameters": f"{card['parameters']:,}" if "parameters" in card else None,
        "preset": card.get("preset"),
        "trained": f"{run['steps']:,} steps, {run['tokens']:,} tokens, {run['minutes']} minutes" if run else None,
        "tier": card.get("tier"),
        "validation": f"{card['validation_nats_a_token']} nats a token"
        if card.get("validation_nats_a_token")
        else None,
    }
    for name, value in facts.items():
        if value is not None:
            typer.echo(f"{name:<12}{value}")
    typer.echo("")
