"""A client comes back when it was told to, and gives up as its documentation says."""

import openai
import pytest

import rig

WAIT_S = 0.7
# Between the client's clock and the simulator's there is a busy machine.
SLACK_S = 1.5


def gaps(entries):
    """Seconds from each request to the next."""
    arrived = [entry["arrived"] / 1e6 for entry in entries]
    return [later - earlier for earlier, later in zip(arrived, arrived[1:])]


@pytest.mark.parametrize("stream", [False, True], ids=["chat", "stream"])
def test_a_throttled_call_comes_back_after_the_milliseconds_it_was_told(cloud, stream):
    headers = rig.named() | {"x-throttled": "once"}
    with cloud(max_retries=2) as client:
        rig.chat(client, stream=stream, extra_headers=headers)
        entries = rig.booked(client, headers)
    assert [entry["status"] for entry in entries] == [429, 200]
    (gap,) = gaps(entries)
    assert WAIT_S <= gap < WAIT_S + SLACK_S


def test_a_limit_is_waited_for_as_long_as_it_says(cloud):
    headers = rig.named()
    with cloud(max_retries=2) as client:
        for _ in range(2):
            rig.chat(client, model=rig.limited(client), extra_headers=headers)
        entries = rig.booked(client, headers)
    assert [entry["status"] for entry in entries][-2:] == [429, 200]
    for refused, gap in zip(entries, gaps(entries)):
        if refused["status"] == 429:
            told = refused["retry_after_ms"] / 1e3
            assert 0 < told <= 2
            assert told <= gap < told + SLACK_S


@pytest.mark.parametrize("status", [408, 409, 429, 500, 503])
def test_what_may_pass_is_tried_three_times(cloud, status):
    fault = f"status; code={status}; retry_after=10ms; retry_after_style=ms"
    headers = rig.named() | {"x-simulator-fault": fault}
    with cloud(max_retries=2) as client:
        with pytest.raises(openai.APIStatusError):
            rig.chat(client, extra_headers=headers)
        entries = rig.booked(client, headers)
    assert [entry["status"] for entry in entries] == [status] * 3


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422, 424])
def test_what_will_not_pass_is_not_tried_again(cloud, status):
    headers = rig.named() | {"x-simulator-fault": f"status; code={status}"}
    with cloud(max_retries=2) as client:
        with pytest.raises(openai.APIStatusError):
            rig.chat(client, extra_headers=headers)
        assert len(rig.booked(client, headers)) == 1


def test_a_wait_of_more_than_two_minutes_is_not_waited_for(cloud):
    headers = rig.named() | {"x-simulator-fault": "status; code=429; retry_after=86400s"}
    with cloud(max_retries=2) as client:
        with pytest.raises(openai.RateLimitError):
            rig.chat(client, extra_headers=headers)
        assert len(rig.booked(client, headers)) == 1


def test_a_connection_that_is_reset_is_tried_three_times(cloud):
    headers = rig.named() | {"x-simulator-fault": "reset"}
    with cloud(max_retries=2) as client:
        with pytest.raises(openai.APIConnectionError):
            rig.chat(client, extra_headers=headers)
        assert len(rig.booked(client, headers)) == 3


def test_silence_is_a_timeout(cloud):
    headers = rig.named() | {"x-simulator-fault": "silence"}
    with cloud(timeout=0.3) as client:
        with pytest.raises(openai.APITimeoutError):
            rig.chat(client, extra_headers=headers)
        (entry,) = rig.booked(client, headers, lambda entries: entries[0]["ended"])
    assert entry["aborted_by_client"]
