"""Stage: the masked autoencoder of a screen, trained on its crops; runs under torchrun too."""

from phenoprot.pipeline.stage import run_stage


def mae(screen: str) -> None:
    """Train, go on or find it trained; a screen that takes no such features has a note only."""
    from phenoprot.core.files import write_text
    from phenoprot.core.paths import WORK, Paths
    from phenoprot.features.mae.settings import MAE_NAMES
    from phenoprot.pipeline.params import load_params
    from phenoprot.screens.loader import load_screen

    params = load_params()
    block = params.screen(screen)
    source = load_screen(block.folder)
    paths = Paths(screen)
    if source.info.tables.images is None or not set(MAE_NAMES) & set(block.extracted):
        note = (
            f"No features of a masked autoencoder are taken of the screen {screen}: none trained.\n"
        )
        write_text(paths.mae / "NOTE.txt", note)
        return
    from phenoprot.features.mae.screen import train_screen

    title = f"{screen} mae"
    train_screen(paths.crops, source.wells(), params.mae, WORK / "mae", paths.mae, title)


if __name__ == "__main__":
    run_stage(mae)
