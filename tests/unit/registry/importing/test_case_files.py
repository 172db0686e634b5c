"""Files of cases: our own, tables, and promptfoo's; what they come to, and what is said where they make no sense."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.case_content import check_case
from registry.cases import Case, Check
from registry.errors import PromptInvalidError
from registry.files.case_file import CASE_FORMATS, write_cases
from registry.importing.cases.files import read_cases
from registry.importing.cases.reading import joined

WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=6,
)
CHECKS = st.builds(
    Check,
    type=st.sampled_from(["equals", "not-contains", "is-json", "similar"]),
    value=JSON,
    threshold=st.none() | st.floats(0, 1),
    weight=st.floats(0, 10),
    metric=WORDS,
    options=st.dictionaries(WORDS, JSON, max_size=2),
)
CASES = st.builds(
    Case,
    variables=st.dictionaries(WORDS, JSON, min_size=1, max_size=3),
    messages=st.tuples() | st.tuples(st.just({"role": "user", "content": "hi"})),
    expected=st.none() | WORDS,
    checks=st.lists(CHECKS, max_size=2).map(tuple),
    tags=st.lists(st.text("abcé ", min_size=1).filter(str.strip), max_size=2).map(tuple),
    weight=st.floats(0, 5),
    must_pass=st.booleans(),
    note=WORDS,
    source=st.dictionaries(WORDS, WORDS, max_size=1),
)


@settings(max_examples=60)
@given(
    cases=st.lists(CASES, min_size=1, max_size=3),
    checks=st.lists(CHECKS, max_size=2),
    form=st.sampled_from(CASE_FORMATS),
)
def test_what_was_written_reads_as_the_same(cases, checks, form):
    cases = [check_case(case) for case in cases]
    text = write_cases(cases, checks, form=form, dataset="golden")
    found = read_cases(text, f"golden.{form}")
    assert list(found.cases) == cases
    assert list(found.checks) == checks
    assert [case.case_id for case in found.cases] == [case.case_id for case in cases]


def test_own_yaml():
    found = read_cases(
        """
        checks:
          - type: not-icontains
            value: as an AI
        cases:
          - variables: {question: "Where is my parcel?"}
            expected: On its way
            checks: [{type: contains, value: way}]
            tags: [shipping]
            must_pass: true
        """,
        "golden.yaml",
    )
    assert found.checks == (Check(type="not-icontains", value="as an AI"),)
    assert found.cases == (
        Case(
            variables={"question": "Where is my parcel?"},
            expected="On its way",
            checks=(Check(type="contains", value="way"),),
            tags=("shipping",),
            must_pass=True,
        ),
    )


TABLE = """question,__expected,__expected2,__description,__metadata:category,__metadata:tags[],__weight,__must_pass,__reference
"What is 2+2?",equals: 4,"contains-any: four, 4",sums,math,"a,b\\,c",2,yes,four
"Say, hi",hi,,,,,,,
"Pick","not-similar(0.8): Hello, there",is-json,,,,,,
"""


def test_a_table():
    sums, hi, pick = read_cases(TABLE, "t.csv").cases
    assert sums == Case(
        variables={"question": "What is 2+2?"},
        expected="four",
        checks=(Check(type="equals", value="4"), Check(type="contains-any", value=["four", "4"])),
        tags=("category=math", "a", "b,c"),
        weight=2.0,
        must_pass=True,
        note="sums",
    )
    assert hi.checks == (Check(type="equals", value="hi"),)
    assert pick.checks == (Check(type="not-similar", value="Hello, there", threshold=0.8), Check(type="is-json"))


@pytest.mark.parametrize(
    ("cell", "check"),
    [
        ("Paris", Check(type="equals", value="Paris")),
        ("Note: it depends", Check(type="equals", value="Note: it depends")),
        ("cost", Check(type="equals", value="cost")),
        ("is-refusal", Check(type="is-refusal")),
        ("latency(1000)", Check(type="latency", threshold=1000.0)),
        ("cost(0.01)", Check(type="cost", threshold=0.01)),
        ("grade: polite", Check(type="llm-rubric", value="polite")),
        ("regex: ^a:b$", Check(type="regex", value="^a:b$")),
        ("similar:words(0.5): a b", Check(type="similar:words", value="a b", threshold=0.5)),
        ('icontains-all: "a, b", c', Check(type="icontains-all", value=["a, b", "c"])),
        ("contains:\ntwo lines", Check(type="contains", value="two lines")),
    ],
)
def test_a_cell_is_a_check(cell, check):
    text = 'q,__expected\n1,"{}"\n'.format(cell.replace('"', '""'))
    assert read_cases(text, "t.csv").cases[0].checks == (check,)


def test_settings_of_checks_and_a_threshold_in_a_table():
    text = (
        "q,__expected1,__expected2,__metric,__threshold,__config:__expected2:threshold\n"
        "1,contains: a,similar: b,accuracy,0.5,0.9\n"
    )
    [check] = read_cases(text, "t.csv").cases[0].checks
    assert (check.type, check.threshold) == ("assert-set", 0.5)
    assert check.value == [
        {"type": "contains", "value": "a", "metric": "accuracy"},
        {"type": "similar", "value": "b", "threshold": 0.9, "metric": "accuracy"},
    ]


def test_tabs_and_semicolons_stand_between_columns_too():
    assert read_cases("a;b\n1;2,5\n", "t.csv").cases[0].variables == {"a": "1", "b": "2,5"}
    assert read_cases("a\tb\n1\t2\n", "t.tsv").cases[0].variables == {"a": "1", "b": "2"}


CONFIG = """
prompts: [file://p.txt]
providers: [openai:gpt-4o]
assertionTemplates:
  polite:
    type: llm-rubric
    value: is polite
defaultTest:
  vars: {lang: en}
  assert:
    - type: not-icontains
      value: as an AI
  metadata: {suite: smoke}
tests:
  - description: capitals
    vars:
      country: [France, Italy]
      style: [short, long]
    assert:
      - $ref: '#/assertionTemplates/polite'
      - type: icontains
        value: '{{country}}'
        weight: 2
        metric: names it
    metadata: {tags: [geo], must_pass: true}
  - vars: file://vars.csv
    options: {disableVarExpansion: true}
  - file://more.yaml
  - file://rows.csv
"""
FILES = {
    "vars.csv": "country\nSpain\nPeru\n",
    "more.yaml": "- vars: {doc: file://doc.txt}\n  assert:\n    - type: is-json\n      value: file://schema.json\n",
    "rows.csv": "country,__expected\nChad,contains: N'Djamena\n",
    "doc.txt": "a long text",
    "schema.json": '{"type": "object"}',
}


def find(path: str) -> list[tuple[str, str]]:
    return [(path, FILES[path])] if path in FILES else []


def test_a_promptfoo_config():
    found = read_cases(CONFIG, "promptfooconfig.yaml", find)
    assert found.checks == (Check(type="not-icontains", value="as an AI"),)
    capitals, rest = found.cases[:4], found.cases[4:]
    assert [(case.variables["country"], case.variables["style"]) for case in capitals] == [
        ("France", "short"),
        ("France", "long"),
        ("Italy", "short"),
        ("Italy", "long"),
    ]
    assert capitals[0] == Case(
        variables={"lang": "en", "country": "France", "style": "short"},
        checks=(
            Check(type="llm-rubric", value="is polite"),
            Check(type="icontains", value="{{country}}", weight=2.0, metric="names it"),
        ),
        tags=("suite=smoke", "geo"),
        must_pass=True,
        note="capitals",
    )
    assert [case.variables for case in rest] == [
        {"lang": "en", "country": "Spain"},
        {"lang": "en", "country": "Peru"},
        {"lang": "en", "doc": "a long text"},
        {"lang": "en", "country": "Chad"},
    ]
    assert rest[2].checks == (Check(type="is-json", value={"type": "object"}),)
    assert rest[3].checks == (Check(type="contains", value="N'Djamena"),)


def test_a_tests_own_variables_win_over_the_defaults():
    config = {"defaultTest": {"vars": {"lang": "en", "tone": "dry"}}, "tests": [{"vars": {"lang": "fr"}}]}
    assert read_cases(json.dumps(config), "c.json").cases[0].variables == {"lang": "fr", "tone": "dry"}


def test_default_asserts_stand_in_the_cases_where_one_leaves_them_out():
    config = {
        "defaultTest": {"assert": [{"type": "is-json"}]},
        "tests": [
            {"vars": {"a": 1}, "assert": [{"type": "cost", "threshold": 0.1}]},
            {"vars": {"a": 2}, "options": {"disableDefaultAsserts": True}},
            {"vars": {"a": 3}, "assert": [{"type": "contains", "value": "x"}], "threshold": 0.5},
        ],
    }
    found = read_cases(json.dumps(config), "c.json")
    assert found.checks == ()
    assert [[check.type for check in case.checks] for case in found.cases] == [["is-json", "cost"], [], ["assert-set"]]
    assert [each["type"] for each in found.cases[2].checks[0].value] == ["is-json", "contains"]


def test_lists_and_lines_of_tests():
    tests = [{"vars": {"x": 1}, "assert": [{"type": "equals", "value": "1"}]}, {"vars": {"x": 2}}]
    from_list = read_cases(json.dumps(tests), "t.json")
    from_lines = read_cases("\n".join(map(json.dumps, tests)), "t.jsonl")
    assert from_list == from_lines
    assert [case.variables for case in from_list.cases] == [{"x": 1}, {"x": 2}]


def test_what_is_left_out_is_said():
    test = {
        "vars": {"a": 1},
        "providers": ["x"],
        "assert": [{"type": "llm-rubric", "value": "v", "provider": "openai:o"}],
    }
    notes = read_cases(json.dumps([test]), "t.json").notes
    assert any("the provider that grades is left out" in note for note in notes)
    assert "left out of tests: providers" in notes


def test_several_files_are_one():
    one = read_cases(write_cases([Case(variables={"a": 1})], [Check(type="is-json")], form="jsonl"), "a.jsonl")
    two = read_cases("a\n2\n", "b.csv")
    both = joined([one, two])
    assert both.checks == ()
    assert [[check.type for check in case.checks] for case in both.cases] == [["is-json"], []]
    assert joined([one, one]).checks == (Check(type="is-json"),)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("t.yaml", "cases: []", "it holds no case"),
        ("t.yaml", "hello", "it is no dataset"),
        ("t.yaml", "cases: [{variables: {a: 1}}]\nchekcs: []", "did you mean 'checks'?"),
        ("t.yaml", "cases: [{variables: {a: 2026-01-01}}]", "'cases[0].variables' holds what JSON doesn't have"),
        ("t.yaml", "a: [", "not YAML"),
        ("t.jsonl", '{"variables": {"a": 1}}\n{"variables"', "line 2: is no JSON"),
        ("t.jsonl", '{"variables": {"a": 1}}\n\n{"varables": {}}', "'line 3.varables' is not a field"),
        (
            "t.csv",
            "q,__expected\n1,contians: x\n",
            "'line 2, __expected' begins with 'contians:', which is no check; did you",
        ),
        ("t.csv", "q,__expected\n1,javascript: output.length < 10\n", "runs a program in JavaScript"),
        ("t.csv", "q,__expected\n1,fn: output\n", "runs a program in JavaScript"),
        ("t.csv", "q,__expcted\n1,x\n", "line 2, __expcted: is no column that there is; did you mean '__expected'?"),
        ("t.csv", "q,__prefix\n1,You must\n", "changes the prompt"),
        ("t.csv", "q,__threshold,__expected\n1,high,a\n", "line 2, __threshold: is a number, not 'high'"),
        ("t.csv", "q,__must_pass\n1,maybe\n", "is true or false"),
        ("t.csv", "q,q\n1,2\n", "names the columns, each once"),
        ("t.csv", "q\n1,2\n", "line 2: has 2 cells and there are 1 columns"),
        ("t.csv", 'q\n"a\n', "is no CSV"),
        ("t.csv", "q,__config:__expected2:threshold,__expected\n1,0.5,a\n", "there is no __expected2"),
        ("t.yaml", "tests: file://gen.py:tests", "is a program that makes tests"),
        ("t.yaml", "tests: [{path: 'file://gen.js'}]", "is a program that makes tests"),
        ("t.yaml", "tests: huggingface://datasets/x", "stands on another server"),
        ("t.yaml", "tests: file://t.xlsx", "save tables as CSV"),
        ("t.yaml", "tests: file://gone.yaml", "tests: the file 'gone.yaml' is not there"),
        ("t.yaml", "tests: [{vars: {a: file://x.png}}]", "tests[0].vars.a: 'x.png' is no text"),
        ("t.yaml", "scenarios: []", "scenarios: are not read"),
        (
            "t.yaml",
            "tests: [{vars: {a: 1}, assert: [{type: javascript, value: x}]}]",
            "'tests[0].assert[0]' names the check 'javascript'",
        ),
        ("t.yaml", "tests: [{vars: {a: 1}, assert: [{type: equlas, value: x}]}]", "did you mean 'equals'?"),
        (
            "t.yaml",
            "tests: [{vars: {a: 1}, assert: [{$ref: '#/assertionTemplates/x'}]}]",
            "which 'assertionTemplates' doesn't",
        ),
        ("t.yaml", "tests: [{vars: {a: 1}, assert: [{type: equals, value: 1, transform: x}]}]", "before it is checked"),
        ("t.yaml", "tests: [{vars: {a: 1}, options: {transform: x}}]", "changes the prompt or the output"),
        ("t.yaml", "tests: [{vars: {a: 1}, assertScoringFunction: x}]", "is a program"),
        (
            "t.yaml",
            f"tests: [{{vars: {{a: {list(range(200))}, b: {list(range(200))}}}}}]",
            "stands for 40,000 combinations",
        ),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_place(name, text, said):
    with pytest.raises(PromptInvalidError) as refused:
        read_cases(text, name)
    assert said in refused.value.message
