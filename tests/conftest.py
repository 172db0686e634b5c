"""What every test can use: the plugins in tests/plugins, and nothing else."""

pytest_plugins = [
    "tests.plugins.scratch",
    "tests.plugins.left_out",
    "tests.plugins.properties",
    "tests.plugins.certificates",
    "tests.plugins.interrupts",
    "tests.plugins.simulator",
    "tests.plugins.engine",
    "tests.plugins.postgresql",
    "tests.plugins.server",
    "tests.plugins.site",
    "tests.plugins.browser",
    "tests.plugins.aimock",
    "tests.plugins.llmock",
    "tests.plugins.contract",
    "tests.plugins.proxy_variables",
    "pytester",
]
