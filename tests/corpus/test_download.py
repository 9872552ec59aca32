"""Downloads that go on where they stopped, against a server that drops, refuses, lies and ignores."""

import errno
import gzip
import hashlib
import json
import random
import shutil
from collections import namedtuple
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calame.corpus import fetch as fetching
from calame.corpus.download import Sum, download, sum_in
from calame.recipe.catalogue import Download, Entry
from calame.recipe.errors import UserError
from calame.run.http import HttpError, Patience
from web import Reply, ranged, web

CONTENT = random.Random(1).randbytes(300_000)
SHA = hashlib.sha256(CONTENT).hexdigest()
QUICK = Patience(attempts=4, first=0.005, most=0.01, timeout=5)


def get(url, path, expected=Sum("sha256", SHA)):  # noqa: B008
    return download(url, path, expected, QUICK)


@settings(max_examples=10)
@given(st.lists(st.integers(0, 200_000), max_size=4))
def test_a_connection_that_drops_loses_nothing_and_no_byte_comes_twice(tmp_path_factory, cuts):
    left = list(cuts)
    path = tmp_path_factory.mktemp("download") / "file.bin"
    with web(lambda asked: ranged(CONTENT, asked, cut=left.pop(0) if left else None)) as site:
        assert get(f"{site.url}/file.bin", path) == (len(CONTENT), SHA)
    assert path.read_bytes() == CONTENT
    assert [p.name for p in path.parent.iterdir()] == ["file.bin"]


def test_what_an_earlier_command_got_is_gone_on_with(tmp_path):
    path = tmp_path / "file.bin"
    with (
        web(lambda asked: ranged(CONTENT, asked, cut=100_000 if len(site.asked) == 1 else 0)) as site,
        pytest.raises(HttpError, match="the connection ended at byte 100000"),
    ):
        get(f"{site.url}/file.bin", path)
        assert not path.exists() and (tmp_path / "file.bin.part").stat().st_size == 100_000
        assert len(site.asked) == QUICK.attempts
    url = site.url
    memory = tmp_path / ".file.bin.part.json"
    with web(lambda asked: ranged(CONTENT, asked)) as site:
        memory.write_text(memory.read_text().replace(url, site.url))
        assert get(f"{site.url}/file.bin", path) == (len(CONTENT), SHA)
    assert site.asked[0].headers["range"] == "bytes=100000-"


def test_a_server_that_ignores_ranges_sends_it_all_again(tmp_path):
    replies = [Reply(CONTENT, cut=50_000), Reply(CONTENT)]
    with web(lambda asked: replies.pop(0)) as site:
        assert get(f"{site.url}/f", tmp_path / "f") == (len(CONTENT), SHA)


def test_a_file_that_changed_in_between_is_taken_from_its_beginning(tmp_path):
    old = bytes(len(CONTENT))
    with web(
        lambda asked: ranged(old, asked, '"old"', 90_000) if len(site.asked) == 1 else ranged(CONTENT, asked, '"new"')
    ) as site:
        assert get(f"{site.url}/f", tmp_path / "f") == (len(CONTENT), SHA)
    assert site.asked[1].headers["if-range"] == '"old"'


@pytest.mark.parametrize("status", [429, 503, 500])
def test_a_busy_server_is_asked_again_after_what_it_says(tmp_path, status):
    waits = []
    patience = Patience(attempts=4, first=0.005, most=0.01, sleep=waits.append)
    with web(
        lambda asked: Reply(b"", status, {"Retry-After": "7"}) if len(site.asked) < 3 else ranged(CONTENT, asked)
    ) as site:
        download(f"{site.url}/f", tmp_path / "f", None, patience)
    assert waits == [7, 7]


def test_a_wrong_checksum_is_tried_once_more_and_then_nothing_stays(tmp_path):
    with (
        web(lambda asked: ranged(CONTENT[:-1] + b"!", asked)) as site,
        pytest.raises(UserError, match=r"its sha256 is .*, twice"),
    ):
        get(f"{site.url}/f", tmp_path / "f")
    assert len(site.asked) == 2 and not list(tmp_path.iterdir())
    bad_first = [CONTENT[:-1] + b"!", CONTENT]
    with web(lambda asked: ranged(bad_first.pop(0), asked)) as site:
        assert get(f"{site.url}/f", tmp_path / "f") == (len(CONTENT), SHA)


def test_more_than_the_server_has_is_thrown_away(tmp_path):
    with web(lambda asked: ranged(CONTENT, asked)) as site:
        (tmp_path / "f.part").write_bytes(bytes(400_000))
        memory = {"url": f"{site.url}/f", "validator": '"one"', "size": 1}
        (tmp_path / ".f.part.json").write_text(json.dumps(memory))
        assert get(f"{site.url}/f", tmp_path / "f") == (len(CONTENT), SHA)


