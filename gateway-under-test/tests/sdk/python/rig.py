"""Where the rig is, as `aoai-loadtest serve` prints it, and the clients that talk to it."""

import os

from openai import AsyncAzureOpenAI, AzureOpenAI, OpenAI

# The four variables name the API with the token limit; the others are beside it.
LIMITED = os.environ["AZURE_OPENAI_ENDPOINT"]
KEY = os.environ["AZURE_OPENAI_API_KEY"]
CHAT = os.environ["AZURE_OPENAI_DEPLOYMENT"]
VERSION = os.environ["OPENAI_API_VERSION"]
GATEWAY = LIMITED.rsplit("/", 1)[0]
PLAIN = f"{GATEWAY}/plain"
EMBEDDINGS = "text-embedding-3-small"

MESSAGES = [{"role": "user", "content": "Say this is a test"}]


def azure(endpoint=PLAIN, key="key-of-python", asynchronous=False, **options):
    """A client of Azure's dated API."""
    client = AsyncAzureOpenAI if asynchronous else AzureOpenAI
    return client(azure_endpoint=endpoint, api_key=key, api_version=VERSION, **options)


def openai(endpoint=PLAIN, key="key-of-python", **options):
    """The plain client, before the API without dates; the gateway takes keys in their own header."""
    headers = {"api-key": key}
    return OpenAI(base_url=f"{endpoint}/openai/v1", api_key=key, default_headers=headers, **options)
