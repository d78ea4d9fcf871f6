"""What operators see of the requests: an id and a log line for each, and figures for Prometheus at ``/metrics``."""

import logging
import os
import re
import time
import uuid
from collections.abc import Iterator

from flask import Flask, Response, g, request
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, Histogram, Metric, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from core.logs import request_id
from core.studies.counts import count
from core.studies.database import Database
from core.studies.errors import Unavailable

log = logging.getLogger(__name__)

_ID_HEADER = "X-Request-ID"
_ID = re.compile(r"[0-9A-Za-z-]{8,64}")

# Addresses hold ids of studies and questions hold what people look for, so that requests are told by their endpoints.
_REQUESTS = Histogram(
    "chestlens_request_seconds", "Time to answer a request, by endpoint.", ["method", "endpoint", "status"]
)


def observe(app: Flask, database: Database) -> None:
    """Name, time and log every request, and give out figures of these and of what is in the database."""

    @app.before_request
    def begin() -> None:
        g.began = time.monotonic()
        # A proxy's own id, so that its log and ours can be held together.
        given = request.headers.get(_ID_HEADER, "")
        request_id.set(given if _ID.fullmatch(given) else uuid.uuid4().hex)

    @app.after_request
    def end(response: Response) -> Response:
        response.headers[_ID_HEADER] = request_id.get() or ""
        seconds = time.monotonic() - g.began
        endpoint = request.endpoint or "unknown"
        _REQUESTS.labels(request.method, endpoint, response.status_code).observe(seconds)
        told = {
            "method": request.method,
            "endpoint": endpoint,
            "study": (request.view_args or {}).get("study_id"),
            "status": response.status_code,
            "milliseconds": round(seconds * 1000),
        }
        level = logging.DEBUG if endpoint in ("static", "health.alive", "health.ready") else logging.INFO
        log.log(level, "%(method)s %(endpoint)s %(status)d, %(milliseconds)d ms", told, extra=told)
        return response

    @app.teardown_request
    def forget(_: BaseException | None) -> None:
        request_id.set(None)

    @app.get("/metrics", endpoint="metrics")
    def metrics() -> Response:
        """Figures of all web processes where ``PROMETHEUS_MULTIPROC_DIR`` names their folder, else of this one."""
        registry = REGISTRY
        if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
            registry = CollectorRegistry()
            MultiProcessCollector(registry)
        figures = generate_latest(registry)
        # What the rows say is the same whichever process is asked, workers of other machines included.
        rows = CollectorRegistry()
        rows.register(_Rows(database))
        try:
            figures += generate_latest(rows)
        except Unavailable as error:
            log.warning("studies and jobs could not be counted: %s", error)
        return Response(figures, content_type=CONTENT_TYPE_LATEST)


class _Rows(Collector):
    """Studies and jobs in the database, counted when they are asked for."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def collect(self) -> Iterator[Metric]:
        counts = count(self._database)
        studies = GaugeMetricFamily("chestlens_studies", "Studies by status.", labels=["status"])
        for status, number in counts.studies.items():
            studies.add_metric([status], number)
        yield studies
        jobs = GaugeMetricFamily("chestlens_jobs", "Jobs by kind and state.", labels=["kind", "state"])
        for (kind, state), number in counts.jobs.items():
            jobs.add_metric([kind, state], number)
        yield jobs
        yield GaugeMetricFamily(
            "chestlens_oldest_job_seconds", "For so long the oldest job has waited.", value=counts.oldest_wait_s
        )
