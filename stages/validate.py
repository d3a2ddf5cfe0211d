"""Stage: check a screen's tables before anything is made from them."""

from phenoprot.pipeline.stage import run_stage


def validate(screen: str) -> None:
    """Write the result of every check; stop the pipeline if one fails."""
    from functools import partial

    from phenoprot.core.notices import warn
    from phenoprot.core.paths import Paths
    from phenoprot.pipeline.params import load_params
    from phenoprot.validation.checks import validate_folder
    from phenoprot.validation.report import require_valid, write_report
    from phenoprot.wells.normalise import normalise_to_controls

    params = load_params()
    report = validate_folder(
        params.screen(screen).folder,
        params.validation,
        partial(normalise_to_controls, method=params.profiles.normalisation),
    )
    write_report(report, Paths(screen).validation / "inputs.json")
    for line in report.warning_lines():
        warn(line)
    require_valid(report)


if __name__ == "__main__":
    run_stage(validate)
