"""The command line: exit codes, messages without tracebacks, a help that is there at once, overrides anywhere."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from calame import cli
from calame.cli import main
from support import Toy, environment, run_cli

HEAVY = "torch pydantic numpy yaml rich transformers tokenizers pyarrow sentencepiece safetensors zstandard"


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"], ["chat", "--help"], ["--version"], []])
def test_help_is_there_before_anything_heavy_is_imported(arguments):
    code = (
        "import sys\nfrom calame.cli import main\n"
        f"try: main({arguments!r})\nexcept SystemExit as end: assert end.code == 0\n"
        f"heavy = [name for name in {HEAVY.split()!r} if name in sys.modules]\n"
        "assert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", code], env=environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "calame" in done.stdout


MISTAKES = [
    (["run", "nowhere"], "nowhere: no such recipe"),
    (["run", "toy.yaml", "corpus.sources.contes.from=nowhere"], "no such file or folder"),
    (["run", "toy.yaml", "--only", "nowhere"], "no stage is called so"),
    (["status", "toy.yaml", "model.hidden_size=100"], "does not divide"),
    (["chat", "nobody"], "is no run, checkpoint or model folder"),
    (["generate", "nobody", "--prompt", "a", "--min-p", "2"], "min_p: 2.0"),
    (["new", "x", "--text", "nowhere"], "no such file or folder"),
    (["trace", "1", "toy.yaml"], "not made yet"),
    (["report", "toy.yaml"], "no run is there"),
    (["doctor", "nobody"], "no run with a pretraining"),
]


@pytest.mark.parametrize(("arguments", "words"), MISTAKES)
def test_a_users_mistake_is_a_message_and_2(toy, capsys, arguments, words):
    toy.recipe()
    assert main(arguments) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ") and words in said


def test_a_users_mistake_has_no_traceback_and_2_is_the_exit_code(tmp_path):
    Toy(tmp_path).recipe()
    done = run_cli("run", "toy.yaml", "pretrain.bacth=1", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ") and "did you mean pretrain.batch?" in done.stderr
    assert "Traceback" not in done.stderr + done.stdout


@pytest.mark.parametrize(
    "arguments", [["fly"], ["run"], ["run", "toy.yaml", "--fly"], ["run", "toy.yaml", "word"], ["recipes", "a.b=c"]]
)
def test_a_line_that_cannot_be_parsed_is_2(toy, capsys, arguments):
    toy.recipe()
    try:
        code = main(arguments)
    except SystemExit as end:
        code = end.code
    assert code == 2
    assert "Traceback" not in capsys.readouterr().err


def test_overrides_stand_anywhere_on_the_line(toy, capsys):
    toy.recipe()
    lines = [
        ["run", "toy.yaml", "name=a", "seed=5", "--dry-run"],
        ["run", "toy.yaml", "--dry-run", "name=a", "seed=5"],
        ["run", "--dry-run", "name=a", "toy.yaml", "seed=5"],
        ["run", "name=a", "--to", "release", "seed=5", "--dry-run", "toy.yaml"],
        ["run", "toy.yaml", "name=a", "--dry-run", "seed=5"],
    ]
    for line in lines:
        options = cli._parse(line)
        assert (options.recipe, options.overrides, options.dry_run) == ("toy.yaml", ["name=a", "seed=5"], True), line
    assert main(["run", "name=a", "toy.yaml", "--dry-run", "seed=five"]) == 2
    assert "command line: seed" in capsys.readouterr().err
    options = cli._parse(["trace", "3", "seed=5", "toy.yaml"])
    assert (options.step, options.recipe, options.overrides) == (3, "toy.yaml", ["seed=5"])


def test_a_recipe_may_have_an_equals_sign_in_its_name(toy):
    Path(toy.recipe()).rename("lr=3e-4.yaml")
    assert cli._parse(["status", "lr=3e-4.yaml", "seed=5"]).recipe == "lr=3e-4.yaml"
    assert main(["status", "lr=3e-4.yaml", "seed=5"]) == 0


def outcome(error: BaseException | None, capsys) -> tuple[int, str]:
    def call():
        if error:
            raise error

    code = cli._guarded(call)
    return code, capsys.readouterr().err


def test_outcomes_have_their_exit_codes(capsys):
    from calame.release.place import GateFailed
    from calame.road.run import Shortfall
    from calame.training.loop import Interrupted

    assert outcome(None, capsys) == (0, "")
    assert outcome(Shortfall("below"), capsys) == (1, "error: below\n")
    assert outcome(GateFailed("differs"), capsys) == (1, "error: differs\n")
    assert outcome(Interrupted("goes on"), capsys) == (130, "goes on\n")
    assert outcome(KeyboardInterrupt(), capsys)[0] == 130


def test_a_fault_of_ours_is_not_hidden():
    with pytest.raises(ZeroDivisionError):
        cli._guarded(lambda: 1 // 0)


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS])
def test_what_the_system_forbids_is_the_users_to_mend(capsys, number):
    code, said = outcome(OSError(number, os.strerror(number), "/data/runs"), capsys)
    assert code == 2
    assert said == f"error: /data/runs: {os.strerror(number)}\n"


def test_a_reader_that_stops_reading_is_no_error():
    """calame recipes --keys | head -1, with more output than a pipe holds."""
    code = "from calame.cli import main; import sys; sys.exit(max(main(['recipes', '--keys']) for _ in range(50)))"
    command = f'set -o pipefail; {sys.executable} -c "{code}" | head -1'
    done = subprocess.run(["bash", "-c", command], env=environment(), capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("name")


def test_every_verb_says_what_it_does(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    said = capsys.readouterr().out
    for verb in (
        "run",
        "new",
        "status",
        "recipes",
        "tokenizer",
        "trace",
        "generate",
        "chat",
        "search-decoding",
        "compare",
        "judge",
        "pairs",
        "export",
        "report",
        "doctor",
    ):
        assert f"    {verb}" in said


def test_the_shipped_recipes_and_every_key_are_listed(capsys):
    assert main(["recipes"]) == 0
    assert "petit-monde" in capsys.readouterr().out
    assert main(["recipes", "--keys"]) == 0
    said = capsys.readouterr().out
    assert "pretrain.tokens" in said and "execution.micro_batch" in said and "(execution)" in said
