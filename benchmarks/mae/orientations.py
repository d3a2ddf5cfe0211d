"""How much of what tells two untreated cells apart is how they happen to lie.

A screen's negative controls are embedded in all eight orientations, each by itself, by the trained
network and by the untrained one. Printed is the share of the variance that lies between
orientations of a cell, in all of it; it is what ``features.mae.orientations`` averages out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from phenoprot.core import runtime

runtime.pin()  # before numpy is loaded

import numpy as np  # noqa: E402
import typer  # noqa: E402
from numpy.typing import NDArray  # noqa: E402

from phenoprot.core.paths import Paths  # noqa: E402
from phenoprot.features.mae.embed import load_embedder  # noqa: E402
from phenoprot.features.mae.screen import control_crops  # noqa: E402
from phenoprot.features.mae.settings import EmbeddingSettings  # noqa: E402
from phenoprot.imaging.crops.store import CropStore  # noqa: E402
from phenoprot.pipeline.params import load_params  # noqa: E402
from phenoprot.screens.loader import load_screen  # noqa: E402

Embed = Callable[[NDArray[Any]], NDArray[np.float32]]


def orientation_share(embed: Embed, crops: NDArray[Any]) -> float:
    """Share of orientation in the variance of embeddings, summed over their elements.

    Parameters
    ----------
    embed
        (B, C, S, S) to (B, width).
    crops
        Shape (B, C, S, S).
    """
    turns = [np.rot90(crops, turn, axes=(2, 3)) for turn in range(4)]
    views = np.stack([embed(view) for one in turns for view in (one, one[..., ::-1])])
    within = views.var(axis=0).mean(axis=0).sum()
    return float(within / views.reshape(-1, views.shape[2]).var(axis=0).sum())


def main(
    screen: Annotated[str, typer.Argument(help="Screen whose model is trained.")] = "phantom",
    most: Annotated[int, typer.Option(help="Cells at most.")] = 500,
) -> None:
    """Print the share for both networks."""
    paths = Paths(screen)
    store = CropStore.open(paths.crops)
    wells = load_screen(load_params().screen(screen).folder).wells()
    controls = control_crops(store, wells)
    crops = store.read(controls[:: -(-len(controls) // most)])
    for weights in ("trained", "initial"):
        embed = load_embedder(paths.mae, weights, EmbeddingSettings(orientations=1))
        share = orientation_share(embed, crops)
        print(f"{weights}: {share:.3f} of the variance of {len(crops)} control cells")


if __name__ == "__main__":
    typer.run(main)
