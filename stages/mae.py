"""Stage: the masked autoencoder of a screen, trained on its crops; runs under torchrun too."""


def mae(job):
    """Train, resume or find it trained; a screen that takes no such features has a note only."""
    from phenoprot.core.files import write_text
    from phenoprot.core.paths import WORK
    from phenoprot.features.mae.settings import MAE_NAMES
    from phenoprot.screens.loader import load_screen

    source, paths = load_screen(job.folder), job.paths
    if not set(MAE_NAMES) & set(job.params.screen.extracted):
        note = (
            f"No features of a masked autoencoder are taken of the screen {job.screen}: none "
            "trained.\n"
        )
        write_text(paths.mae / "NOTE.txt", note)
        return
    from phenoprot.features.mae.screen import train_screen

    title = f"{job.screen} mae"
    train_screen(paths.crops, source.wells(), job.params.mae, WORK / "mae", paths.mae, title)


if __name__ == "__main__":
    from phenoprot.pipeline.run import run_stage

    run_stage(mae)
