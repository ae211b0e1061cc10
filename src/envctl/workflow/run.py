"""``envctl run``: a command in the environment, which stays as it is."""

from __future__ import annotations

from envctl.environment.configuration import read_configuration
from envctl.errors import EnvctlError
from envctl.frozen import replace
from envctl.manifest.select import select_environment
from envctl.transaction.generations import kept_numbers, live_number, no_such, refuse_damaged
from envctl.transaction.site import locate
from envctl.unchanged import is_unchanged
from envctl.workflow.activation import find_script_python, make_launch
from envctl.workflow.context import Context
from envctl.workflow.goals import find_place
from envctl.workflow.inputs import load_manifest
from envctl.workflow.list import no_environment
from envctl.workflow.remarks import tell_active
from envctl.workflow.results import Launch
from envctl.workflow.status import status


def prepare_run(context: Context, command: tuple[str, ...]) -> Launch:
    """Say how to start ``command`` so that it runs in the environment.

    The environment is looked at only where its receipt does not vouch for it.

    Raises:
        InputError: anything wrong with the manifest; MachineError: `no-environment`.
    """
    manifest = load_manifest(context).manifest
    declaration = select_environment(manifest, context.environment)
    path = declaration.path
    if read_configuration(path) is None:
        raise no_environment(path)
    tell_active(context, path)
    remark = None if is_unchanged(path, manifest.path, declaration.name) else _remark(context)
    return make_launch(path, command, context.settings.environ, remark=remark)


def prepare_run_of(context: Context, number: int, command: tuple[str, ...]) -> Launch:
    """Say how to start ``command`` so that it runs in a generation, wherever that lies.

    Raises:
        InputError: anything wrong with the manifest.
        MachineError: `no-such-generation`, `generation-damaged`.
    """
    site = locate(find_place(context).environment)
    if number == live_number(site):
        return make_launch(site.path, command, context.settings.environ)
    if number not in kept_numbers(site):
        raise no_such(f"there is no generation {number}", site)
    refuse_damaged(site, number)
    launch = make_launch(site.generation(number), command, context.settings.environ)
    return replace(launch, argv=(*find_script_python(site.generation(number), launch.argv[0]), *launch.argv))


def _remark(context: Context) -> str | None:
    """Say in one line that the environment is not what the lock wants; a doubt never keeps a command back."""
    try:
        found = status(context)
    except EnvctlError as error:
        return f"whether the environment is up to date cannot be told: {error.message}"
    if found.fits:
        return None
    if found.pending is not None:
        return found.pending
    if found.lock != "fits":
        return "the lock does not fit the manifest; `envctl plan` shows what would change"
    return "the environment is not what the lock wants; `envctl plan` shows what would change"
