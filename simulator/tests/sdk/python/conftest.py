import pytest

import rig


@pytest.fixture(params=rig.CLIENTS)
def cloud(request):
    """Makes clients of one way to talk to a simulator."""
    return rig.CLIENTS[request.param]


@pytest.fixture
def client(cloud):
    with cloud() as client:
        yield client
