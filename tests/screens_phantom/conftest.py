from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd
import pytest

from phenoprot.phantom.settings import PhantomSettings
from phenoprot.phantom.write import simulate_phantom
from phenoprot.screens.loader import Screen, load_screen


@dataclass
class Simulated:
    """A phantom on disk, with what it was made from."""

    settings: PhantomSettings
    screen: Screen

    def truth(self, name: str) -> pd.DataFrame:
        return pd.read_parquet(self.screen.folder / "truth" / f"{name}.parquet")

    @cached_property
    def joined(self) -> pd.DataFrame:
        """Proteomics rows with their compound, concentration and control type."""
        keys = ["Metadata_Plate", "Metadata_Well"]
        return self.screen.proteomics().merge(self.screen.wells(), on=keys, validate="m:1")


@pytest.fixture(scope="session")
def phantom(tmp_path_factory: pytest.TempPathFactory) -> Simulated:
    folder: Path = tmp_path_factory.mktemp("screens") / "phantom"
    settings = PhantomSettings(images=None)
    simulate_phantom(settings, folder)
    return Simulated(settings, load_screen(folder))


@pytest.fixture(scope="session")
def small() -> PhantomSettings:
    """A quick screen on two layouts: 90 compounds x 5 doses do not fit on one plate."""
    return PhantomSettings(n_compounds=90, n_replicates=2, n_proteins=12, images=None)
