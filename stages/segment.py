"""Stage: nuclei and cells of every field of view."""

from phenoprot.stage import run_stage


def segment(screen: str) -> None:
    """Segment all fields; a screen without images has a folder that says so."""
    from phenoprot.files import write_json, write_text
    from phenoprot.layout import WORK, Layout
    from phenoprot.params import load_params
    from phenoprot.screens.loader import load_screen
    from phenoprot.segmentation.run import segment_fields
    from phenoprot.segmentation.score import score_masks

    params = load_params()
    source = load_screen(params.screen(screen).folder)
    folder = Layout(screen).masks
    if source.info.tables.images is None:
        write_text(folder / "NOTE.txt", f"The screen {screen} has no images: no masks.\n")
        return
    fields = source.images()
    title = f"{screen} segment"
    segment_fields(fields, params.segmentation, folder, WORK / "masks", title, params.execution)
    truth = source.folder / "truth" / "masks"
    if truth.is_dir():
        write_json(folder / "score.json", score_masks(folder, truth, fields, source.wells()))


if __name__ == "__main__":
    run_stage(segment)
