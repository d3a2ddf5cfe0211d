"""The simulated screen ``phantom``: latent programmes, the tables they leave, and the truth."""

from phenoprot.phantom.settings import PhantomSettings
from phenoprot.phantom.write import simulate_phantom

__all__ = ["PhantomSettings", "simulate_phantom"]
