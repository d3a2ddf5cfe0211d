"""Presets: named sets of parameters on top of params.yaml.

``phenoprot preset apply poster`` writes the poster's values into params.yaml, comments and order
kept; `git diff params.yaml` shows what it did, `git checkout params.yaml` takes it back. Every
stage then sees them: there is one place for parameters.
"""

from __future__ import annotations

from io import StringIO
from pathlib import Path
from typing import Annotated, Any

import typer

from phenoprot.errors import UserError, listed

Value = int | float | str | list[int] | list[float] | list[str]

POSTER: dict[str, Value] = {
    "crops.size": 224,
    # ViT-B/8, one decoder layer; 100,000 steps of 32 fields x 8 cells x 4 GPUs x 2 = 2048 crops.
    "mae.model.image_size": 224,
    "mae.model.patch_size": 8,
    "mae.model.mask_ratio": 0.9,
    "mae.model.width": 768,
    "mae.model.depth": 12,
    "mae.model.heads": 12,
    "mae.model.decoder_width": 512,
    "mae.model.decoder_depth": 1,
    "mae.model.decoder_heads": 16,
    "mae.loss.fourier_weight": 0.01,
    "mae.loss.foreground_weight": 0.0,
    "mae.training.steps": 100_000,
    "mae.training.fields": 32,
    "mae.training.cells": 8,
    "mae.training.devices": 4,
    "mae.training.accumulation": 2,
    "mae.training.learning_rate": 0.0001,
    "mae.training.weight_decay": 0.05,
    "mae.training.betas": [0.9, 0.95],
    "mae.training.warmup_share": 0.1,
    "mae.training.log_every": 100,
    "mae.training.checkpoint_every": 1000,
    "mae.training.picture_every": 5000,
    "features.deep.cloome.preprocessing": "controls",
    "features.deep.dino.size": 224,
    "features.deep.dino.standardisation": "controls",
    "features.mae.orientations": 1,
    "profiles.normalisation": "standardise",
    "tasks.splits.folds": 5,
    "tasks.training.learning_rate": 0.0001,
    "tasks.mlp.hidden_layers": [4],
    "tasks.mlp.activation": ["tanh"],
    "tasks.mlp.dropout": [0.2],
    "tasks.regression.loss": "mse",
}
"""What the poster states, and where it is silent what the references of its methods do."""

PRESETS = {"poster": POSTER}

Change = tuple[str, Any, Any]
"""Dotted key, value before, value after."""


def preset(name: str) -> dict[str, Value]:
    """Values of a preset by dotted key.

    Raises
    ------
    UserError
        There is none of this name.
    """
    if name not in PRESETS:
        raise UserError(f"no preset '{name}'", remedy=f"There is: {', '.join(PRESETS)}.")
    return PRESETS[name]


def apply_preset(name: str, path: Path) -> list[Change]:
    """Write a preset's values into a parameter file; comments, order and other keys stay.

    Parameters
    ----------
    name
        Name of the preset.
    path
        params.yaml.

    Returns
    -------
    list of Change
        What was changed; empty, and the file untouched, if it held the values already.

    Raises
    ------
    UserError
        No such preset, or the file lacks a key; nothing is written then.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.representer import RoundTripRepresenter

    from phenoprot.files import write_text

    class Plain(RoundTripRepresenter):
        """Writes ``null`` as it stands in params.yaml, where ruamel would leave it out."""

    Plain.add_representer(
        type(None), lambda self, _: self.represent_scalar("tag:yaml.org,2002:null", "null")
    )
    values = preset(name)
    yaml = YAML()
    yaml.Representer = Plain
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.preserve_quotes = True
    yaml.width = 4096
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UserError("no such file", where=str(path), remedy="Check the path.") from None
    content = yaml.load(text)
    holders = {key: _holder(content, key) for key in values}
    if missing := [key for key, holder in holders.items() if holder is None]:
        raise UserError(
            f"{len(missing)} of the keys of preset '{name}' are not there: {listed(missing)}",
            where=str(path),
            remedy="Take params.yaml of this version of phenoprot.",
        )
    changes = []
    for key, value in values.items():
        holder, last = holders[key], key.rsplit(".", 1)[-1]
        if holder[last] != value:
            before = list(holder[last]) if isinstance(value, list) else holder[last]
            changes.append((key, before, value))
            if isinstance(value, list):
                _refill(holder[last], value)
            else:
                holder[last] = value
    if changes:
        stream = StringIO()
        yaml.dump(content, stream)
        write_text(path, stream.getvalue())
    return changes


def _refill(items: Any, values: list[Any]) -> None:
    """Replace the items of a list; the comment that follows it hangs on its last item."""
    comment = items.ca.items.pop(len(items) - 1, None)
    items[:] = values
    if comment is not None:
        items.ca.items[len(items) - 1] = comment


def _holder(content: Any, key: str) -> Any:
    """The mapping that holds a dotted key, None if the key is not there."""
    *path, last = key.split(".")
    for part in path:
        content = content.get(part) if isinstance(content, dict) else None
    return content if isinstance(content, dict) and last in content else None


app = typer.Typer(no_args_is_help=True, help="Presets: named sets of parameters.")

Name = Annotated[str, typer.Argument(help=", ".join(PRESETS))]


@app.command("show")
def show(name: Name) -> None:
    """Print the values of a preset."""
    for key, value in preset(name).items():
        typer.echo(f"{key}: {value}")


@app.command("apply")
def apply(
    name: Name,
    path: Annotated[Path, typer.Option("--params", help="Parameter file.")] = Path("params.yaml"),
) -> None:
    """Write a preset's values into params.yaml, comments and order kept."""
    from phenoprot.params import load_params

    changes = apply_preset(name, path)
    load_params(path)
    for key, before, after in changes:
        typer.echo(f"{key}: {before} -> {after}")
    typer.echo(f"{path}: {len(changes)} values changed")
