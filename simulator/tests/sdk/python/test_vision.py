"""Pictures travel as applications send them, and cost what they are published to cost."""

import base64
import struct
import zlib

import pytest

import rig

# A picture of 1024 × 1024 is four tiles of 170 tokens and 85 on top; at low detail only these.
COSTS = {"high": 765, "low": 85}


def picture(width, height):
    """A black PNG as a data URL."""

    def chunk(kind, data):
        checked = kind + data
        return struct.pack(">I", len(data)) + checked + struct.pack(">I", zlib.crc32(checked))

    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    rows = zlib.compress(bytes(height * (width // 8 + 1)))
    png = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    return "data:image/png;base64," + base64.b64encode(png).decode()


@pytest.mark.parametrize("detail", COSTS)
def test_a_picture_costs_its_tiles(client, detail):
    def prompt_tokens(*parts):
        content = [{"type": "text", "text": "What is this?"}, *parts]
        answer = client.chat.completions.create(
            model=rig.CHAT, messages=[{"role": "user", "content": content}], max_tokens=1
        )
        return answer.usage.prompt_tokens

    image = {"type": "image_url", "image_url": {"url": picture(1024, 1024), "detail": detail}}
    assert prompt_tokens(image) - prompt_tokens() == COSTS[detail]
