"""What an application does all day, with each client."""

import asyncio

import rig

TOKENS = 12


def test_a_chat_is_answered_and_says_what_it_used(client):
    answer = rig.chat(client, TOKENS)
    assert len(answer.choices[0].message.content.split()) == TOKENS
    assert answer.choices[0].finish_reason == "length"
    assert answer.usage.completion_tokens == TOKENS
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + TOKENS
    assert answer.model == "gpt-4o-2024-11-20"
    assert answer.id.startswith("chatcmpl-")
    assert answer._request_id


def test_a_chat_tells_the_tier_that_was_asked_for(client):
    assert rig.chat(client, service_tier="flex").service_tier == "flex"
    by_default = "default" if "4301" in str(client.base_url) else None
    assert rig.chat(client).service_tier == by_default


def test_a_stream_ends_with_its_usage_where_that_is_asked_for(client):
    for asked in [False, True]:
        options = {"stream_options": {"include_usage": True}} if asked else {}
        chunks = list(rig.chat(client, TOKENS, stream=True, **options))
        assert len(words(chunks)) == TOKENS
        told = [chunk.usage.completion_tokens for chunk in chunks if chunk.usage]
        assert told == ([TOKENS] if asked else [])


def test_an_asynchronous_stream_does_not_wait_for_more_than_its_end(cloud):
    async def read():
        async with cloud(asynchronous=True) as client:
            return [chunk async for chunk in await rig.chat(client, TOKENS, stream=True)]

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


def test_models_are_those_that_a_request_may_name_or_that_could_be_deployed(client):
    listed = [model.id for model in client.models.list()]
    name = "gpt-4o-2024-11-20" if "api-version" in client._custom_query else rig.CHAT
    assert name in listed
    assert client.models.retrieve(name).id == name


def words(chunks):
    """Azure's first chunk has no choice at all."""
    deltas = (choice.delta.content for chunk in chunks for choice in chunk.choices)
    return "".join(delta or "" for delta in deltas).split()
