import socket

import pytest

from registry.errors import PromptInvalidError, PromptVariableInvalidError, PromptVariableMissingError
from registry.templates.schema import check_for, type_name


def _check(properties: dict, used: dict[str, bool] | None = None, **schema: object):
    return check_for({"properties": properties, **schema}, used or {})


def test_used_names_join_the_declared_ones():
    check = _check({"a": {"type": "string"}}, {"b": True, "a": True, "c": False})
    assert check.names == ("a", "b", "c")
    assert check.schema == {
        "type": "object",
        "properties": {"a": {"type": "string"}, "b": {}, "c": {}},
        "required": ["b", "a"],
    }


def test_all_missing_variables_are_named_at_once():
    check = _check({}, {"a": True, "b": True, "c": False})
    with pytest.raises(PromptVariableMissingError, match="variables 'a', 'b' are missing") as caught:
        check.complete({})
    assert caught.value.param == "a"


def test_a_misspelt_variable_is_pointed_at():
    with pytest.raises(PromptVariableMissingError, match="'custmer' was given, was 'customer' meant"):
        _check({}, {"customer": True}).complete({"custmer": 1})


def test_defaults_are_filled_in_and_never_shared():
    check = _check({"a": {"default": ["x"]}, "b": {"default": 3}}, {"a": True, "b": True})
    first = check.complete({"b": 4})
    assert first == {"a": ["x"], "b": 4}
    first["a"].append("y")
    assert check.complete({})["a"] == ["x"]


def test_a_required_list_without_a_name_makes_it_optional():
    assert _check({"a": {}, "b": {}}, {"a": True, "b": True}, required=["b"]).required == ("b",)
    assert _check({"a": {}}, {"a": True}).required == ("a",)
    assert _check({"a": {}}, {}, required=["a", "z"]).required == ("a", "z")


def test_variables_beyond_the_schema_are_kept():
    assert _check({}, {"a": True}).complete({"a": 1, "more": 2}) == {"a": 1, "more": 2}
    with pytest.raises(PromptVariableInvalidError, match=r"variables: Additional properties .*more"):
        _check({"a": {}}, additionalProperties=False).complete({"more": 2})


@pytest.mark.parametrize(
    ("schema", "value", "said"),
    [
        ({"type": "integer"}, "secret", "variable 'a' is a string: it is not of type \"integer\""),
        ({"type": "string"}, None, "variable 'a' is null"),
        ({"type": "string"}, True, "is a boolean"),
        ({"enum": ["formal", "casual"]}, "secret", "it is not one of"),
        ({"type": "number", "maximum": 5}, 6, "is an integer: it is greater than the maximum of 5"),
        ({"items": {"properties": {"n": {"type": "string"}}}}, [{"n": 1.5}], r"variable 'a\[0\].n' is a number"),
        ({"format": "email"}, "secret", '"email"'),
        ({"pattern": "^(a+)+$"}, "a" * 5000 + "secret", "match"),
    ],
)
def test_says_which_variable_is_what_and_what_it_should_be_without_repeating_it(schema, value, said):
    with pytest.raises(PromptVariableInvalidError, match=said) as caught:
        _check({"a": schema}).complete({"a": value})
    assert caught.value.param == "a"
    assert "secret" not in caught.value.message


def test_values_that_are_not_json_are_refused():
    with pytest.raises(PromptVariableInvalidError):
        _check({"a": {"type": "string"}}).complete({"a": object()})
    with pytest.raises(PromptVariableInvalidError, match="not an array"):
        _check({}).complete([("a", 1)])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("declared", "said"),
    [
        ({"type": "array"}, 'of type "object"'),
        ({"properties": []}, 'of type "object"'),
        ({"required": "a"}, "list of their names"),
        ({"properties": {"a": {"type": "text"}}}, "not a JSON Schema"),
        ({"properties": {"a": {"$ref": "http://127.0.0.1:9/x.json"}}}, "not a JSON Schema"),
        ({"properties": {"a": {"pattern": r"^(a*)*(?=b)\1$"}}}, "not a JSON Schema"),  # would backtrack without end
        ({"properties": {"a": {"type": "integer", "examples": [1, "x"]}}}, "example 2 of variable 'a' is not what it declares: it is not of type"),
        ({"properties": {"a": {"items": {"enum": [1]}, "examples": [[1, 2]]}}}, r"example 1 of variable 'a' is not what it declares: 'a\[1\]' is an integer: it is not one of"),
        ({"properties": {"a": {"examples": "x"}}}, "'examples' of variable 'a' is a list|not a JSON Schema"),
        ({"properties": {"a": {"format": "email", "default": "x"}}}, "default of variable 'a' is not what it declares"),
        ({"properties": {"a": {"type": "integer", "default": "x"}}}, "default of variable 'a' is not what it declares: it is not of type"),
    ],
)  # fmt: skip
def test_refuses_declarations_that_can_not_work(declared, said):
    with pytest.raises(PromptInvalidError, match=said):
        check_for(declared, {})


def test_examples_and_defaults_are_judged_one_by_one():
    properties = {"a": {"type": "integer", "examples": [1, 2], "default": 3}, "b": {"examples": ["x"]}}
    check = _check(properties, {"a": True, "b": True}, additionalProperties=False, dependentRequired={"a": ["b"]})
    assert check.required == ("b",)


def test_a_format_that_json_schema_does_not_define_is_a_remark():
    assert _check({"a": {"format": "phone-number"}}).complete({"a": "x"}) == {"a": "x"}


def test_nested_values_are_checked_and_named():
    address = {
        "type": "object",
        "properties": {"city": {"type": "string"}, "zip": {"type": "string"}},
        "required": ["city"],
    }
    check = _check(
        {
            "customer": {
                "type": "object",
                "properties": {"addresses": {"type": "array", "items": address, "minItems": 1}},
            }
        }
    )
    for value, said in (
        ({"addresses": [{"city": "A"}, {"city": 3}]}, r"variable 'customer.addresses\[1\].city' is an integer: "),
        (
            {"addresses": [{"zip": "1"}]},
            r"variable 'customer.addresses\[0\]' is an object: \"city\" is a required property",
        ),
        ({"addresses": []}, "variable 'customer.addresses' is an array"),
    ):
        with pytest.raises(PromptVariableInvalidError, match=said) as caught:
            check.complete({"customer": value})
        assert caught.value.param == "customer"


def test_a_schema_can_not_make_the_server_fetch_a_url():
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}/schema.json"
        with pytest.raises(PromptInvalidError, match="not a JSON Schema"):
            check_for({"properties": {"a": {"$ref": url}}}, {})
        server.setblocking(False)
        with pytest.raises(BlockingIOError):  # nobody knocked
            server.accept()


def test_types_in_words():
    said = [type_name(value) for value in (None, "", 1, 1.0, True, [], {})]
    assert said == ["null", "a string", "an integer", "a number", "a boolean", "an array", "an object"]
