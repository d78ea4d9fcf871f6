"""Formulae against figures from books, against each other, and against the simulation."""

import math

import numpy as np
import pytest

from core.evaluation.bench.capacity import erlang_c, mean_wait, plan, simulate


def test_the_probability_of_waiting_is_that_of_the_definition() -> None:
    for load, workers in ((0.5, 1), (1.5, 2), (8.0, 10), (20.0, 22)):
        terms = [load**number / math.factorial(number) for number in range(workers)]
        last = load**workers / math.factorial(workers) * workers / (workers - load)
        assert erlang_c(load, workers) == pytest.approx(last / (sum(terms) + last))
    assert erlang_c(900.0, 1000) < 0.01
    with pytest.raises(ValueError, match="cannot keep up"):
        erlang_c(2.0, 2)


def test_one_worker_with_constant_service_waits_as_pollaczek_and_khinchine_say() -> None:
    rate, service = 0.7, 1.0
    exact = rate * service**2 / (2 * (1 - rate * service))
    assert mean_wait(rate, [service], 1) == pytest.approx(exact)
    assert simulate(rate, [service], 1, studies=60_000).mean() == pytest.approx(exact, rel=0.1)


def test_the_simulation_agrees_with_the_formula_for_exponential_service() -> None:
    services = np.random.default_rng(1).exponential(0.4, 20_000)
    rate, workers = 8.0, 4
    waited = simulate(rate, services, workers, studies=60_000)
    assert waited.mean() == pytest.approx(mean_wait(rate, services, workers), rel=0.15)
    assert (waited > 0).mean() == pytest.approx(erlang_c(rate * float(services.mean()), workers), abs=0.03)


def test_a_plan_ends_with_the_workers_that_meet_the_target() -> None:
    lines = list(plan(23.0, [0.13, 0.15, 0.12], studies=5000, target=0.05))
    assert lines[0].workers == math.floor(23 * 0.4 / 3) + 1
    assert lines[-1].simulated_p95 <= 0.05
    assert all(line.simulated_p95 > 0.05 for line in lines[:-1])
    assert all(line.busy < 1 for line in lines)
