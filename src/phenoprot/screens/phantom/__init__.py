"""The simulated screen ``phantom``: latent programmes, the tables they leave, and the truth."""

from phenoprot.screens.phantom.settings import PhantomSettings
from phenoprot.screens.phantom.write import simulate_phantom

__all__ = ["PhantomSettings", "simulate_phantom"]
