"""First stage: is dvc.yaml what the declared stages, params.yaml and the screens ask for?"""


def pipeline() -> None:
    """Stop if stages or dependencies are missing in dvc.yaml."""
    from phenoprot.core.files import write_json
    from phenoprot.pipeline.dvc_file import FIRST, require_in_step

    require_in_step()
    write_json(FIRST, {"dvc.yaml": "in step"})


if __name__ == "__main__":
    from phenoprot.core.notices import errors_in_one_line
    from phenoprot.execution.parents import end_with_starter

    end_with_starter()
    with errors_in_one_line("pipeline"):
        pipeline()
