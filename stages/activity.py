"""Stage: which treatments and compounds change the cells."""


def activity(job):
    """Compare the replicate wells of every treatment with the negative controls."""
    from phenoprot.core.artefacts import read_table
    from phenoprot.core.files import write_parquet
    from phenoprot.screens.contract import WELL_KEY
    from phenoprot.screens.loader import load_screen
    from phenoprot.wells.activity import activity_of

    params, paths = job.params, job.paths
    first = next(name for row in params.screen.rows.values() for name in row.features)
    method = params.activity.features or first
    extracted = {
        name: read_table(paths.features(name), WELL_KEY)
        for name in params.screen.extracted
        if name == method
    }
    found = activity_of(
        load_screen(job.folder), method, params.profiles.normalisation, extracted, params.activity
    )
    for name in ("treatments", "compounds", "controls"):
        write_parquet(paths.activity / f"{name}.parquet", getattr(found, name))


if __name__ == "__main__":
    from phenoprot.pipeline.run import run_stage

    run_stage(activity)
