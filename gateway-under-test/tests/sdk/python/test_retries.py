"""A 429 that says when to come back is not seen: the call takes as long as it was told to wait."""

import time

import pytest

import rig

WAIT_S = 2
# The service takes milliseconds; the rest is for a busy machine.
SLACK_S = 1.5


@pytest.mark.parametrize("stream", [False, True], ids=["chat", "stream"])
def test_a_throttled_call_is_answered_after_the_wait(stream):
    headers = {"x-throttled": "python-stream" if stream else "python-chat"}
    with rig.azure(timeout=10) as client:
        started = time.monotonic()
        answer = client.chat.completions.with_raw_response.create(
            model=rig.CHAT,
            messages=rig.MESSAGES,
            max_tokens=5,
            stream=stream,
            extra_headers=headers,
        )
        took = time.monotonic() - started
    assert answer.retries_taken == 1
    assert WAIT_S <= took < WAIT_S + SLACK_S
