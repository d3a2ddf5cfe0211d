"""Stage: check a screen's tables before anything is made from them."""

from phenoprot.stage import run_stage


def validate(screen: str) -> None:
    """Write the result of every check; stop the pipeline if one fails."""
    from phenoprot.layout import Layout
    from phenoprot.params import load_params
    from phenoprot.screens.loader import load_screen
    from phenoprot.validation import require_valid, validate_screen, write_report

    params = load_params()
    report = validate_screen(load_screen(params.screen(screen).folder), params.validation)
    write_report(report, Layout(screen).validation / "inputs.json")
    require_valid(report)


if __name__ == "__main__":
    run_stage(validate)
