"""Stage: features of every well, by each method that reads images."""


def features(job):
    """Extract features and average them to wells; a screen that asks for none has a note only."""
    from phenoprot.core.files import write_parquet, write_text
    from phenoprot.core.paths import WORK
    from phenoprot.features.extract import Sources, extract_wells
    from phenoprot.features.method import Artefacts
    from phenoprot.features.registry import find_method
    from phenoprot.screens.loader import load_screen

    source, paths = load_screen(job.folder), job.paths
    names, settings = job.params.screen.extracted, job.params.features
    if not names:
        note = f"No features are taken from images of the screen {job.screen}.\n"
        write_text(paths.all_features / "NOTE.txt", note)
        return
    sources = Sources(source.images(), paths.masks, paths.crops)
    artefacts = Artefacts(channels=paths.images / "channels.json", mae=paths.mae)
    for name in names:
        method = find_method(name, settings, artefacts)
        title = f"{job.screen} {name}"
        wells = extract_wells(method, sources, WORK / "features", title, settings, job.execution)
        write_parquet(paths.features(name), wells)


if __name__ == "__main__":
    from phenoprot.pipeline.run import run_stage

    run_stage(features)
