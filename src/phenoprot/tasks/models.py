"""The models there are: our own, those of other packages, and scikit-learn's estimators.

An entry is a class with a class method ``make(settings, parameters) -> Model``: `settings` is the
block ``tasks`` of params.yaml, whose keys `splits`, `mlp`, `mlp_poster`, `linear` and `clip` a
stage may read; `parameters` is what the row gives.
"""

from __future__ import annotations

from phenoprot.core.plugins import Registry
from phenoprot.tasks.model import Model
from phenoprot.tasks.settings import ModelSettings, TaskSettings

SKLEARN = "sklearn."
"""Start of the names of scikit-learn's estimators."""
MODELS = Registry(
    "model",
    "phenoprot.models",
    {
        "mlp": "phenoprot.tasks.nested:Mlp",
        "mlp_poster": "phenoprot.tasks.nested:PosterMlp",
        "linear": "phenoprot.tasks.linear:Linear",
    },
    (f"{SKLEARN}<module>.<class>",),
)


def find_model(chosen: ModelSettings, settings: TaskSettings, where: str = "model") -> Model:
    """Make the model of a row.

    Parameters
    ----------
    chosen
        Its name and parameters.
    settings
        The block ``tasks`` of params.yaml.
    where
        Key of the row's model, for messages.

    Raises
    ------
    UserError
        There is no such model; the package that offers it is broken; or the parameters are wrong.
    """
    if chosen.estimator.startswith(SKLEARN):
        from phenoprot.tasks.estimators import Estimator

        return Estimator.make(settings, chosen.estimator, chosen.parameters, where)
    family = MODELS.load(chosen.estimator, where)
    if not hasattr(family, "make"):
        raise MODELS.fault(chosen.estimator, "has no class method make(settings, parameters)")
    model: Model = family.make(settings, chosen.parameters)
    return model
