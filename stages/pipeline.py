"""First stage: is dvc.yaml what is asked for? What code and settings do the others depend on?"""


def pipeline() -> None:
    """Stop if stages or dependencies are missing in dvc.yaml; write down code and settings."""
    from phenoprot.pipeline.dvc_file import PARAMS_FILE, SCRIPTS, require_in_step
    from phenoprot.pipeline.first import write_code, write_rows, write_settings
    from phenoprot.pipeline.params import load_params, params_content
    from phenoprot.pipeline.provenance import parameters_of

    require_in_step()
    write_code(SCRIPTS)
    write_rows(params_content(PARAMS_FILE)["screens"])
    params = load_params(PARAMS_FILE)
    write_settings({name: parameters_of(name, params) for name in params.screens})


if __name__ == "__main__":
    from phenoprot.core.notices import errors_in_one_line
    from phenoprot.execution.parents import end_with_starter

    end_with_starter()
    with errors_in_one_line("pipeline"):
        pipeline()
