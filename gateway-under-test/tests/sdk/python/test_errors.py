"""Every refusal is the error that applications catch, with what they look at."""

import openai
import pytest

import rig

FAILURES = {
    401: (openai.AuthenticationError, "401"),
    403: (openai.PermissionDeniedError, "403"),
    429: (openai.RateLimitError, "429"),
    500: (openai.InternalServerError, None),
}

ERRORS = "key-of-python-errors"


def error_of(endpoint=rig.PLAIN, key=ERRORS, kind=openai.APIStatusError, **options):
    request = {"model": rig.CHAT, "messages": rig.MESSAGES, "max_tokens": 5} | options
    with rig.azure(endpoint, key, max_retries=0, timeout=10) as client:
        with pytest.raises(kind) as caught:
            client.chat.completions.create(**request)
    return caught.value


@pytest.mark.parametrize("status", FAILURES)
def test_a_backends_failure_keeps_class_code_and_request_id(status):
    kind, code = FAILURES[status]
    error = error_of(kind=kind, extra_headers={"x-fails": str(status)})
    assert (error.status_code, error.code) == (status, code)
    known_by_its_id(error)
    assert error.response.headers["x-gw-source"] == "backend"


def test_a_prompt_that_does_not_fit_is_a_bad_request_with_its_code():
    messages = [{"role": "user", "content": "word " * 130_000}]
    error = error_of(kind=openai.BadRequestError, messages=messages)
    assert (error.code, error.param) == ("context_length_exceeded", "messages")
    assert error.request_id


def test_an_unknown_deployment_is_not_found_with_its_code():
    error = error_of(kind=openai.NotFoundError, model="nobody")
    assert error.code == "DeploymentNotFound"
    known_by_its_id(error)


# API Management's own bodies have no `error`: there is no code in them, and no request id.


def test_a_wrong_key_is_refused_by_the_gateway():
    refused_by_gateway(error_of(key="wrong", kind=openai.AuthenticationError))


def test_an_unknown_api_is_refused_by_the_gateway():
    refused_by_gateway(error_of(f"{rig.GATEWAY}/nowhere", kind=openai.NotFoundError))


def test_a_backend_that_is_gone_is_an_error_of_the_gateway():
    refused_by_gateway(error_of(f"{rig.GATEWAY}/gone", kind=openai.InternalServerError))


def test_a_token_limit_is_refused_by_the_gateway_with_a_wait():
    spend(rig.LIMITED, tokens=200)
    error = error_of(rig.LIMITED, kind=openai.RateLimitError)
    wait = refused_by_gateway(error).headers["retry-after"]
    assert error.body["message"] == f"Token limit is exceeded. Try again in {wait} seconds."


def test_a_token_quota_is_refused_by_the_gateway_for_good():
    spend(f"{rig.GATEWAY}/spent", tokens=5)
    error = error_of(f"{rig.GATEWAY}/spent", kind=openai.PermissionDeniedError)
    refused_by_gateway(error)
    assert error.body["message"].startswith("Token quota is exceeded. Try again in ")


def known_by_its_id(error):
    """What a model has seen has an id that the SDK knows; the front end's has another name."""
    assert error.request_id == error.response.headers.get("x-request-id")
    assert error.request_id or error.response.headers["apim-request-id"]


def spend(endpoint, tokens):
    with rig.azure(endpoint, ERRORS, max_retries=0, timeout=10) as client:
        client.chat.completions.create(
            model=rig.CHAT, messages=rig.MESSAGES, max_tokens=tokens
        )


def refused_by_gateway(error):
    assert error.code is None
    assert error.body["statusCode"] == error.status_code
    assert error.request_id is None
    assert error.response.headers["x-gw-source"] == "gateway"
    return error.response
