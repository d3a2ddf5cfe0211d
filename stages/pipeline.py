"""First stage: is dvc.yaml what is asked for? What code and rows do the others depend on?"""


def pipeline() -> None:
    """Stop if stages or dependencies are missing in dvc.yaml; write down code and rows."""
    from phenoprot.core.settings import read_yaml
    from phenoprot.pipeline.dvc_file import PARAMS_FILE, SCRIPTS, require_in_step
    from phenoprot.pipeline.first import write_code, write_rows

    require_in_step()
    write_code(SCRIPTS)
    write_rows(read_yaml(PARAMS_FILE)["screens"])


if __name__ == "__main__":
    from phenoprot.core.notices import errors_in_one_line
    from phenoprot.execution.parents import end_with_starter

    end_with_starter()
    with errors_in_one_line("pipeline"):
        pipeline()
