"""A sealed stream opens with one key, and only if not a frame of it was changed, left out, moved or cut off."""

import io

import pytest

from ecolink.entrypoints.backup.items import read_items, write_item
from ecolink.entrypoints.backup.sealing import FRAME_BYTES, SealedReader, SealedWriter
from ecolink.errors import InvalidError
from ecolink.protocol.keys import SigningKey

KEY = SigningKey.generate()
FRAME = FRAME_BYTES + 16
"""A frame on the disk, with its tag."""


def seal(content: bytes, key: SigningKey = KEY) -> bytes:
    file = io.BytesIO()
    with SealedWriter(file, key.private.public_key()) as sealed:
        for start in range(0, len(content), 300_000):
            sealed.write(content[start : start + 300_000])
    return file.getvalue()


def unseal(sealed: bytes, key: SigningKey = KEY) -> bytes:
    stream = SealedReader(io.BytesIO(sealed), key)
    return b"".join(iter(lambda: stream.read(200_000), b""))


def frames_of(sealed: bytes) -> tuple[bytes, list[bytes]]:
    """Part a stream into its first line and its frames."""
    header = sealed[: sealed.index(b"\n") + 1]
    rest = sealed[len(header) :]
    return header, [rest[start : start + FRAME] for start in range(0, len(rest), FRAME)]


@pytest.mark.parametrize("size", [0, 1, FRAME_BYTES - 1, FRAME_BYTES, FRAME_BYTES + 1, 3 * FRAME_BYTES])
def test_what_was_sealed_comes_out_as_it_went_in(size: int) -> None:
    content = bytes(range(256)) * (size // 256 + 1)
    assert unseal(seal(content[:size])) == content[:size]


def test_a_stream_cut_off_after_a_whole_frame_is_noticed() -> None:
    header, frames = frames_of(seal(b"x" * (2 * FRAME_BYTES + 5)))
    assert len(frames) == 3
    for kept in range(3):
        with pytest.raises(InvalidError, match="breaks off or was changed"):
            unseal(header + b"".join(frames[:kept]))


def test_frames_moved_left_out_doubled_or_of_another_file_are_noticed() -> None:
    header, (one, two, last) = frames_of(seal(b"x" * (2 * FRAME_BYTES + 5)))
    _, (other, *_) = frames_of(seal(b"x" * (2 * FRAME_BYTES + 5)))
    for frames in ((two, one, last), (one, last), (one, one, two, last), (one, other, last), (one, two, last, last)):
        with pytest.raises(InvalidError, match="breaks off or was changed"):
            unseal(header + b"".join(frames))


def test_only_the_key_it_was_sealed_to_opens_it_whatever_its_first_line_claims() -> None:
    thief = SigningKey.generate()
    header, frames = frames_of(seal(b"the matter"))
    with pytest.raises(InvalidError, match="sealed to another key"):
        unseal(header + frames[0], thief)
    forged, _ = frames_of(seal(b"", thief))
    relabelled = forged.split(b".")[0] + header[header.index(b".") :]
    with pytest.raises(InvalidError, match="does not open"):
        unseal(relabelled + frames[0], thief)


def test_nothing_of_a_frame_is_handed_on_before_it_was_verified() -> None:
    sealed = bytearray(seal(b"a" * FRAME_BYTES + b"b" * 10))
    sealed[-1] ^= 1
    stream = SealedReader(io.BytesIO(bytes(sealed)), KEY)
    assert stream.read(FRAME_BYTES) == b"a" * FRAME_BYTES
    with pytest.raises(InvalidError):
        stream.read(1)


def test_an_item_left_unread_is_passed_over() -> None:
    file = io.BytesIO()
    with SealedWriter(file, KEY.private.public_key()) as sealed:
        write_item(sealed, "large", [b"x" * 3_000_000])
        write_item(sealed, "empty", [])
        write_item(sealed, "small", [b"a", b"b"])
    file.seek(0)
    names = []
    for item in read_items(SealedReader(file, KEY)):
        names.append(item.name)
        if item.name == "small":
            assert item.read() == b"ab"
    assert names == ["large", "empty", "small"]


def test_a_stream_that_broke_off_while_it_was_written_does_not_open() -> None:
    file = io.BytesIO()

    def break_off() -> None:
        with SealedWriter(file, KEY.private.public_key()) as sealed:
            sealed.write(b"x" * (FRAME_BYTES + 1))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        break_off()
    with pytest.raises(InvalidError):
        unseal(file.getvalue())
