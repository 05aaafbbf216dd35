"""The clients of each way to talk to the simulators, and what these have booked."""

import json
import time
import uuid

import requests
from openai import AsyncAzureOpenAI, AsyncOpenAI, AzureOpenAI, OpenAI

AZURE = "http://127.0.0.1:4300"
OPENAI = "http://127.0.0.1:4301"
VERSION = "2024-10-21"
CHAT = "gpt-4o"
SLOW = "slow"
# Deployments that serve one request a second.
LIMITED = {"azure": "modern", "openai": "metered"}
EMBEDDINGS = "text-embedding-3-small"
MESSAGES = [{"role": "user", "content": "Say this is a test"}]

OPTIONS = {"api_key": "key", "max_retries": 0, "timeout": 10}


def azure(asynchronous=False, **options):
    """Azure's dated API."""
    client = AsyncAzureOpenAI if asynchronous else AzureOpenAI
    options = {"api_version": VERSION} | OPTIONS | options
    return client(azure_endpoint=AZURE, **options)


def azure_v1(asynchronous=False, **options):
    """The plain client before Azure's API without dates."""
    client = AsyncOpenAI if asynchronous else OpenAI
    return client(base_url=f"{AZURE}/openai/v1", **OPTIONS | options)


def openai(asynchronous=False, **options):
    """The plain client before OpenAI."""
    client = AsyncOpenAI if asynchronous else OpenAI
    return client(base_url=f"{OPENAI}/v1", **OPTIONS | options)


CLIENTS = {"azure": azure, "azure-v1": azure_v1, "openai": openai}


def chat(client, max_tokens=12, model=CHAT, **options):
    return client.chat.completions.create(
        model=model, messages=MESSAGES, max_tokens=max_tokens, **options
    )


def named():
    """Headers with an id that the ledger finds its requests by."""
    return {"x-ms-client-request-id": str(uuid.uuid4())}


def limited(client):
    """The deployment of this client's simulator that serves one request a second."""
    return LIMITED["azure" if "4300" in str(client.base_url) else "openai"]


def booked(client, headers, until=lambda entries: True):
    """The ledger's entries of the requests with these headers, once they are as expected."""
    ledger = f"{AZURE if '4300' in str(client.base_url) else OPENAI}/++/ledger"
    query = {"request_id": headers["x-ms-client-request-id"]}
    for _ in range(100):
        answer = requests.get(ledger, params=query, headers={"api-key": "key"}, timeout=10)
        entries = [json.loads(line) for line in answer.text.splitlines()]
        if until(entries):
            return entries
        time.sleep(0.01)
    raise AssertionError(f"not as expected: {entries}")
