"""What a reader must know of a row's network: whether it was trained, and how to have it so."""

from __future__ import annotations

from phenoprot.features.networks.methods import TIMM, UNTRAINED
from phenoprot.weights.manifest import manifest

MAE = "mae"
NETWORKS = {"cloome": "CLOOME", "dino": "DINO", MAE: "the masked autoencoder"}
WEIGHTS = {"cloome": "cloome-bioactivity", "dino": "dino"}
"""Published weights of a method, by their name in the list of weights."""
TRAINED_HERE = (
    "trained on this screen's own crops, at the size and for the steps of params.yaml; the "
    "poster's (last column) is a ViT-B/8 of 100,000 steps, which `phenoprot preset apply poster` "
    "sets."
)


def untrained_note(screen: str, row: str, feature: str, published: str | None) -> str:
    """The footnote of a row whose network has random weights.

    Parameters
    ----------
    screen
        Name of the screen, a key of params.yaml.
    row
        Name of the row.
    feature
        Its features, ``<method>-untrained``.
    published
        The poster's figures of the method with trained weights, if it has any.
    """
    method = feature.removesuffix(UNTRAINED)
    network = NETWORKS.get(method, method.removeprefix(TIMM))
    other = f" The poster's {published} is of the trained network and no reference for it."
    return (
        f"{row}: {network} with random weights, a baseline for what its architecture sees "
        f"untrained.{other if published else ''} To compare the trained network: "
        f"{_remedy(screen, method)}."
    )


def _remedy(screen: str, method: str) -> str:
    """What to run, and what to change in params.yaml."""
    row = (
        f"add `{method}` to `screens.{screen}.extracted`, and to `rows` "
        f"`{method}: {{features: [{method}], model: mlp}}`"
    )
    if method == MAE:
        return f"the row `{MAE}`; if there is none, {row}"
    return f"{_weights(method)}; {row}"


def _weights(method: str) -> str:
    if method not in WEIGHTS:
        key = f"features.deep.timm.{method.removeprefix(TIMM)}.weights"
        return f"in params.yaml set `{key}: {{file: PATH, sha256: HASH}}`"
    name = WEIGHTS[method]
    entry = manifest()[name]
    url = "" if entry.url else " --url URL"
    sha256 = "" if entry.sha256 else " --sha256 HASH"
    file = f"{{file: {name}}}" if entry.sha256 else f"{{file: {name}, sha256: HASH}}"
    unknown = " (docs/weights.md says where from)" if url or sha256 else ""
    return (
        f"`phenoprot weights fetch {name}{url}{sha256}`{unknown}; in params.yaml set "
        f"`features.deep.{method}.weights: {file}`"
    )
