"""The warnings of Hypothesis that tests on real servers accept knowingly."""

from hypothesis import HealthCheck

SLOW_BY_NATURE = (
    HealthCheck.data_too_large,
    HealthCheck.filter_too_much,
    HealthCheck.large_base_example,
    HealthCheck.too_slow,
)
