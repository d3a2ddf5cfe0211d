"""Import once what the pipeline imports, so that Python keeps its bytecode: for bootstrap.sh.

pip is told to compile nothing: it would compile 24,000 files, of which a run imports a quarter.
Left to the first import alone, they would be compiled anew by every process of a run where
PYTHONDONTWRITEBYTECODE is set, as it is in many containers: 1.3 s for pandas, 3 s for scikit-learn.
"""

import importlib
import pkgutil
import sys
from collections.abc import Iterable

LATE = (
    "dvc.cli", "dvc.commands.repro", "dvc.commands.status", "dvc.repo.reproduce", "anndata",
    "cellpose.models", "great_expectations.expectations", "lightning.fabric", "matplotlib.figure",
    "ray._private.workers.default_worker", "rdkit.Chem.Scaffolds.MurckoScaffold", "timm",
)  # fmt: skip
"""What is imported when a command or a stage runs."""


def keep(packages: Iterable[str], late: Iterable[str] = ()) -> None:
    """Import all modules of packages, and others; what needs an absent extra is left out."""
    sys.dont_write_bytecode = False
    names: list[str] = []
    for package in packages:
        path = importlib.import_module(package).__path__
        found = pkgutil.walk_packages(path, f"{package}.", onerror=lambda _: None)
        names += [module.name for module in found if not module.name.endswith("__main__")]
    for name in (*names, *late):
        try:
            importlib.import_module(name)
        except ImportError:
            continue


if __name__ == "__main__":
    # phenoprot first: it pins what numerical libraries read when they are loaded.
    keep(("phenoprot", "dvc", "dvc_data", "dvc_objects"), LATE)
