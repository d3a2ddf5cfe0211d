"""Stage: check a screen's tables before anything is made from them."""


def validate(job):
    """Write the result of every check; stop the pipeline if one fails."""
    from functools import partial

    from phenoprot.core.notices import warn
    from phenoprot.validation.checks import validate_folder
    from phenoprot.validation.report import require_valid, write_report
    from phenoprot.wells.normalise import normalise_to_controls

    normalise = partial(normalise_to_controls, method=job.params.profiles.normalisation)
    report = validate_folder(job.folder, job.params.validation, normalise)
    write_report(report, job.paths.input_checks)
    for line in report.warning_lines():
        warn(line)
    require_valid(report)


if __name__ == "__main__":
    from phenoprot.pipeline.run import run_stage

    run_stage(validate)
