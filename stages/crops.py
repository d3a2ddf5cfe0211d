"""Stage: single-cell crops of every field of view, and the quality of its images and masks."""


def crops(job):
    """Cut out all cells, and sum up the quality of images and masks."""
    from phenoprot.core.paths import WORK
    from phenoprot.imaging.crops.run import crop_fields
    from phenoprot.imaging.quality.outliers import fields_table, write_quality
    from phenoprot.screens.contract import CONTROL, NEGATIVE_CONTROL, WELL_KEY
    from phenoprot.screens.loader import load_screen

    source, paths = load_screen(job.folder), job.paths
    limit = job.params.images.outlier_z

    def report(store, numbers, size):
        table = fields_table(store.field_table, numbers, limit)
        write_quality(paths.quality, table, size.record())

    fields, wells = source.images(), source.wells()
    controls = wells.loc[wells[CONTROL] == NEGATIVE_CONTROL, WELL_KEY]
    crop_fields(
        fields,
        paths.masks,
        paths.crops,
        WORK / "crops",
        f"{job.screen} crops",
        job.params.crops,
        job.execution,
        fields.merge(controls, on=WELL_KEY),
        report,
    )


if __name__ == "__main__":
    from phenoprot.pipeline.run import run_stage

    run_stage(crops)
