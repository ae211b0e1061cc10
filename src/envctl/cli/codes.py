"""What each code of an error or a notice means, and what to do about it.

``docs/reference/errors.md`` is made of this. A test looks for every code that the source raises, and
fails when one has no entry here.
"""

from __future__ import annotations

_TABLE = """
all-asked-for: A lock that was imported does not say who requires what, so everything in it went to the list.
archive-too-big: A wheel or sdist unpacks to more than envctl lets in (bytes, files, or the ratio of both).
    Nothing of it was kept. Look at where it comes from before anything else.
backend-path-escapes: `build-system.backend-path` of a source tree points outside of it. Refused before any of
    its code runs.
bad-archive: A wheel or sdist is damaged, or its parts contradict each other, so that two tools could see
    different files in it. Nothing of it was kept.
bad-bundle: A file is no bundle, or what is in it is not what its list says. Nothing was taken from it.
bad-ca-bundle: The file of certificates that the settings name cannot be read or used.
bad-checkout: A commit of a repository holds a link or a submodule that leads out of its tree. Nothing of it
    was built.
bad-client-certificate: The client certificate that the settings name, or its key, cannot be used.
bad-encoding: A server's answer is compressed in a way that cannot be undone.
bad-hash: A hash in a lock or on an index page has the wrong length or holds other than hexadecimal digits.
bad-index-page: An index answered with something that is no page of the Simple API.
bad-lock-path: `[lock] path` is neither `pylock.toml` nor `pylock.NAME.toml`.
bad-lock: The lock is no valid `pylock.toml`, or names paths and URLs that it may not. `envctl lock` writes it
    anew.
bad-metadata: The metadata of a release is no valid core metadata, so nobody can tell what it requires; or it
    is of another package or version. As a warning: the release was passed over.
bad-name: A name in the manifest or in pyproject.toml is no valid name of a package, group, extra or
    environment.
bad-netrc: A server refuses, and the netrc file is not there, cannot be read or cannot be parsed: nothing is
    taken from it.
bad-path: A path in the manifest is not usable where it stands: no folder, or outside of where it may be.
bad-plan: The file is no saved plan that this envctl can read. `envctl plan --out FILE` writes one.
bad-proxy: The address of the proxy in the settings or the variables cannot be used.
bad-pyproject: A pyproject.toml is not valid TOML, or its `[build-system]` table is not what PEP 518 allows.
bad-python: A statement about Python is none: write a specifier, a version such as `3.12`, or a path.
bad-python-archive: The archive of a Python that was to be installed is damaged, leads outside of its folder,
    or holds another Python than it should. Nothing of it was kept.
bad-record: The RECORD of a wheel does not fit its files. `[install] accept-bad-record` lets one in by name.
bad-redirect: A server sends the request to where it may not go: from https to http, in a circle, or too
    often.
bad-requirement: A requirement is not written as PEP 508 says.
bad-sdist: A source archive is damaged, leads outside of its folder, or is not one folder. Nothing of it was
    kept.
bad-settings: The user's config.toml is not valid TOML.
bad-size: A size in `[policy]` is neither a number of bytes nor a text such as `200 MB`.
bad-source: An entry of `[sources]` combines what does not go together, or names what cannot be.
bad-specifier: A version specifier is not written as PEP 440 says.
bad-time: A time in the manifest is none: write `3 days`, a date, or a date and time.
bad-toml: The manifest is not valid TOML, or not UTF-8.
bad-url: A URL is malformed, or of a kind that is not fetched.
bad-usage: The command line contradicts itself, or an option got a value that it does not take. `envctl
    COMMAND --help` lists what there is.
bad-value: A key has a value that it does not take; the message lists those that it does.
bad-variable: A variable of the environment, `ENVCTL_…`, holds what its option would not take.
bad-wheel: A file is no wheel: its name, its parts or its metadata are not what the specification says.
bare-environment-failed: No bare environment could be made for an interpreter, for a reason of the machine.
bug: envctl contradicts itself. Please report it with the lines above the message.
bound-not-set: A requirement could not be pinned, because the lock holds several versions of its package. It
    stays as it is.
build-cycle: A package is needed to build itself, because nothing that its build requires comes as a wheel.
build-failed: A build backend failed, or answered with what it should not; the end of its output stands below
    the message, and the path of a log with all of it. Your environment is as it was.
build-log: A remark, told with `-v`: where the log of a build is.
build-not-allowed: Something must be built from source, which runs the code of others, and nothing allows
    that. `[build] allow = ["NAME"]` in the manifest does.
build-timeout: A build took longer than `[build] timeout` says, 30 minutes where it says nothing. The backend
    was ended, with all that it had started.
cache-edited: A file in the cache was written through a hard link, with its time put back, and that was found
    only after it was laid. The next plan shows it as drift, and `envctl apply` lays it anew.
cache-emptied: While an apply was laying files from the cache, another command purged or pruned it, or
    somebody deleted it; or a file in it turned out to have been changed, as an edit of an installed file does
    through a hard link. What is lost is fetched again; there is nothing to do.
bundle-incomplete: A bundle lacks a file or a commit that its lock needs, or what a build requires: it was
    made for other targets or Pythons, or is damaged.
bundle-of-another-lock: A bundle is for another lock than the project has now. Make one from this lock, or
    take the manifest and the lock that are in it.
cache-failed: The cache folder could not be read or written, or is a file. `--cache-dir` names another one.
cache-not-ours: The cache folder belongs to another user, or others may write into it, so nothing in it can be
    trusted.
cancelled: The question was answered with no. Nothing was changed.
cannot-exchange: `[install] switch = "exchange"` is asked for where an environment cannot change places with
    another folder, for the reason that is given. Leave the key out, and it is changed file by file.
cannot-edit: A file is written in a way that cannot be edited without changing more than was asked for. Edit
    it by hand.
cannot-read: A local file of an index or a cache could not be read.
cannot-recover: What a killed run left could not be finished or undone. `envctl status` says what is there.
cannot-switch: The new environment could not take the place of the old one. The old one is as it was.
cannot-undo: A step failed and the switch before it could not be undone. `envctl status` says what to do.
cannot-write: A file could not be written; everything is as it was.
command-not-executable: `envctl run` found its command but may not execute it.
command-not-found: `envctl run` did not find its command in the environment, nor on the path.
conflicting-lists: An environment, or a list through what it includes, combines groups or extras that
    `[lock] conflicts` keeps apart.
copying: The cache lies on another file system than the environment, or its files cannot be linked, so they
    are copied: slower, and they take their room twice.
credentials-in-url: A URL in a file holds a user name or password. Use `ENVCTL_INDEX_NAME_USERNAME` and
    `_PASSWORD`, or netrc.
data-left: What was written into the environment in the last moment before its switch could not be taken
    along. It is in the generation before.
digests-computed: An index gives no digest of its files that proves anything, so they were fetched to compute
    one. The lock pins it.
direct-url-refused: A release, or a build, requires another one by URL. That is allowed in your own lists
    only; name it in `[sources]` to say where it comes from.
disk-full: There is no room left. Free some; `envctl cache purge` empties the cache.
duplicate-name: Two names are the same once they are normalised.
duplicate-path: Two environments have the same path.
dynamic-project: A pyproject.toml leaves to its backend what the manifest needs to know. Write it down in
    `[project]`.
file-changed-meanwhile: Somebody else changed a file while envctl was at work. It is left as it is, and what
    was to be edited in it is not done.
file-conflict: Two packages hold the same file with different content, or one holds a file of the environment
    itself. `[install] allow-overwrite` lets one win by name.
file-elsewhere: A locked file is not taken from the URL in the lock, but from where its index, or this
    machine's mirror of it, has the file of that name and digest now. A remark, told with `-v`.
git-failed: `git` did not give what was asked of it; what it said stands in the message.
git-missing: There is no `git` on the path, which reads what a revision holds, and fetches sources that are
    repositories.
generation-damaged: The record of a generation cannot be read by this version of envctl, or something that it
    cannot do without is gone. Nothing was changed.
generation-edited: A generation that was rolled back to does not hold what envctl laid: somebody installed or
    removed something in it. It is in place as it was; the next plan shows what follows.
generations-kept: Earlier generations could not be moved to the trash; they stay until the next run.
group-cycle: Dependency groups include each other in a circle.
group-too-large: Dependency groups include each other in too long a chain.
hash-mismatch: What was fetched or built is not what its hash says. Nothing of it was kept.
import-not-supported: What was to be imported is of a kind that this version cannot take over. A virtual
    environment, a requirements.txt and a pylock.toml can be.
index-api-newer: An index speaks a newer minor version of the Simple API than envctl knows. What it knows is
    used.
index-error: An index answered with an error.
index-unreachable: An index could not be reached. With `--offline` only the cache is asked.
input-output: The system refused to read or write for a reason that is not told more exactly.
insecure-host: A server is spoken to without checking its certificate, because the user's settings say so.
interpreter-broken: A Python interpreter was found but does not run or does not say what it is.
interpreter-missing: There is no interpreter at the path that was named.
interpreter-unsupported: The interpreter is too old for envctl to make environments from.
interrupted: The run was asked to end. What it had begun was undone.
inventory-damaged: The list of an environment's files cannot be read. `envctl apply` makes it anew.
journal-damaged: What a killed run was about to do cannot be read: another version of envctl wrote it, or
    the disk damaged it. `envctl status` says what is there.
keyring-silent: The system's keyring was asked for a password and did not answer in time. `keyring` in the
    settings says whether it is asked.
lock-ambiguous: The lock selects two entries for one package. `envctl lock` writes it anew.
lock-missing: There is no lock, and the command or its options do not allow to make one.
lock-looked-at-again: Another run wrote the lock while this one resolved. It is read again, and there is
    nothing to do.
lock-moved: Somebody else wrote the lock meanwhile. It is left as it is; run the command again.
lock-stale: The lock does not fit the manifest any more, and the options do not allow to make it anew.
locked: Another run holds the environment and did not end in time. `--lock-timeout` waits longer.
manifest-found: Which manifest counts; told with `-v`.
manifest-exists: There is a manifest already; `envctl init` replaces nothing.
merge: A plan says that the environment will be changed file by file, and why it cannot change places with its
    successor. What apply promises then is in the manual.
merged: The file system cannot exchange this environment's folder, as in a container whose image holds it, so
    it was changed file by file. `[install] switch = "merge"` does not try the other way first.
metadata-hash-mismatch: The metadata file beside a wheel is not what its hash says.
missing-key: A table lacks a key that it needs.
mounted: Something is mounted where envctl would have to write, rename or delete. Nothing was touched. An
    environment that is a mount point is changed file by file instead.
needs-yes: A command would ask, and there is nobody to ask. `--yes` is the answer.
no-build-tool: A tool that a build needs has no wheel for this Python here.
no-command: No command was given.
no-directory: The folder given with `-C` is not there.
no-editable: The build backend of a project cannot install it as editable. `editable = false` in `[sources]`
    does without.
no-environment: There is no environment yet. `envctl apply` makes it.
no-file: A file that was named is not there.
no-hash: There is no hash that can be trusted for a file that the lock lists.
no-launcher: There is no launcher for scripts on this kind of machine.
no-lock: The file system cannot lock a file, so two runs could not be kept apart.
no-manifest: There is no env.toml in the working folder nor above it. `envctl init` writes one, `-f` names
    another.
no-matching-version: No release that exists, or none that counts, is within what was asked for.
no-project-table: A pyproject.toml has no `[project]` table, so only its backend knows what the project needs.
no-pyproject: The manifest takes its lists from a pyproject.toml that is not there.
no-python-build: `envctl python install` knows no build of that version for this machine, or no digest of it.
no-python: No interpreter on this machine fits what the manifest asks for.
no-solution: The requirements contradict each other; the lines below the message say which.
no-source: A path source is not there, or holds no project; or a `subdirectory` is not in its source.
no-repository: The lock lies in no git repository, so that there is no revision of it. Name two files instead.
no-space: There is not enough room for the new environment, or in the cache for what has to be fetched for it.
    Nothing was begun.
no-such-extra: A package has no extra of that name. It is installed without.
no-such-revision: What was named is neither a file nor a revision of the git repository; or a source names a
    branch, tag or commit that its repository does not have.
no-such-file: A file that the lock or an index names is not on the server any more.
no-such-generation: There is no generation of that number, or none to roll back to. `envctl history` lists
    them.
no-such-package: No index that may serve it lists a package of that name.
no-upload-time: A release was passed over because `exclude-newer` limits uploads, and its index does
    not say when it was uploaded.
no-usable-file: The release has no file that can be used on this platform and Python.
not-a-plain-file: Something in the cache is neither a file nor a folder. It is not used.
not-an-environment: The folder has no pyvenv.cfg or is a link. envctl neither replaces nor deletes it.
not-deleted: A part of the environment, or of its earlier generations, could not be deleted. The same command
    goes on from there.
not-in-revision: A revision of the git repository does not hold the lock.
not-listed: No list, or not the one that was named, asks for a package that was to be removed.
not-locked-for: The lock does not cover this machine or this Python. `[lock] targets` and `[lock] python` say
    what it does.
not-locked: `why`, `upgrade` or `--upgrade-package` names a package that the lock does not hold.
not-ours: The environment was made by others, or belongs to another user. `--adopt` takes over one that others
    made.
not-readable: A file cannot be read.
not-writable: A file or folder cannot be written.
not-selected: `why` or `--reinstall` names a package that the environment does not hold.
offline: The network is needed, and `--offline` forbids it.
options-left-out: Options of a requirements file say what a manifest says elsewhere, or nowhere: indexes are
    `[[index]]`, binaries `[build]`.
other-environment-active: Another environment is active than the one that the manifest means. What is active
    never decides where envctl installs.
out-of-memory: There is not enough memory for what was asked.
path-not-usable: The path of the environment is one that no script could name its interpreter by.
path-unusable: The path of the environment holds characters that activation scripts cannot hold.
plan-damaged: A saved plan was changed after it was made.
policy-denied: An enforced rule of `[policy]` forbids the plan. `waive` lets one package through, with a
    reason.
policy-warning: A rule of `[policy]` that only warns has something against a package; that came to light when
    the package was fetched.
policy-not-checked: A rule of `[policy]` could not be checked, for the reason that is given.
processes-running: Processes run from the environment that was replaced. They keep what they have loaded, and
    what they import later is the new; restart them.
prompt-unusable: The name of the manifest, which the prompt shows, holds characters that activation scripts
    cannot hold.
proxy-failed: The proxy cannot be reached, or refuses to connect; the variables and settings that name it are
    in the message.
python-too-new: A release is not for a Python as new as this one.
python-too-old: A release needs a newer Python than this one.
quarantined: An index has put a project into quarantine (PEP 792): it may be malware. Nothing of it is
    locked.
read-only: The environment lies on a file system that is mounted read-only.
recovered: What a killed run left was finished or undone.
requires-envctl: The manifest asks for another version of envctl.
reserved-name: A group has the name `default`, which in the lock stands for what `[env.default]` holds.
response-too-large: A server's answer is larger than any page of an index may be.
seeds-left-out: What tools put into every environment unasked, and nothing needs, was not imported.
several-entries: A list asks for a package several times, with markers, and it cannot be known which entry is
    meant.
several-lists: Several lists ask for a package, and none was named: `--group` or `--extra` does.
size-mismatch: A file has another size than the lock or the index says.
stage-differs: What was staged is not what the plan promised. The environment is as it was.
stage-failed: The new environment could not be made. The live one is as it was.
stale-plan: Something that a saved plan was made from is different now; what moved is listed. Plan again.
switch-half-done: The environment was moved away and could not be moved back. `envctl status` says where it
    is.
tag-moved: A tag of a repository names another commit than the one that the lock has of it. Tags are meant to
    stay: find out why before `envctl upgrade` takes the new one.
timeout: A server does not answer in time.
timestamps-changed: More than a tenth of the files of an environment have other times than they were given, as
    in a copy. A remark: their content was compared, and the next `apply` remembers the new times.
tls-failed: The certificate of a server cannot be trusted. `ca-bundle` in the settings names your own
    authority.
too-hard: No solution was found in reasonable time. A lower bound on a package with many releases helps.
too-many-conflicts: The sets of `[lock] conflicts` meet in the same packages and allow more combinations than
    can be resolved.
too-many-files: The system allows no more open files.
truncated: A connection ended before the file was whole.
two-lists: A list stands in the manifest and in the pyproject.toml that it takes its lists from.
two-origins: A package has a URL in a list and an entry in `[sources]`. One of the two has to go.
unfinished: The switch is done, but what is left could not be tidied. The next run does it.
unknown-command: There is no such command.
unknown-environment: The manifest declares no environment of that name.
unknown-extra: Something names an extra that there is not.
unknown-group: Something names a dependency group that there is not.
unknown-index: A source names an index that the manifest does not have.
unknown-key: A file has a key that envctl does not know; the one that was probably meant is named.
unknown-option: A command has no such option.
unknown-rule: `[policy]` has no such rule.
unknown-target: `[lock] targets` names a platform that envctl does not know.
unsafe-archive: An archive holds a name, a link or a kind of file that could reach outside of its folder.
    Nothing of it was kept.
unsafe-wheel: A wheel would place something where it must not: outside of the environment, over the
    interpreter, or as a script under a reserved name. Nothing of it was kept.
url-not-allowed: A constraint or an override has a URL. `[sources]` says where a package comes from.
version-not-kept: The lock could not be made with a version that is installed: no index has it, or something
    else that is asked for does not allow it.
waiting: Another run holds the environment; this one waits for it.
waiver-expired: The last day of a waiver in `[policy]` is over, so it waives nothing any more.
weak-hash: A file is known by an md5 or sha1 digest only, which proves nothing.
wheel-mismatch: The file name of a wheel and its metadata name different packages or versions.
wrong-metadata: The metadata of a source is of another package or version than was asked for.
wrong-type: A key has a value of the wrong type.
"""


def explain_codes() -> dict[str, str]:
    """Give for each code its paragraph, by code in alphabetical order."""
    entries: dict[str, str] = {}
    code = ""
    for line in _TABLE.strip().splitlines():
        if line.startswith(" "):
            entries[code] += f" {line.strip()}"
        else:
            code, _, text = line.partition(": ")
            entries[code] = text
    return entries
