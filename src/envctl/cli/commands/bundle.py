"""``envctl bundle``."""

from __future__ import annotations

from argparse import Namespace

from envctl.cli.console import Console
from envctl.cli.options import Parser, add_format


def configure(parser: Parser) -> None:
    """Declare the options."""
    parser.add_argument(
        "what", choices=("create", "verify"), metavar="WHAT", help="create makes a bundle, verify checks one"
    )
    parser.add_argument("bundle", nargs="?", metavar="FILE", help="the bundle that verify checks")
    parser.add_argument("-o", "--output", metavar="FILE", help="where create writes the bundle")
    parser.add_argument(
        "--target",
        action="append",
        default=[],
        metavar="TARGET",
        help="of the lock's targets only this one; may be repeated",
    )
    parser.add_argument(
        "--python",
        action="append",
        default=[],
        metavar="PYTHON",
        help="of the lock's Pythons only this one; may be repeated",
    )
    add_format(parser)
    parser.description = (
        "A bundle holds the manifest, the lock, every file and commit that its environments need on the "
        "targets, and what builds require. Made twice it has the same bytes. `envctl apply --bundle FILE` "
        "installs from it with the network shut. `create` changes neither manifest nor lock; `verify` asks "
        "nobody."
    )
    parser.examples = (
        "envctl bundle create -o shop.bundle",
        "envctl bundle create --target linux-x86_64 --python 3.13 -o shop.bundle",
        "envctl bundle verify shop.bundle",
    )


def run(arguments: Namespace, console: Console) -> int:
    """Make or check a bundle."""
    from envctl.cli.begin import begin, resolve_path
    from envctl.cli.show.bundles import bundle_lines
    from envctl.cli.show.deliver import deliver
    from envctl.cli.show.documents import result_document

    _refuse(arguments)
    context = begin(arguments, console)
    if arguments.what == "create":
        from envctl.workflow.bundling import BundleOptions, create_bundle

        options = BundleOptions(
            targets=tuple(arguments.target),
            pythons=tuple(arguments.python),
            output=resolve_path(arguments, arguments.output),
        )
        report = create_bundle(context, options)
    else:
        from envctl.workflow.unbundling import verify_bundle

        report = verify_bundle(context.settings, resolve_path(arguments, arguments.bundle))
    deliver(
        console,
        arguments.format,
        lines=lambda: bundle_lines(report, arguments.what, arguments.directory),
        document=lambda: result_document(f"bundle-{arguments.what}", report),
    )
    return 0


def _refuse(arguments: Namespace) -> None:
    from envctl.errors import UsageError

    if arguments.what == "create" and arguments.bundle is not None:
        raise UsageError(
            "bad-usage", f"`{arguments.bundle}` is one argument too many: `-o FILE` names the bundle"
        )
    if arguments.what == "create" and arguments.output is None:
        raise UsageError("bad-usage", "where to? `envctl bundle create -o FILE` names the bundle")
    if arguments.what == "verify" and arguments.bundle is None:
        raise UsageError("bad-usage", "which one? `envctl bundle verify FILE` names the bundle")
    given = [
        option
        for option, value in (
            ("--output", arguments.output),
            ("--target", arguments.target),
            ("--python", arguments.python),
        )
        if value
    ]
    if arguments.what == "verify" and given:
        raise UsageError("bad-usage", f"`envctl bundle verify` takes no `{given[0]}`")
