"""The masked autoencoder (He et al. 2022) for multi-channel crops."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from phenoprot.core.device import CPU
from phenoprot.features.mae.block import EPSILON, Block
from phenoprot.features.mae.decoder import blank_block
from phenoprot.features.mae.patches import (
    hidden_tokens,
    patchify,
    position_embedding,
    rows_of,
)
from phenoprot.features.mae.settings import ModelSettings

TOKEN_SD = 0.02


class MaskedAutoencoder(nn.Module):
    """Encoder on the visible tokens, shallow decoder that predicts the hidden ones.

    Parameters
    ----------
    settings
        Sizes of the network.
    """

    def __init__(self, settings: ModelSettings) -> None:
        super().__init__()
        self.settings = settings
        width, decoder_width = settings.width, settings.decoder_width
        self.embed = nn.Linear(settings.token_values, width)
        self.cls = nn.Parameter(torch.empty(1, 1, width))
        self.blocks = nn.ModuleList(
            Block(width, settings.heads, settings.mlp_ratio) for _ in range(settings.depth)
        )
        self.norm = nn.LayerNorm(width, EPSILON)
        self.decoder_embed = nn.Linear(width, decoder_width)
        self.mask_token = nn.Parameter(torch.empty(1, 1, decoder_width))
        self.decoder_blocks = nn.ModuleList(
            Block(decoder_width, settings.decoder_heads, settings.mlp_ratio)
            for _ in range(settings.decoder_depth)
        )
        self.decoder_norm = nn.LayerNorm(decoder_width, EPSILON)
        self.head = nn.Linear(decoder_width, settings.token_values)
        # Fixed, so made anew on loading and left out of the weights.
        self.positions: Tensor
        self.decoder_positions: Tensor
        for name, size in (("positions", width), ("decoder_positions", decoder_width)):
            grid = position_embedding(size, settings.grid)
            repeats = settings.n_tokens // len(grid)
            self.register_buffer(name, grid.repeat(repeats, 1)[None], persistent=False)
        if settings.tokens == "channel":
            # Channel tokens share positions; what tells the channels apart is learned.
            self.channel = nn.Parameter(torch.empty(1, settings.channels, 1, width))
            self.decoder_channel = nn.Parameter(torch.empty(1, settings.channels, 1, decoder_width))
        self.initialise()

    def initialise(self) -> None:
        """Draw weights from the global generator: Linear xavier-uniform, tokens N(0, 0.02)."""
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
            elif isinstance(module, nn.LayerNorm):
                nn.init.ones_(module.weight)
                nn.init.zeros_(module.bias)
        tokens = [self.cls, self.mask_token]
        if self.settings.tokens == "channel":
            tokens += [self.channel, self.decoder_channel]
        for token in tokens:
            nn.init.normal_(token, std=TOKEN_SD)

    def _encoder_positions(self) -> Tensor:
        if self.settings.tokens == "channel":
            patches = self.settings.grid**2
            return self.positions + self.channel.expand(-1, -1, patches, -1).flatten(1, 2)
        return self.positions

    def _decoder_positions(self) -> Tensor:
        if self.settings.tokens == "channel":
            patches = self.settings.grid**2
            channel = self.decoder_channel.expand(-1, -1, patches, -1).flatten(1, 2)
            return self.decoder_positions + channel
        return self.decoder_positions

    def encode(
        self, tokens: Tensor, visible: Tensor | None = None, real: Tensor | None = None
    ) -> Tensor:
        """Encode tokens; hidden ones cost nothing.

        Positions are added first; then hidden tokens leave; then CLS, which has no position and is
        never masked, goes to the front.

        Parameters
        ----------
        tokens
            Pixel values, shape (B, L, V).
        visible
            Indices of the visible tokens, shape (B, K); None: all are.
        real
            False where a visible token only fills up the K of its crop, and is looked at by no
            other, shape (B, K); None: all count.

        Returns
        -------
        encoded
            CLS and the visible tokens after the final norm, shape (B, 1 + K, width).
        """
        if visible is None:
            x = self.embed(tokens) + self._encoder_positions()
        else:
            # Only what is seen is embedded: with a mask ratio of 0.9 a tenth of the products.
            seen = tokens.gather(1, visible[:, :, None].expand(-1, -1, tokens.shape[2]))
            x = self.embed(seen) + functional.embedding(visible, self._encoder_positions()[0])
        x = torch.cat([self.cls.expand(len(x), -1, -1), x], dim=1)
        seen_by_all = None if real is None else functional.pad(real, (1, 0), value=True)
        for block in self.blocks:
            x = block(x) if seen_by_all is None else block(x, seen_by_all[:, None, None])
        return self.norm(x)

    def decode(self, encoded: Tensor, visible: Tensor) -> Tensor:
        """Predict the pixel values of the hidden tokens.

        Parameters
        ----------
        encoded
            Result of `encode`, shape (B, 1 + K, width).
        visible
            Indices of its tokens, shape (B, K).

        Returns
        -------
        predicted
            Shape (B, L - K, V), in the order of `hidden_tokens`.
        """
        hidden = hidden_tokens(visible, self.settings.n_tokens)
        positions, x = self._decoder_positions()[0], self.decoder_embed(encoded)
        seen = torch.cat([x[:, :1], x[:, 1:] + functional.embedding(visible, positions)], dim=1)
        blank = self.mask_token[0] + positions
        if len(self.decoder_blocks) == 1 and x.device.type == CPU and x.dtype == torch.float32:
            (block,) = self.decoder_blocks
            assert isinstance(block, Block)
            x = blank_block(block, seen, blank, visible, hidden)
        else:
            index = visible[:, :, None].expand(-1, -1, x.shape[2])
            filled = blank.expand(len(x), -1, -1).scatter(1, index, seen[:, 1:].to(blank.dtype))
            x = torch.cat([seen[:, :1], filled], dim=1)
            for block in self.decoder_blocks:
                x = block(x)
            x = rows_of(x[:, 1:], hidden)
        predicted: Tensor = self.head(self.decoder_norm(x))
        return predicted

    def forward(self, crops: Tensor, visible: Tensor) -> tuple[Tensor, Tensor]:
        """Predict crops from their visible tokens.

        Parameters
        ----------
        crops
            Standardised pixels, shape (B, C, S, S).
        visible
            Indices of the visible tokens, shape (B, K).

        Returns
        -------
        target, predicted
            The hidden tokens, in the order of `hidden_tokens`, shape (B, L - K, V).
        """
        tokens = patchify(crops, self.settings)
        target = rows_of(tokens, hidden_tokens(visible, self.settings.n_tokens))
        return target, self.decode(self.encode(tokens, visible), visible)


def seeded_model(settings: ModelSettings, seed: int) -> MaskedAutoencoder:
    """Network with the initial weights of `seed`; the global generator is left as it was.

    On the CPU, whatever the training runs on: one seed is one network.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return MaskedAutoencoder(settings)


def decay_groups(model: nn.Module) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """Split parameters: those with weight decay (matrices), those without.

    Without: biases, norms, CLS, the mask token and the channel embeddings.
    """
    decayed: list[nn.Parameter] = []
    free: list[nn.Parameter] = []
    for parameter in model.parameters():
        (decayed if parameter.ndim == 2 else free).append(parameter)
    return decayed, free
