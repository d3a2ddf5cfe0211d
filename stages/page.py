"""Stage: the page to pass on, with its data beside it."""


def page(job):
    """Write reports/<screen>.html and reports/<screen>/."""
    from phenoprot.page.build import write_page

    write_page(job.paths, job.folder)


if __name__ == "__main__":
    from phenoprot.pipeline.run import run_stage

    run_stage(page)
