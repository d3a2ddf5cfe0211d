"""The other side of a local worker: what its process does from its start.

The module imports nothing heavy, and gets the computation as bytes: a worker whose parent ends
while it still imports ends as well, and one that cannot import says why.
"""

from __future__ import annotations

import pickle
import signal
from contextlib import suppress
from multiprocessing.connection import Connection

from phenoprot.core.notices import quiet_libraries
from phenoprot.execution.failure import as_failure
from phenoprot.execution.parents import die_with


def serve(computation: bytes, connection: Connection, parent: int) -> None:
    """In a worker process: compute jobs until the connection is closed.

    Parameters
    ----------
    computation
        A pickled :data:`phenoprot.execution.shards.Compute`.
    connection
        Brings jobs, takes seconds and failure of each.
    parent
        Process that has started this one.
    """
    die_with(parent)
    # The parent decides what Ctrl-C means. A handler, not SIG_IGN, which processes that a
    # computation starts would inherit.
    signal.signal(signal.SIGINT, lambda *_: None)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    quiet_libraries()
    with suppress(EOFError, BrokenPipeError, ConnectionResetError):
        try:
            from phenoprot.execution.attempt import attempt

            compute = pickle.loads(computation)
        except Exception as error:
            connection.recv_bytes()
            connection.send((0.0, as_failure(error)))
            return
        while True:
            connection.send(attempt(compute, connection.recv()))
