"""Every refusal is the error that applications catch, with what they look at."""

import openai
import pytest

import rig

# Class, code on Azure, code on OpenAI.
FAILURES = {
    400: (openai.BadRequestError, "content_filter", None),
    401: (openai.AuthenticationError, "401", "invalid_api_key"),
    403: (openai.PermissionDeniedError, "403", "unsupported_country_region_territory"),
    404: (openai.NotFoundError, "DeploymentNotFound", "model_not_found"),
    408: (openai.APIStatusError, "Timeout", None),
    409: (openai.ConflictError, "409", None),
    422: (openai.UnprocessableEntityError, "422", None),
    424: (openai.APIStatusError, "424", None),
    429: (openai.RateLimitError, "429", "rate_limit_exceeded"),
    500: (openai.InternalServerError, None, None),
    503: (openai.InternalServerError, "ServiceUnavailable", None),
}


def error_of(client, kind=openai.APIStatusError, fault=None, **options):
    headers = {"x-simulator-fault": fault} if fault else {}
    with pytest.raises(kind) as caught:
        rig.chat(client, extra_headers=headers, **options)
    return caught.value


@pytest.mark.parametrize("status", FAILURES)
def test_each_status_is_an_error_with_its_code_and_id(client, status):
    kind, azure, openai_ = FAILURES[status]
    error = error_of(client, kind, f"status; code={status}")
    assert error.status_code == status
    assert error.code == (azure if "4300" in str(client.base_url) else openai_)
    known_by_its_id(error)


def test_a_wrong_key_is_refused(cloud):
    with cloud(api_key="wrong") as client:
        error = error_of(client, openai.AuthenticationError)
    known_by_its_id(error)


def test_what_is_wrong_with_a_request_names_the_parameter(client):
    error = error_of(client, openai.BadRequestError, max_tokens=0)
    assert (error.code, error.param) == ("integer_below_min_value", "max_tokens")
    assert error.type == "invalid_request_error"
    assert error.request_id


def test_a_prompt_that_does_not_fit_is_a_bad_request_with_its_code(client):
    error = error_of(client, openai.BadRequestError, max_tokens=128_000)
    assert (error.code, error.param) == ("context_length_exceeded", "messages")
    assert error.request_id


def test_an_unknown_deployment_is_not_found(client):
    error = error_of(client, openai.NotFoundError, model="nobody")
    assert error.code in ("DeploymentNotFound", "model_not_found")


def test_an_unknown_version_is_not_found():
    with rig.azure(api_version="2024-10-22") as client:
        assert error_of(client, openai.NotFoundError).code == "404"


def test_an_unknown_model_is_not_found(client):
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("nobody")


def known_by_its_id(error):
    """What a model has seen has an id that the SDK knows; Azure's front end has another name."""
    assert error.request_id == error.response.headers.get("x-request-id")
    assert error.request_id or error.response.headers["apim-request-id"]
