"""A notebook's two ways to ask, each before the token limit of its README."""

import time

import requests
from openai import AzureOpenAI

import rig

COMPLETIONS = (59, 55, 55)
PROMPT_TOKENS = 12


def ask_over_http(tokens):
    """As a notebook does without an SDK: status, headers and body as they come."""
    return requests.post(
        f"{rig.LIMITED}/openai/deployments/{rig.CHAT}/chat/completions",
        params={"api-version": rig.VERSION},
        headers={"api-key": rig.KEY},
        json={"messages": rig.MESSAGES, "max_tokens": tokens - PROMPT_TOKENS},
        timeout=10,
    )


def ask_with_sdk(tokens):
    """As a notebook does with the SDK, which finds endpoint and version by itself.

    It has a key of its own, so that nobody else empties its bucket.
    """
    with AzureOpenAI(api_key="key-of-python") as client:
        return client.chat.completions.with_raw_response.create(
            model=rig.CHAT,
            messages=rig.MESSAGES,
            max_tokens=tokens - PROMPT_TOKENS,
        )


def seen(answer):
    """Status, and what the headers say was consumed and remains."""
    headers = answer.headers
    return (
        answer.status_code,
        headers.get("consumed-tokens"),
        headers.get("remaining-tokens"),
    )


def wait_of(refusal):
    """The promised wait, which header and message agree on."""
    wait = int(refusal.headers["retry-after"])
    message = f"Token limit is exceeded. Try again in {wait} seconds."
    assert refusal.json() == {"statusCode": 429, "message": message}
    return wait


def test_over_http_the_limit_is_seen_and_told_how_long_it_lasts():
    first, second, refused = (ask_over_http(tokens) for tokens in COMPLETIONS)
    assert first.json()["usage"]["total_tokens"] == 59
    assert [seen(first), seen(second)] == [(200, "59", "41"), (200, "55", "0")]
    assert seen(refused)[:2] == (429, None)
    wait = wait_of(refused)
    time.sleep(wait - 3)
    refused_again = ask_over_http(55)
    assert seen(refused_again)[:2] == (429, None)
    assert wait_of(refused_again) < wait
    time.sleep(wait_of(refused_again))
    assert seen(ask_over_http(55)) == (200, "55", "0")


def test_with_the_sdk_the_limit_is_only_a_call_that_takes_longer():
    first, second = (ask_with_sdk(tokens) for tokens in COMPLETIONS[:2])
    assert [seen(first), seen(second)] == [(200, "59", "41"), (200, "55", "0")]
    started = time.monotonic()
    third = ask_with_sdk(55)
    took = time.monotonic() - started
    assert seen(third) == (200, "55", "0")
    assert third.retries_taken == 1
    # 14 tokens more than the bucket holds drip out at 100 a minute.
    assert 7 < took < 10.5
