"""The connection to a Ray cluster."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from core.distributed.errors import DistributionError
from core.settings import ROOT

_REACHED_WITHIN_S = 20.0


@contextmanager
def connected(address: str) -> Iterator[dict[str, float]]:
    """Connect to a cluster, and give what it has of ``CPU`` and ``GPU``; a connection that stands is used.

    Args:
        address: of the cluster, or ``auto``.

    Raises:
        DistributionError: Ray is not installed, or there is no such cluster.
    """
    try:
        import ray
        import ray.data
    except ImportError:
        raise DistributionError("Ray is not installed: pip install -r requirements-ray.txt.") from None
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is told to the makers of Ray
    _check_reachable(address)
    if ray.is_initialized():
        yield ray.cluster_resources()
        return
    # Functions are found on the nodes by their names.
    settings: dict[str, Any] = {
        "runtime_env": {"env_vars": {"PYTHONPATH": str(ROOT)}},
        "log_to_driver": False,
        "logging_level": "warning",
    }
    try:
        try:
            ray.init(address=address, **settings)
        except ConnectionError:
            if address != "auto":
                raise
            ray.init(**settings)
    except (ConnectionError, ValueError) as error:
        raise DistributionError(f"There is no Ray cluster at {address}: {error}.") from error
    try:
        yield ray.cluster_resources()
    finally:
        ray.shutdown()


def _check_reachable(address: str) -> None:
    """Whether anybody listens at ``[ray://]HOST:PORT``: Ray itself tries for minutes and then ends the process.

    Raises:
        DistributionError: nobody does.
    """
    host, _, port = address.rpartition("://")[2].rpartition(":")
    if not port.isdecimal():
        return
    try:
        socket.create_connection((host, int(port)), timeout=_REACHED_WITHIN_S).close()
    except OSError as error:
        raise DistributionError(f"There is no Ray cluster at {address}: {error.strerror or error}.") from error
