#!/usr/bin/python3
"""Checks a signed image with nothing of Tinsmith's own code: MCUboot's format as its documentation has it, and
python3-cryptography. Prints what the image says as JSON; exit 1 and a reason when something is wrong.

usage: verify_image.py IMAGE PUBLIC_KEY.pem
"""
import hashlib
import json
import struct
import sys

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key


def fail(reason):
    print(reason, file=sys.stderr)
    sys.exit(1)


def tlv_area(image, offset, magic):
    """The TLVs of one area as [(type, value)], and the offset behind it."""
    if offset + 4 > len(image):
        fail("the file ends before its TLVs")
    found, size = struct.unpack_from("<HH", image, offset)
    if found != magic:
        fail(f"TLV magic {found:#x} instead of {magic:#x}")
    end = offset + size
    if end > len(image):
        fail("the TLVs reach beyond the file")
    tlvs = []
    at = offset + 4
    while at < end:
        kind, length = struct.unpack_from("<HH", image, at)
        if at + 4 + length > end:
            fail("a TLV reaches beyond its area")
        tlvs.append((kind, image[at + 4:at + 4 + length]))
        at += 4 + length
    return tlvs, end


def only(tlvs, kind):
    values = [value for found, value in tlvs if found == kind]
    if len(values) != 1:
        fail(f"{len(values)} TLVs of type {kind:#x} instead of one")
    return values[0]


def main():
    with open(sys.argv[1], "rb") as file:
        image = file.read()
    with open(sys.argv[2], "rb") as file:
        key = load_pem_public_key(file.read())
    if not isinstance(key, Ed25519PublicKey):
        fail("the key is no Ed25519 key")
    if len(image) < 32:
        fail("the file is shorter than a header")

    magic, load, header, protected_size, size, flags, major, minor, revision, build = struct.unpack_from(
        "<IIHHIIBBHI", image)
    if magic != 0x96F3B83D:
        fail(f"magic {magic:#x}")
    if header != 0x400 or flags != 0x100:
        fail(f"header size {header:#x}, flags {flags:#x}")
    if any(image[32:header]):
        fail("the header's padding is not zero")
    protected, signed_end = tlv_area(image, header + size, 0x6908)
    if signed_end - header - size != protected_size:
        fail("the header and the protected TLVs disagree about their size")
    tlvs, end = tlv_area(image, signed_end, 0x6907)
    if end != len(image):
        fail("bytes follow the image")

    digest = hashlib.sha256(image[:signed_end]).digest()
    if digest != only(tlvs, 0x10):
        fail("the digest is wrong")
    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if hashlib.sha256(der).digest() != only(tlvs, 0x01):
        fail("the key hash is another key's")
    try:
        key.verify(only(tlvs, 0x24), digest)
    except InvalidSignature:
        fail("the signature is wrong")

    print(json.dumps({
        "digest": digest.hex(),
        "slot_base": load,
        "version": f"{major}.{minor}.{revision}+{build}",
        "counter": struct.unpack("<I", only(protected, 0x50))[0],
        "model_digest": only(protected, 0xA0).hex(),
        "data_digest": only(protected, 0xA1).hex(),
        "board": only(protected, 0xA2).decode(),
    }))


main()
