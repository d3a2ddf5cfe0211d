"""Stage: one normalised profile per treatment, for every feature table that a row names."""


def profiles(job):
    """Normalise per plate to the negative controls, then average the replicate wells."""
    from phenoprot.core.artefacts import read_table
    from phenoprot.core.files import write_parquet
    from phenoprot.screens.contract import WELL_KEY
    from phenoprot.screens.loader import load_screen
    from phenoprot.wells.treatments import screen_profiles

    params, paths = job.params, job.paths
    names = dict.fromkeys(name for row in params.screen.rows.values() for name in row.features)
    extracted = {
        name: read_table(paths.features(name), WELL_KEY) for name in params.screen.extracted
    }
    source = load_screen(job.folder)
    tables = screen_profiles(source, list(names), params.profiles.normalisation, extracted)
    for name, table in tables.items():
        write_parquet(paths.profiles / f"{name}.parquet", table)


if __name__ == "__main__":
    from phenoprot.pipeline.run import run_stage

    run_stage(profiles)
