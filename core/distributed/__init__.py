"""Work on very many items on a Ray cluster (``pip install -r requirements-ray.txt``).

Items are divided into partitions. Workers that keep their state (Ray Data with a pool of actors, one model each) take
one partition at a time and write it as one Parquet file, whole or not at all, so that a partition that is done twice
because a machine was lost leaves the same file once. The same call goes on with the partitions that are missing.
"""

from core.distributed.connection import connected
from core.distributed.distribution import ClusterRun, Outcome, add_cluster_options, cluster_run, distribute
from core.distributed.errors import DistributionError
from core.distributed.output import ABOUT, holds_parts, placing, read_parts
from core.distributed.rounds import Row, Work

__all__ = [
    "ABOUT",
    "ClusterRun",
    "DistributionError",
    "Outcome",
    "Row",
    "Work",
    "add_cluster_options",
    "cluster_run",
    "connected",
    "distribute",
    "holds_parts",
    "placing",
    "read_parts",
]
