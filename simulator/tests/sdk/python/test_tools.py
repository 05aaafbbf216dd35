"""Calls of tools and answers by a schema, through the helpers that applications use."""

import json

import pytest
from pydantic import BaseModel

import rig

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather at a place.",
        "parameters": {
            "type": "object",
            "properties": {
                "city": {"type": "string"},
                "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]},
            },
            "required": ["city", "unit"],
            "additionalProperties": False,
        },
        "strict": True,
    },
}


class Step(BaseModel):
    explanation: str
    output: str


class Solution(BaseModel):
    steps: list[Step]
    confidence: float


def ask(client, messages, **options):
    return client.chat.completions.create(model=rig.CHAT, messages=messages, **options)


def test_a_tool_is_called_and_its_result_is_answered(client):
    named = {"type": "function", "function": {"name": "get_weather"}}
    called = ask(client, rig.MESSAGES, tools=[WEATHER], tool_choice=named).choices[0]
    (call,) = called.message.tool_calls
    assert call.function.name == "get_weather"
    arguments = json.loads(call.function.arguments)
    assert set(arguments) == {"city", "unit"}
    assert arguments["unit"] in ("celsius", "fahrenheit")
    result = {"role": "tool", "tool_call_id": call.id, "content": "22"}
    answer = ask(client, [*rig.MESSAGES, called.message, result], tools=[WEATHER])
    assert answer.choices[0].message.content
    assert answer.choices[0].message.tool_calls is None


@pytest.mark.parametrize("strict", [True, False])
def test_a_streamed_call_is_put_together(client, strict):
    function = WEATHER["function"] | {"strict": strict}
    tools = [WEATHER | {"function": function}]
    stream = client.chat.completions.stream(
        model=rig.CHAT, messages=rig.MESSAGES, tools=tools, tool_choice="required"
    )
    with stream as events:
        final = events.get_final_completion().choices[0]
    assert final.finish_reason == "tool_calls"
    assert set(json.loads(final.message.tool_calls[0].function.arguments)) == {"city", "unit"}


def test_an_answer_by_a_schema_is_parsed(client):
    answer = client.chat.completions.parse(
        model=rig.CHAT, messages=rig.MESSAGES, response_format=Solution
    )
    assert isinstance(answer.choices[0].message.parsed, Solution)


def test_a_streamed_answer_by_a_schema_is_parsed(client):
    stream = client.chat.completions.stream(
        model=rig.CHAT, messages=rig.MESSAGES, response_format=Solution
    )
    with stream as events:
        assert isinstance(events.get_final_completion().choices[0].message.parsed, Solution)
