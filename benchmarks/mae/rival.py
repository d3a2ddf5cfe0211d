"""Hugging Face's ViTMAE with our sizes and lion-pytorch's Lion: what a user would take instead.

transformers is no dependency: pip puts it, at a pinned version, into a folder of the benchmark's.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from phenoprot.features.mae.batches import MicroBatch, turned
from phenoprot.features.mae.model import MaskedAutoencoder
from phenoprot.features.mae.patches import hidden_mask
from phenoprot.features.mae.settings import MAESettings, ModelSettings
from phenoprot.features.mae.standardise import Standardisation, Standardiser

PACKAGES = ("transformers==4.57.6", "tokenizers==0.22.2", "huggingface-hub==0.36.2")


def install(folder: Path) -> None:
    """Put transformers into `folder`, unless it is there."""
    if not (folder / "transformers").is_dir():
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target"]
        subprocess.run([*pip, str(folder), *PACKAGES], check=True)


def make_network(settings: ModelSettings) -> Any:
    """ViTMAEForPreTraining of the same sizes."""
    from transformers import ViTMAEConfig, ViTMAEForPreTraining

    s = settings
    config = ViTMAEConfig(
        hidden_size=s.width,
        num_hidden_layers=s.depth,
        num_attention_heads=s.heads,
        intermediate_size=int(s.width * s.mlp_ratio),
        layer_norm_eps=1e-6,
        image_size=s.image_size,
        patch_size=s.patch_size,
        num_channels=s.channels,
        decoder_hidden_size=s.decoder_width,
        decoder_num_hidden_layers=s.decoder_depth,
        decoder_num_attention_heads=s.decoder_heads,
        decoder_intermediate_size=int(s.decoder_width * s.mlp_ratio),
        mask_ratio=s.mask_ratio,
        norm_pix_loss=False,
    )
    return ViTMAEForPreTraining(config).train()


def make_step(
    settings: MAESettings, standardisation: Standardisation
) -> Callable[[MicroBatch], None]:
    """A training step of the rival on a micro-batch of ours, with the same augmentation."""
    from lion_pytorch import Lion  # type: ignore[import-untyped]

    network, t = make_network(settings.model), settings.training
    optimiser = Lion(
        network.parameters(), lr=t.learning_rate, betas=t.betas, weight_decay=t.weight_decay
    )
    standardiser = Standardiser(standardisation)

    def step(batch: MicroBatch) -> None:
        raw = turned(batch.crops.view(torch.int16), batch.turns).view(torch.uint16)
        crops = standardiser(raw, batch.gains)
        network(pixel_values=crops).loss.backward()
        optimiser.step()
        optimiser.zero_grad()

    return step


def loss_with_weights_of(model: MaskedAutoencoder, crops: Tensor, visible: Tensor) -> Tensor:
    """The rival's loss with our weights and our visible tokens.

    Parameters
    ----------
    model
        Network with joint tokens.
    crops
        Standardised, shape (B, C, S, S).
    visible
        Indices of the visible tokens, shape (B, K).
    """
    s = model.settings
    network = make_network(s)
    network.load_state_dict(_renamed(model), strict=True)
    noise = hidden_mask(visible, s.n_tokens).float()
    order = torch.arange(s.n_tokens) / (2 * s.n_tokens)  # ties in their order
    with torch.no_grad():
        loss: Tensor = network(pixel_values=crops, noise=noise + order).loss
    return loss


def _renamed(model: MaskedAutoencoder) -> dict[str, Tensor]:
    """Our weights under the rival's names, in its order of values."""
    s, ours = model.settings, dict(model.state_dict())
    side, channels = s.patch_size, s.channels

    def with_cls(positions: Tensor) -> Tensor:
        return torch.cat([torch.zeros_like(positions[:, :1]), positions], dim=1)

    named = {
        "vit.embeddings.cls_token": ours["cls"],
        "vit.embeddings.position_embeddings": with_cls(model.positions),
        "vit.embeddings.patch_embeddings.projection.weight": ours["embed.weight"].reshape(
            s.width, channels, side, side
        ),
        "vit.embeddings.patch_embeddings.projection.bias": ours["embed.bias"],
        "decoder.mask_token": ours["mask_token"],
        "decoder.decoder_pos_embed": with_cls(model.decoder_positions),
    }
    for part in ("weight", "bias"):
        # A token of the rival holds its channels pixel by pixel.
        head = ours[f"head.{part}"].reshape(channels, side * side, -1).transpose(0, 1)
        named[f"decoder.decoder_pred.{part}"] = head.reshape(ours[f"head.{part}"].shape)
        for theirs, name in (
            ("vit.layernorm", "norm"),
            ("decoder.decoder_embed", "decoder_embed"),
            ("decoder.decoder_norm", "decoder_norm"),
        ):
            named[f"{theirs}.{part}"] = ours[f"{name}.{part}"]
        for theirs, blocks, depth in (
            ("vit.encoder.layer", "blocks", s.depth),
            ("decoder.decoder_layers", "decoder_blocks", s.decoder_depth),
        ):
            for i in range(depth):
                names = {
                    "layernorm_before": "norm1",
                    "attention.output.dense": "attn.proj",
                    "layernorm_after": "norm2",
                    "intermediate.dense": "mlp.fc1",
                    "output.dense": "mlp.fc2",
                }
                for to, name in names.items():
                    named[f"{theirs}.{i}.{to}.{part}"] = ours[f"{blocks}.{i}.{name}.{part}"]
                thirds = ours[f"{blocks}.{i}.attn.qkv.{part}"].chunk(3)
                for to, third in zip(("query", "key", "value"), thirds, strict=True):
                    named[f"{theirs}.{i}.attention.attention.{to}.{part}"] = third
    return named