def test_a_part_that_is_whole_needs_only_its_name(tmp_path):
    with web(lambda asked: ranged(CONTENT, asked)) as site:
        (tmp_path / "f.part").write_bytes(CONTENT)
        memory = {"url": f"{site.url}/f", "validator": '"one"', "size": len(CONTENT)}
        (tmp_path / ".f.part.json").write_text(json.dumps(memory))
        assert get(f"{site.url}/f", tmp_path / "f") == (len(CONTENT), SHA)
    assert len(site.asked) == 1


def test_a_full_disk_is_named_and_what_is_there_is_kept(tmp_path, monkeypatch):
    with web(lambda asked: ranged(CONTENT, asked)) as site:
        usage = namedtuple("usage", "total used free")
        monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(1, 1, 1000))
        with pytest.raises(UserError, match=r"the disk is full \(1 kB left, 300 kB are needed\)"):
            get(f"{site.url}/f", tmp_path / "f")
        monkeypatch.undo()

        def full(number):
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr("os.fsync", full)
        with pytest.raises(UserError, match="the disk is full"):
            get(f"{site.url}/f", tmp_path / "f")


def test_checksums_are_found_in_the_servers_list():
    listing = f"{'a' * 40}  x-20240101-pages.xml.bz2\n{'B' * 64} *other.gz\nnonsense\n"
    assert sum_in(listing, "x-20240101-pages.xml.bz2") == Sum("sha1", "a" * 40)
    assert sum_in(listing, "other.gz") == Sum("sha256", "b" * 64)
    assert sum_in(listing, "pages.xml.bz2") is None


@pytest.fixture
def entry(monkeypatch):
    def add(**values) -> Entry:
        known = {"title": "t", "named_by": [], "languages": ["fr"], "license": "CC0", "size": "?", "provenance": "own"}
        made = Entry.model_validate({**known, **values})
        monkeypatch.setattr(fetching, "find_entry", lambda name, where: made)
        return made

    return add


def dumps(site, asked, dates=("20240101", "20240201")):
    """A site as Wikimedia's: a listing of dates, of which the newest has no files yet."""
    links = "".join(f'<a href="{date}/">{date}/</a>' for date in (*dates, "latest"))
    if asked.path == "/wiki/":
        return Reply(links.encode())
    if asked.path == f"/wiki/{dates[0]}/wiki-{dates[0]}.bz2":
        return ranged(CONTENT, asked)
    if asked.path == f"/wiki/{dates[0]}/sums.txt":
        return Reply(f"{hashlib.sha1(CONTENT).hexdigest()}  wiki-{dates[0]}.bz2\n".encode())
    return Reply(b"not here", 404)


def test_the_newest_whole_dump_is_found_checked_and_recorded(tmp_path, entry):
    with web(lambda asked: dumps(site, asked)) as site:
        base = f"{site.url}/wiki"
        item = {"url": f"{base}/{{found}}/wiki-{{found}}.bz2", "listing": f"{base}/", "pattern": r"(\d{8})/"}
        entry(fetch=[{**item, "sums": f"{base}/{{found}}/sums.txt"}], keys={"language": "fr", "license": "CC0: all"})
        lines = fetching.fetch_source("wiki", tmp_path, patience=QUICK)
        asked = len(site.asked)
        assert fetching.fetch_source("wiki", tmp_path, patience=QUICK) == lines
        assert len(site.asked) == asked, "what is whole is not fetched again"
    assert (tmp_path / "wiki-20240101.bz2").read_bytes() == CONTENT
    (known,) = json.loads((tmp_path / "SOURCE.json").read_text())["files"].values()
    assert known["sha256"] == SHA and known["checked"] == "sha1 of the publisher" and known["done"]
    assert "      license: 'CC0: all'" in lines and f"      from: {tmp_path}" in lines


def test_a_download_that_was_begun_is_finished_though_a_newer_one_is_there_and_looked_up_again_when_gone(
    tmp_path, entry
):
    state = SimpleNamespace(names=["Freemium_1.tar.gz"], cut=100_000)

    def answer(asked):
        if asked.path == "/LEGI/":
            return Reply("".join(f'<a href="/LEGI/{name}">x</a>' for name in state.names).encode())
        if asked.path.removeprefix("/LEGI/") in state.names:
            return ranged(CONTENT, asked, cut=state.cut)
        return Reply(b"gone", 404)

    with web(answer) as site:
        item = Download(
            url=f"{site.url}/LEGI/{{found}}", listing=f"{site.url}/LEGI/", pattern=r"(Freemium_\d+\.tar\.gz)"
        )
        entry(fetch=[item.model_dump()])
        state.cut = 0
        with pytest.raises(UserError, match="the same command goes on"):
            fetching.fetch_source("legi", tmp_path, patience=QUICK)
        state.names, state.cut = ["Freemium_1.tar.gz", "Freemium_2.tar.gz"], None
        fetching.fetch_source("legi", tmp_path, patience=QUICK)
        assert (tmp_path / "Freemium_1.tar.gz").is_file() and not (tmp_path / "Freemium_2.tar.gz").exists()
        (tmp_path / "Freemium_1.tar.gz").unlink()
        state.names = ["Freemium_2.tar.gz"]
        fetching.fetch_source("legi", tmp_path, patience=QUICK)
        assert (tmp_path / "Freemium_2.tar.gz").read_bytes() == CONTENT


