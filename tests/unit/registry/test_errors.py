import registry.errors as errors
from registry.errors import STATUS, RegistryError, nearest, prompt_not_found, version_not_found


def _all(kind: type[RegistryError]) -> set[type[RegistryError]]:
    return {kind}.union(*(_all(sub) for sub in kind.__subclasses__()))


def test_every_error_has_a_status_and_its_own_code():
    assert set(STATUS) == _all(RegistryError)
    codes = [kind.code for kind in STATUS]
    assert len(set(codes)) == len(codes)
    assert all(code.startswith(("prompt_", "registry_", "auth_")) for code in codes)


def test_a_misspelt_slug_is_answered_with_the_nearest():
    error = prompt_not_found("support-agnet", ["billing", "support-agent"])
    assert str(error) == error.message == "prompt 'support-agnet' not found; did you mean 'support-agent'?"
    assert errors.STATUS[type(error)] == 404
    assert "did you mean" not in prompt_not_found("zzz", ["support-agent"]).message


def test_the_versions_that_exist_are_named():
    assert version_not_found("a", 9, 7).message == "prompt 'a' has no version 9; it has versions 1-7"
    assert "only version 1" in version_not_found("a", 9, 1).message


def test_nothing_near_is_nothing():
    assert nearest("abc", []) is None
    assert nearest("abc", ["xyz"]) is None
