"""The compiled prompt: values of variables stand in the text once, and the text is bounded."""

from time import process_time

import pytest

from contracts.agent_document import MAX_PROMPT_BYTES, MAX_SECTION_BYTES, Section
from services.internal_admin.agents.domain.prompt import Prompt, PromptTooLong, UnknownVariable, compile_prompt


def compiled(*texts: str, **variables: str) -> Prompt:
    sections = [Section(f"section-{place}", text) for place, text in enumerate(texts)]
    prompt = compile_prompt(sections, variables)
    assert isinstance(prompt, Prompt)
    return prompt


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hello {{name}}.", "Hello Ada."),
        ("{{name}}{{ name }}", "AdaAda"),
        ("{{ nested }}", "{{name}}"),
        ("{name} {{name} {{}} {{1}} {{na me}}", "{name} {{name} {{}} {{1}} {{na me}}"),
        ("{{{name}}}", "{Ada}"),
        (" {{name}}\n", " Ada\n"),
        ("", ""),
    ],
)
def test_a_name_in_double_braces_is_replaced_once(text: str, expected: str) -> None:
    assert compiled(text, name="Ada", nested="{{name}}").text == expected


def test_sections_are_joined_by_an_empty_line_and_measured_in_bytes() -> None:
    prompt = compiled("é{{who}}", "second", who="ü", unused="x")
    assert (prompt.text, [tuple(each) for each in prompt.sections]) == (
        "éü\n\nsecond",
        [("section-0", 4), ("section-1", 6)],
    )
    assert (prompt.variables, prompt.estimated_tokens) == (("who",), 3)


def test_an_unknown_name_is_told_once_for_each_section() -> None:
    prompt = compiled("{{a}}{{a}}{{b}}", "{{a}}", b="x")
    assert prompt.unknown == (UnknownVariable("section-0", "a"), UnknownVariable("section-1", "a"))


def test_a_prompt_of_the_largest_size_is_compiled_and_a_larger_one_is_not() -> None:
    half = "x" * (MAX_SECTION_BYTES // 2)
    sections = [Section("a", "{{x}}" * 8)]
    assert isinstance(compile_prompt(sections, {"x": half}), Prompt)
    assert isinstance(compile_prompt([Section("a", "{{x}}" * 8 + "y")], {"x": half}), PromptTooLong)
    assert isinstance(compile_prompt([*sections, Section("b", "y")], {"x": half}), PromptTooLong)
    assert 8 * len(half) == MAX_PROMPT_BYTES


def test_names_that_stand_for_gigabytes_cost_no_more_than_the_largest_prompt() -> None:
    began = process_time()
    found = compile_prompt([Section("a", "{{x}}" * 13_000)], {"x": "y" * MAX_SECTION_BYTES})
    assert (found, process_time() - began < 0.5) == (PromptTooLong(), True)