def test_several_files_and_less_of_them(tmp_path, entry):
    with web(lambda asked: ranged(gzip.compress(asked.path.encode(), mtime=0), asked)) as site:
        entry(fetch=[{"url": f"{site.url}/{n}.gz"} for n in range(3)])
        fetching.fetch_source("three", tmp_path, most=2, patience=QUICK)
        assert sorted(path.name for path in tmp_path.glob("*.gz")) == ["0.gz", "1.gz"]
        fetching.fetch_source("three", tmp_path, patience=QUICK)
        assert sorted(path.name for path in tmp_path.glob("*.gz")) == ["0.gz", "1.gz", "2.gz"]
        with pytest.raises(UserError, match="holds three, fetched before"):
            fetching.fetch_source("four", tmp_path, patience=QUICK)


def test_a_server_without_the_file_and_a_listing_without_such_names_are_named(tmp_path, entry):
    with web(lambda asked: Reply(b"", 404) if asked.path != "/" else Reply(b'<a href="x.gz">x</a>')) as site:
        entry(fetch=[{"url": f"{site.url}/f.gz"}])
        with pytest.raises(UserError, match="no such file on the server"):
            fetching.fetch_source("f", tmp_path, patience=QUICK)
        entry(fetch=[{"url": f"{site.url}/{{found}}", "listing": f"{site.url}/", "pattern": r"(\d+)/"}])
        with pytest.raises(UserError, match="no link like"):
            fetching.fetch_source("f", tmp_path, patience=QUICK)


class FakeHub:
    """The two calls of huggingface_hub that are used, over files in memory."""

    def __init__(self, files: dict[str, bytes]):
        self.files, self.fetched = files, []

    def dataset_info(self, hub_id):
        return SimpleNamespace(sha="c0ffee")

    def list_repo_tree(self, hub_id, folder, recursive, revision, repo_type):
        assert revision == "c0ffee" and repo_type == "dataset"
        for path, content in self.files.items():
            if folder is None or path.startswith(f"{folder}/"):
                lfs = SimpleNamespace(sha256=hashlib.sha256(content).hexdigest())
                yield SimpleNamespace(path=path, size=len(content), lfs=lfs)
        yield SimpleNamespace(path="a-folder")

    def download(self, hub_id, path, repo_type, revision, local_dir):
        self.fetched.append(path)
        to = local_dir / path
        to.parent.mkdir(parents=True, exist_ok=True)
        to.write_bytes(self.files[path])
        return str(to)


def test_the_files_of_a_set_of_the_hub_are_fetched_of_one_commit_and_checked(tmp_path, entry, monkeypatch):
    import huggingface_hub

    hub = FakeHub({f"fra/{n}.parquet": bytes([n]) * 10 for n in range(3)} | {"README.md": b"x", "ita/0.parquet": b"y"})
    monkeypatch.setattr(huggingface_hub, "HfApi", lambda: hub)
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", hub.download)
    entry(keys={"from": "hub:a/b", "subset": "fra", "text": "text"}, hub_files="fra/*")
    lines = fetching.fetch_source("b", tmp_path, most=2)
    assert hub.fetched == ["fra/0.parquet", "fra/1.parquet"]
    fetching.fetch_source("b", tmp_path)
    assert hub.fetched == ["fra/0.parquet", "fra/1.parquet", "fra/2.parquet"]
    assert not any("subset" in line for line in lines)
    assert json.loads((tmp_path / "SOURCE.json").read_text())["commit"] == "c0ffee"
    with pytest.raises(UserError, match="no data file like x/"):
        fetching.fetch_source("b", tmp_path, match="x/*")
    (tmp_path / "fra/0.parquet").unlink()
    hub.list_repo_tree = lambda *args, **keys: [SimpleNamespace(path="fra/0.parquet", size=10, lfs=None)]
    hub.files["fra/0.parquet"] = b"short"
    with pytest.raises(UserError, match="is not what the hub says it is"):
        fetching.fetch_source("b", tmp_path)
    assert not (tmp_path / "fra/0.parquet").exists()
