"""Stage: features of every well, by each method that reads images."""

from phenoprot.pipeline.stage import run_stage


def features(screen: str) -> None:
    """Extract features and average them to wells; a screen without images has a note only."""
    from phenoprot.core.artefacts import read_table
    from phenoprot.core.files import write_parquet, write_text
    from phenoprot.core.paths import WORK, Paths
    from phenoprot.features import counts
    from phenoprot.features.extract import Sources, extract
    from phenoprot.features.registry import Artefacts, find_method
    from phenoprot.imaging.segmentation.run import COUNTS, OBJECTS
    from phenoprot.pipeline.params import load_params
    from phenoprot.screens.aggregate import aggregate_wells
    from phenoprot.screens.contract import FIELD_KEY
    from phenoprot.screens.loader import load_screen

    params = load_params()
    block = params.screen(screen)
    source = load_screen(block.folder)
    paths = Paths(screen)
    if source.info.tables.images is None or not block.extracted:
        note = f"No features are taken from images of the screen {screen}.\n"
        write_text(paths.features("none").with_name("NOTE.txt"), note)
        return
    sources = Sources(source.images(), paths.masks, paths.crops)
    artefacts = Artefacts(channels=paths.images / "channels.json", mae=paths.mae)
    for name in block.extracted:
        if name == counts.NAME:
            objects = read_table(paths.masks / OBJECTS, [*FIELD_KEY, *COUNTS])
            write_parquet(paths.features(name), counts.count_cells(objects))
            continue
        method = find_method(name, params.features, artefacts)
        title = f"{screen} {name}"
        fields = extract(
            method, sources, WORK / "features", title, params.features, params.execution
        )
        write_parquet(paths.features(name), aggregate_wells(fields))


if __name__ == "__main__":
    run_stage(features)
