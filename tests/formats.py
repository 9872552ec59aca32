"""Files of the formats that the corpus room reads, made for tests."""

import bz2
import gzip
import io
import lzma
import tarfile

import zstandard

COMPRESS = {
    "": bytes,
    ".gz": gzip.compress,
    ".zst": zstandard.ZstdCompressor(write_checksum=True).compress,
    ".xz": lzma.compress,
    ".bz2": bz2.compress,
}

WIKI = """<mediawiki xmlns="http://www.mediawiki.org/xml/export-0.11/" version="0.11" xml:lang="fr">
<siteinfo><sitename>Wikipédia</sitename></siteinfo>{}</mediawiki>"""
ARTICLE = "<page><title>{0}</title><ns>{1}</ns><id>{2}</id>{3}<revision><id>9</id><text>{4}</text></revision></page>"


def tar_of(members, mode="w:gz", **keys):
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode=mode, **keys) as archive:
        for name, content in members:
            header = tarfile.TarInfo(name)
            header.size = len(content)
            archive.addfile(header, io.BytesIO(content))
    return sink.getvalue()


def warc_of(*records):
    """Each record compressed by itself, as crawlers write them: (type, content type, url, block)."""
    parts = []
    for kind, content_type, url, block in records:
        head = f"WARC/1.0\r\nWARC-Type: {kind}\r\nWARC-Target-URI: {url}\r\nContent-Type: {content_type}\r\n"
        parts.append(gzip.compress(f"{head}Content-Length: {len(block)}\r\n\r\n".encode() + block + b"\r\n\r\n"))
    return b"".join(parts)


def answer(body, kind="text/html", status="200 OK", *headers):
    head = "\r\n".join([f"HTTP/1.1 {status}", f"Content-Type: {kind}", *headers])
    return head.encode() + b"\r\n\r\n" + body
