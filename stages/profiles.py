"""Stage: one normalised profile per treatment, for every feature table that a row names."""

from phenoprot.pipeline.stage import run_stage


def profiles(screen: str) -> None:
    """Normalise per plate to the negative controls, then average the replicate wells."""
    from phenoprot.core.artefacts import read_table
    from phenoprot.core.files import write_parquet
    from phenoprot.core.paths import Paths
    from phenoprot.pipeline.params import load_params
    from phenoprot.screens.contract import WELL_KEY
    from phenoprot.screens.loader import load_screen
    from phenoprot.wells.treatments import screen_profiles

    params = load_params()
    block = params.screen(screen)
    paths = Paths(screen)
    names = dict.fromkeys(name for row in block.rows.values() for name in row.features)
    extracted = {name: read_table(paths.features(name), WELL_KEY) for name in block.extracted}
    source = load_screen(block.folder)
    tables = screen_profiles(source, list(names), params.profiles.normalisation, extracted)
    for name, table in tables.items():
        write_parquet(paths.profiles / f"{name}.parquet", table)


if __name__ == "__main__":
    run_stage(profiles)
