"""What an application does all day, through the gateway, with both clients."""

import asyncio

import pytest

import rig

TOKENS = 12


@pytest.fixture(params=[rig.azure, rig.openai], ids=["azure", "openai"])
def client(request):
    with request.param(max_retries=0, timeout=10) as client:
        yield client


def chat(client, **options):
    return client.chat.completions.create(
        model=rig.CHAT, messages=rig.MESSAGES, max_tokens=TOKENS, **options
    )


def test_a_chat_is_answered_and_says_what_it_used(client):
    answer = chat(client)
    assert len(answer.choices[0].message.content.split()) == TOKENS
    assert answer.choices[0].finish_reason == "length"
    assert answer.usage.completion_tokens == TOKENS
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + TOKENS
    assert answer._request_id


def test_an_answer_names_the_backend_and_carries_its_limits_headers(client):
    answer = client.chat.completions.with_raw_response.create(
        model=rig.CHAT, messages=rig.MESSAGES, max_tokens=TOKENS
    )
    assert answer.headers["x-gw-backend"] == "payg-1"
    assert answer.headers["x-request-id"] == answer.parse()._request_id


def test_a_stream_without_usage_ends_with_its_last_token(client):
    chunks = list(chat(client, stream=True))
    assert len(words(chunks)) == TOKENS
    assert all(chunk.usage is None for chunk in chunks)


def test_a_stream_with_usage_ends_with_it(client):
    chunks = list(chat(client, stream=True, stream_options={"include_usage": True}))
    assert len(words(chunks)) == TOKENS
    assert chunks[-1].choices == []
    assert chunks[-1].usage.completion_tokens == TOKENS
    assert all(chunk.usage is None for chunk in chunks[:-1])


def test_an_asynchronous_stream_does_not_wait_for_more_than_its_end():
    async def read():
        async with rig.azure(asynchronous=True, max_retries=0, timeout=10) as client:
            return [chunk async for chunk in await chat(client, stream=True)]

    chunks = asyncio.run(asyncio.wait_for(read(), timeout=5))
    assert len(words(chunks)) == TOKENS


def test_embeddings_travel_as_base64_and_arrive_as_numbers(client):
    answer = client.embeddings.with_raw_response.create(
        model=rig.EMBEDDINGS, input=["one", "another"]
    )
    sent = answer.http_response.json()["data"]
    assert all(isinstance(embedding["embedding"], str) for embedding in sent)
    embeddings = [embedding.embedding for embedding in answer.parse().data]
    assert [len(embedding) for embedding in embeddings] == [256, 256]
    # Of length 1, as the service has them: no byte of a number was lost.
    assert all(abs(sum(x * x for x in embedding) - 1) < 1e-3 for embedding in embeddings)


def words(chunks):
    """Azure's first chunk has no choice at all."""
    deltas = (choice.delta.content for chunk in chunks for choice in chunk.choices)
    return "".join(delta or "" for delta in deltas).split()
