"""Property tests have no time limit of their own: how long an example takes on a busy machine says nothing of the code."""

import hypothesis


def pytest_configure() -> None:
    hypothesis.settings.register_profile(
        "any-machine", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
    )
    hypothesis.settings.load_profile("any-machine")
