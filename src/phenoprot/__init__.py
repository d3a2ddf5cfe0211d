"""PhenoProt: how much of the proteome can be read from Cell Painting images?

Importing the package pins the numerics of the process (:mod:`phenoprot.core.runtime`): import it
before numpy, numba and torch.
"""

from phenoprot.core import runtime

runtime.pin()
