"""Streams that do not come to their end."""

import openai
import pytest

import rig


def read(client, fault, **options):
    """The chunks of a stream until it breaks, and how it does."""
    chunks = []
    try:
        for chunk in rig.chat(client, stream=True, extra_headers={"x-simulator-fault": fault}, **options):
            chunks += chunk.choices
    except Exception as error:
        return chunks, error
    return chunks, None


def test_a_stream_that_is_cut_is_an_error_after_what_was_sent(client):
    chunks, error = read(client, "cut; after_tokens=3")
    assert isinstance(error, openai.APIConnectionError), repr(error)
    assert len([chunk for chunk in chunks if chunk.delta.content]) == 3


def test_an_error_in_a_stream_is_raised_as_one(client):
    chunks, error = read(client, "error; after_tokens=3")
    assert type(error) is openai.APIError
    assert error.body["type"] == "server_error"
    assert len([chunk for chunk in chunks if chunk.delta.content]) == 3


def test_a_frame_that_is_no_json_is_an_error(client):
    chunks, error = read(client, "malformed; after_tokens=3")
    assert isinstance(error, ValueError), repr(error)


def test_a_stream_without_its_end_mark_just_ends(client):
    chunks, error = read(client, "no_done")
    assert error is None
    assert chunks[-1].finish_reason == "length"


def test_who_hangs_up_is_booked_before_the_next_token_is_due(cloud):
    headers = rig.named()
    with cloud() as client:
        with rig.chat(client, model=rig.SLOW, stream=True, extra_headers=headers) as stream:
            for chunk in stream:
                if chunk.choices and chunk.choices[0].delta.content:
                    break
        (entry,) = rig.booked(client, headers, lambda entries: entries[0]["ended"])
    assert entry["aborted_by_client"]
    assert entry["tokens_yielded"] == 1
    # The second token was due two seconds after the first.
    assert entry["ended"] - entry["first_byte"] < 2_000_000
