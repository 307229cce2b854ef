"""
A coverage-guided fuzzer for what comes over a connection.

    python -m pip install --group fuzz
    python -m tests.fuzz -max_total_time=1200

runs it for 20 minutes, from the root of the repository. It starts from the inputs of `seeds`, and fails for what
`Target.check` fails for: an error that is not typed, a secret in an outcome, a response that is left to the next call,
an input that takes more than a second of CPU. More than 512 MiB of memory are a failure, too. Arguments are
libFuzzer's, and ``python -m tests.fuzz FILE`` runs one input again: of one that failed, the path is printed.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from tempfile import mkdtemp


def main(arguments: list[str]) -> None:
    """Fuzz, until libFuzzer ends the process."""
    atheris = import_module("atheris")  # by its name, since type checkers cannot find it everywhere: it needs Linux
    with atheris.instrument_imports(include=["codepipeline_client"]):
        from .target import MAX_LENGTH, Target
    from .seeds import TOKENS, seeds

    directory = Path(mkdtemp(prefix="fuzz-"))
    corpus, dictionary = directory / "corpus", directory / "dictionary"
    corpus.mkdir()
    for number, seed in enumerate(seeds()):
        (corpus / f"seed-{number:03}").write_bytes(seed)
    tokens = ("".join(f"\\x{byte:02x}" for byte in token) for token in TOKENS)
    dictionary.write_text("".join(f'"{token}"\n' for token in tokens))
    options = [f"-dict={dictionary}", f"-max_len={MAX_LENGTH}", "-timeout=10", "-rss_limit_mb=512"]
    options += [f"-artifact_prefix={directory}/", "-print_final_stats=1", *arguments]
    if all(each.startswith("-") for each in arguments):
        options.append(str(corpus))
    with Target() as target:
        atheris.Setup([sys.argv[0], *options], target.check)
        atheris.Fuzz()


main(sys.argv[1:])
